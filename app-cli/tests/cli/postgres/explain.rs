use std::ffi::OsString;

use serde_json::Value;

use super::database::Database;
use crate::fixture::{Answer, TempProject};
use crate::json::expect_documented;

/// Creates a project with a failed file, and an empty project.
fn night(database: &Database) -> (TempProject, TempProject) {
    let (worker, other) = (TempProject::new(), TempProject::new());
    worker.write("a", "");
    let words = ["run", "a", "-qq", "-r", "1", "--backoff-base", "0", "--shell", "echo no page >&2; exit 3"];
    database.ask(&worker, words).expect_code(100);
    (worker, other)
}

#[test]
fn the_story_of_a_file_is_in_the_database() {
    let Some(database) = Database::with_queue() else { return };
    let (worker, other) = night(&database);
    let words = |words: &[&str]| words.iter().map(OsString::from).chain([worker.path("a").into()]).collect::<Vec<_>>();
    let story = database.ask(&other, words(&["explain"])).expect_code(0).out;
    for expected in ["  added; its priority is 0\n", " failed after ", " failed for good after ", "no page (signature "]
    {
        assert!(story.contains(expected), "no {expected:?} in {story}");
    }
    let command = format!("\n  autoproc retry-failed --store {}", database.url());
    assert!(story.contains(command.trim_end()) || story.contains("\n  autoproc retry-failed --store '"), "{story}");
    let document = database.json(&other, words(&["explain"]));
    expect_documented("explain", &document);
    assert_eq!((&document["next"]["reason"], &document["item"]["id"]), (&"failed".into(), &1.into()));
    database.ask(&other, words(&["retry-failed"])).expect_code(0);
    assert_eq!(database.json(&other, words(&["explain"]))["next"]["reason"], "no_run");
    database.ask(&other, words(&["queue", "remove"])).expect_code(0);
    let past = database.json(&other, words(&["explain"]));
    assert_eq!((&past["item"], &past["next"]["reason"]), (&Value::Null, &"not_queued".into()));
    assert_eq!(past["story"].as_array().map(Vec::len), Some(2), "{past}");
    let unknown = Answer { err: String::new(), ..database.ask(&other, ["explain", "missing"]) };
    unknown.expect_code(2);
}

#[test]
fn figures_and_attempts_of_a_database_are_exported() {
    let Some(database) = Database::with_queue() else { return };
    let (_worker, other) = night(&database);
    let metrics = database.ask(&other, ["metrics"]).expect_code(0).out;
    let failed = metrics.lines().find(|line| line.contains("status=\"failed\"")).unwrap_or_default();
    assert!(failed.starts_with("autoproc_files{queue=\"") && failed.ends_with(" 1"), "{metrics}");
    assert!(!metrics.contains("autoproc_latest_run_"), "the state file is the worker's: {metrics}");
    let trace = database.ask(&other, ["report", "--trace", "-"]).expect_code(0).out;
    let trace: Value = serde_json::from_str(&trace).expect("a trace");
    let attempts = trace["traceEvents"].as_array().expect("a list").iter().filter(|event| event["ph"] == "X");
    assert_eq!(attempts.count(), 2, "{trace}");
}
