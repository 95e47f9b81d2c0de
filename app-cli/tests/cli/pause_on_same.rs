use std::fs;

use serde_json::Value;

use crate::fixture::{TempProject, end_of, wait_until};

const CALLS_A_SERVICE: &str = "[ {/} = a ] || [ -e up ] || { echo 'api: connection refused' >&2; exit 7; }";

const CAUSE: &str = "files in a row failed alike: exit status 7: api: connection refused (";

fn project() -> TempProject {
    TempProject::with_queue(&["a", "b", "c", "d", "e", "f", "g", "h"])
}

fn events(project: &TempProject, name: &str) -> Vec<Value> {
    let log = fs::read_to_string(project.path("logs/autonomous-processing.jsonl")).expect("the event log");
    let events = log.lines().map(|line| serde_json::from_str(line).expect("an event"));
    events.filter(|event: &Value| event["event"] == name).collect()
}

fn wait_until_paused(project: &TempProject) {
    let held = || project.json(["status"])["latest_run"]["held"].as_str().is_some_and(|why| why.contains(CAUSE));
    wait_until("the run pauses", held);
}

#[test]
fn an_outage_fails_no_file() {
    let project = project();
    let words = ["run", "-r", "1", "--pause-on-same", "3", "--probe-after", "1", "--shell", CALLS_A_SERVICE];
    let run = project.start(words);
    wait_until_paused(&project);
    project.write("up", "");
    let over = end_of(run).expect_code(0);
    assert!(over.out.starts_with("processed 8, failed 0, "), "{over:#?}");
    let paused = over.err.lines().find(|line| line.contains("not starting new files: ")).unwrap_or_default();
    assert!(
        paused.contains(&format!("not starting new files: 3 {CAUSE}")) && paused.ends_with("); tries one file in 1.0s"),
        "{over:#?}"
    );
    let resumed = over.err.lines().find(|line| line.contains("starting files again: ")).unwrap_or_default();
    assert!(resumed.ends_with(" succeeded"), "{over:#?}");
    assert!(events(&project, "file_failed").is_empty());
    assert!(events(&project, "starts_held")[0]["probe_at"].is_string());
    let resumed = events(&project, "starts_resumed");
    assert_eq!(resumed[0]["because"], "succeeded", "{resumed:?}");
    assert!(resumed[0]["file_path"].is_string(), "{resumed:?}");
}

#[test]
fn a_stop_request_ends_the_pause() {
    let project = project();
    let run = project.start(["run", "--shell", CALLS_A_SERVICE]);
    wait_until_paused(&project);
    project.ask(["stop"]).expect_code(0);
    let over = end_of(run).expect_code(75);
    assert!(over.out.contains("stopped by a stop request"), "{over:#?}");
    assert!(
        over.err.contains(&format!("not starting new files: 5 {CAUSE}")) && over.err.contains("tries one file in 30s"),
        "{over:#?}"
    );
    assert!(events(&project, "file_failed").is_empty());
}

#[test]
fn status_says_when_the_next_file_is_probed() {
    let project = project();
    let run = project.start(["run", "--probe-after", "1h", "--shell", CALLS_A_SERVICE]);
    wait_until_paused(&project);
    let status = project.ask(["status"]).expect_code(0).out;
    let held = status.lines().find(|line| line.starts_with("not starting new files: 5 ")).unwrap_or_default();
    assert!(held.contains("); tries one file at "), "{status}");
    assert!(project.json(["status"])["latest_run"]["probe_at"].is_string());
    let next = project.json(["explain", "h"])["next"].clone();
    assert_eq!(next["reason"], "starts_held", "{next}");
    assert!(next["text"].as_str().is_some_and(|text| text.contains("; tries one file at ")), "{next}");
    project.ask(["stop"]).expect_code(0);
    end_of(run).expect_code(75);
}

#[test]
fn a_run_that_does_not_wait_ends_and_says_why() {
    let project = project();
    let words = ["run", "--no-wait", "--pause-on-same", "3", "--shell", CALLS_A_SERVICE];
    let over = project.ask(words).expect_code(75);
    assert!(over.out.contains(", because files in a row failed alike (--no-wait)"), "{over:#?}");
    assert!(over.err.contains(&format!("not starting new files: 3 {CAUSE}")), "{over:#?}");
    assert!(project.ask(["runs"]).expect_code(0).out.contains("files failed alike"));
    let result = project.json_of(75, words);
    assert_eq!((&result["stopped_by"], &result["failed"]), (&"failing_alike".into(), &0.into()));
}

/// If no file was ever completed, the command itself is probably wrong.
#[test]
fn a_mistyped_command_fails_every_file_at_once() {
    let project = project();
    let result = project.json_of(100, ["run", "-r", "0", "--probe-after", "1h", "--shell", "cut --bytes= {}"]);
    assert_eq!(result["failed"], 8);
    assert!(events(&project, "starts_held").is_empty());
}

#[test]
fn a_recipe_that_worked_in_an_earlier_run_pauses_from_the_first_file() {
    let project = TempProject::with_queue(&["a"]);
    let words = ["run", "-q", "--shell", CALLS_A_SERVICE];
    project.ask(words).expect_code(0);
    for name in ["b", "c", "d", "e", "f"] {
        project.write(name, "");
        project.ask(["queue", "add", name]).expect_code(0);
    }
    let run = project.start(words);
    wait_until_paused(&project);
    project.ask(["stop"]).expect_code(0);
    end_of(run).expect_code(75);
}

#[test]
fn without_the_pause_every_file_fails_at_once() {
    let project = project();
    let result = project.json_of(100, ["run", "-r", "0", "--pause-on-same", "0", "--shell", CALLS_A_SERVICE]);
    assert_eq!(result["failed"], 7);
    assert!(events(&project, "starts_held").is_empty());
}
