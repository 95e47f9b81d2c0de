//! A run with nothing to do but to wait: it must hear at once of a new file and of a stop.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::desert::numbered;
use crate::place::{Place, Started, wait_until};
use crate::record;
use crate::story;

/// The promise is half a second. A machine that does several things at once may take longer to start a process; the figures
/// that matter are printed.
const PROMPT: Duration = Duration::from_secs(15);

/// A backoff that no test sees the end of.
const FAR_AWAY: &str = "10m";

#[test]
#[expect(clippy::print_stderr, reason = "the figures are worth seeing also where they are good enough")]
fn a_waiting_run_hears_of_new_files_and_of_a_stop() {
    let place = Place::new();
    place.create(&numbered("bad", 0..2));
    place.add(0, &numbered("bad", 0..2));
    let run = place.start_run(&["--backoff-base", FAR_AWAY]);
    wait_until("all there is waits", || requeued(&place) == 2);

    let delays = [0, 1, 2].map(|number| delay_of_new_file(&place, number));
    eprintln!("from the end of `queue add` to the start of the file: {delays:?}");
    assert!(delays.iter().all(|delay| *delay < PROMPT), "{delays:?}");
    let delay = delay_of_stop(&place, run);
    eprintln!("from the end of `stop` to the end of the run: {delay:?}");
    assert!(delay < PROMPT, "{delay:?}");
    assert_eq!(place.count("pending"), 2);
}

fn requeued(place: &Place) -> usize {
    let log = place.path("logs/autonomous-processing.jsonl");
    if log.exists() { story::events(place).iter().filter(|event| event.kind == "file_requeued").count() } else { 0 }
}

/// The time from when a file has been added to when work on it begins; none where that was first.
fn delay_of_new_file(place: &Place, number: usize) -> Duration {
    let names = numbered("ok", number..number + 1);
    place.create(&names);
    place.add(0, &names);
    let added = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that was set");
    let name = format!("ok-{number}");
    let start = || record::moments(place).into_iter().find(|moment| moment.name == name);
    wait_until("the new file is begun", || start().is_some());
    let began = start().map(|moment| u64::try_from(moment.at).expect("a clock that was set"));
    let delay = Duration::from_micros(began.expect("waited for")).saturating_sub(added);
    // The next file must find the run waiting, not working.
    wait_until("the file is done", || place.count("completed") == number as u64 + 1);
    delay
}

fn delay_of_stop(place: &Place, run: Started) -> Duration {
    place.json(["stop"]);
    let asked = Instant::now();
    let result = run.wait().result();
    let delay = asked.elapsed();
    assert_eq!(
        (&result["stopped_by"], &result["processed"], &result["remaining"]),
        (&"stop_file".into(), &3.into(), &2.into())
    );
    delay
}
