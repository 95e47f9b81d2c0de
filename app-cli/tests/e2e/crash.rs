use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;

use crate::checks::{BACKOFF_BASE, Evidence, items, outcome};
use crate::command_log;
use crate::event_log::{self, base_name};
use crate::expectations::{expectations, numbered, shown};
use crate::fixture::{Started, TempProject, wait_until};

const KILL: i32 = 9;

const JOBS: usize = 4;

#[test]
fn files_of_a_killed_run_are_processed_by_the_next_run() {
    let project = TempProject::with_short_attempts();
    let first = numbered("held", 0..6);
    let others = [numbered("ok", 0..20), numbered("flaky", 0..4), numbered("bad", 0..2)].concat();
    project.create(&[&first[..], &others].concat());
    project.add(1, &first);
    project.add(0, &others);

    let dead_run = kill_busy_run(&project);
    let mut begun: Vec<String> = command_log::moments(&project).into_iter().map(|moment| moment.name).collect();
    begun.sort();
    assert_eq!(project.count("processing"), JOBS as u64, "not recovered yet");

    let next = run(&project, JOBS);
    wait_until("the next run has filled its slots", || command_log::starts(&project) >= 2 * JOBS);
    // If the commands of the dead run were still alive, they would log their ends now.
    project.open_gate();
    let result = next.wait().result();
    let mut expectations = expectations(first.iter().chain(&others));
    for name in &begun {
        expectations.get_mut(name).expect("one of them").attempts += 1;
    }
    let evidence = Evidence::gather(&project, vec![result]);
    evidence.check(&project, &expectations);
    let mut recovered = recovered(&project);
    recovered.sort();
    let due = |name: &String| (name.clone(), 1, dead_run.clone(), true);
    assert_eq!(recovered, begun.iter().map(due).collect::<Vec<_>>());
}

#[test]
fn a_file_that_kills_its_runner_fails_in_the_end() {
    let project = TempProject::new();
    let names: Vec<OsString> = [numbered("ok", 0..3), numbered("flaky", 0..1)].concat();
    let killer = numbered("killer", 0..1);
    let all = [&names[..], &killer].concat();
    project.create(&all);
    project.add(1, &names);
    project.add(-1, &killer);

    let mut deaths = 0;
    let result = loop {
        let over = run(&project, 1).wait();
        if over.status.signal() != Some(KILL) {
            break over.result();
        }
        deaths += 1;
        assert!(deaths <= 4, "more deaths than attempts");
    };
    assert_eq!((deaths, &result["failed"]), (4, &1.into()));
    let evidence = Evidence::gather(&project, vec![result]);
    evidence.check(&project, &expectations(&all));
    let logged: Vec<_> =
        recovered(&project).into_iter().map(|(name, attempt, _, again)| (name, attempt, again)).collect();
    assert_eq!(logged, (1..=4).map(|attempt| (shown(&killer[0]), attempt, attempt < 4)).collect::<Vec<_>>());
}

fn run(project: &TempProject, jobs: usize) -> Started {
    project.start_run(&["-j", &jobs.to_string(), "--grace", "500ms", "--backoff-base", BACKOFF_BASE])
}

fn kill_busy_run(project: &TempProject) -> String {
    let mut run = run(project, JOBS);
    wait_until("all slots are busy", || command_log::starts(project) == JOBS);
    let is_start = |event: &event_log::Event| event.kind == "file_started";
    wait_until("all starts are logged", || {
        event_log::events(project).iter().filter(|event| is_start(event)).count() == JOBS
    });
    run.kill();
    assert_eq!(run.wait().status.signal(), Some(KILL));
    let status = project.json(["status"]);
    assert_eq!(status["live_runs"], serde_json::json!([]), "the killed run is not live");
    let claimed: Vec<_> = items(project).into_iter().filter(|item| outcome(item).0 == "processing").collect();
    assert!(claimed.iter().all(|item| base_name(item).starts_with("held-")), "{claimed:#?}");
    claimed[0]["run_id"].as_str().expect("a run").to_owned()
}

fn recovered(project: &TempProject) -> Vec<(String, u32, String, bool)> {
    let events = event_log::events(project).into_iter().filter(|event| event.kind == "file_recovered");
    let word = |event: &event_log::Event| event.document["dead_run"].as_str().expect("a run").to_owned();
    let again = |event: &event_log::Event| event.document["requeued"].as_bool().expect("yes or no");
    events.map(|event| (event.name(), event.attempt(), word(&event), again(&event))).collect()
}
