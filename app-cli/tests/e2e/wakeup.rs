use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::command_log;
use crate::event_log;
use crate::expectations::numbered;
use crate::fixture::{Started, TempProject, wait_until};

/// The maximum delay of a wakeup. Normally a run wakes up within half a second.
const MAX_DELAY: Duration = Duration::from_secs(15);

const LONG_BACKOFF: &str = "10m";

#[test]
#[expect(clippy::print_stderr, reason = "the figures are of interest in every run")]
fn a_waiting_run_wakes_up_for_new_files_and_for_a_stop() {
    let project = TempProject::new();
    project.create(&numbered("bad", 0..2));
    project.add(0, &numbered("bad", 0..2));
    let run = project.start_run(&["--backoff-base", LONG_BACKOFF]);
    wait_until("all files wait for a retry", || requeued(&project) == 2);

    let delays = [0, 1, 2].map(|number| delay_of_new_file(&project, number));
    eprintln!("from the end of `queue add` to the start of the file: {delays:?}");
    assert!(delays.iter().all(|delay| *delay < MAX_DELAY), "{delays:?}");
    let delay = delay_of_stop(&project, run);
    eprintln!("from the end of `stop` to the end of the run: {delay:?}");
    assert!(delay < MAX_DELAY, "{delay:?}");
    assert_eq!(project.count("pending"), 2);
}

fn requeued(project: &TempProject) -> usize {
    let log = project.path("logs/autonomous-processing.jsonl");
    if log.exists() {
        event_log::events(project).iter().filter(|event| event.kind == "file_requeued").count()
    } else {
        0
    }
}

fn delay_of_new_file(project: &TempProject, number: usize) -> Duration {
    let names = numbered("ok", number..number + 1);
    project.create(&names);
    project.add(0, &names);
    let added = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that was set");
    let name = format!("ok-{number}");
    let start = || command_log::moments(project).into_iter().find(|moment| moment.name == name);
    wait_until("the new file has started", || start().is_some());
    let began = start().map(|moment| u64::try_from(moment.at).expect("a clock that was set"));
    let delay = Duration::from_micros(began.expect("waited for")).saturating_sub(added);
    // The run must be waiting again before the next file is added.
    wait_until("the file is completed", || project.count("completed") == number as u64 + 1);
    delay
}

fn delay_of_stop(project: &TempProject, run: Started) -> Duration {
    project.json(["stop"]);
    let asked = Instant::now();
    let result = run.wait().result();
    let delay = asked.elapsed();
    assert_eq!(
        (&result["stopped_by"], &result["processed"], &result["remaining"]),
        (&"stop_file".into(), &3.into(), &2.into())
    );
    delay
}
