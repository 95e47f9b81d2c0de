use std::fs;

use serde_json::Value;

use crate::fixture::TempProject;

const FAIL: &str = "cat {} >&2; exit 3";

fn waits(project: &TempProject) -> Vec<String> {
    let log = fs::read_to_string(project.path("logs/autonomous-processing.jsonl")).expect("the event log");
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("a document"));
    lines.filter_map(|line| Some(line.get("backoff_s")?.to_string())).collect()
}

/// Returns the delay before the retry, and the message about the retry.
fn wait_after(error: &str, options: &[&str]) -> (String, String) {
    let project = TempProject::new();
    project.write("a", error);
    let words = [&["run", "a", "--no-wait"], options, &["--shell", FAIL]].concat();
    let over = project.ask(words).expect_code(75);
    assert_eq!(project.json(["queue", "show", "a"])["attempts"], 1, "the attempt counts");
    let line = over.err.lines().find(|line| line.contains(" retry in ")).expect("a line about the retry");
    (waits(&project).remove(0), line.to_owned())
}

#[test]
fn an_overloaded_server_gets_more_time() {
    let (wait, line) = wait_after("curl: (22) The requested URL returned error: 503\n", &[]);
    assert!(wait == "30.0" && line.contains(" retry in 30s (overload) for "), "{wait} {line}");
    let (wait, line) = wait_after("no such page\n", &[]);
    assert!(wait == "2.0" && line.contains(" retry in 2.0s for "), "{wait} {line}");
    assert_eq!(wait_after("overloaded\n", &["--backoff-on", "none"]).0, "2.0");
    assert_eq!(wait_after("overloaded\n", &["--max-backoff", "7"]).0, "7.0");
}

#[test]
fn a_pattern_chooses_the_waits() {
    let options = ["--backoff-on", "model is not (loaded|ready)=40..50", "--backoff-on", "e=1..1"];
    assert_eq!(wait_after("the Model is not Ready\n", &options).0, "40.0");
    assert_eq!(wait_after("else\n", &options).0, "1.0");
    let (wait, line) = wait_after("429 too many requests\n", &["--backoff-on", "429=1m..2m"]);
    assert!(wait == "60.0" && line.contains(" retry in 1m (--backoff-on) for "), "{wait} {line}");
}

#[test]
fn a_limit_that_is_given_holds_for_own_patterns_too() {
    let options = ["--backoff-on", "boom=2h..3h"];
    assert_eq!(wait_after("boom\n", &options).0, "7200.0");
    assert_eq!(wait_after("boom\n", &[&options[..], &["--max-backoff", "1"]].concat()).0, "1.0");
}

#[test]
fn a_longer_wait_adds_no_retry_and_doubles_up_to_its_limit() {
    let project = TempProject::new();
    project.write("a", "busy\n");
    project.ask(["run", "-q", "a", "-r", "3", "--backoff-on", "busy=10ms..25ms", "--shell", FAIL]).expect_code(100);
    assert_eq!(waits(&project), ["0.01", "0.02", "0.025"]);
    assert_eq!(project.status_of("a"), "failed");
}

#[test]
fn a_file_that_is_completed_stays_so_with_other_waits() {
    let project = TempProject::new();
    project.write("a", "");
    project.ask(["run", "-q", "a", "--backoff-on", "busy=1..2", "--", "test", "-e"]).expect_code(0);
    let again = project.ask(["run", "a", "--backoff-on", "none", "--", "test", "-e"]).expect_code(0);
    assert!(again.err.contains("1 already completed"), "{again:?}");
}

#[test]
fn a_rule_that_makes_no_sense_is_refused() {
    let project = TempProject::with_queue(&["a"]);
    for (rule, reason) in [
        ("busy", "expected PATTERN=TIME..TIME"),
        ("busy=5..1", "the first time must not be longer than the second one"),
        ("(=1..2", "is not a regular expression"),
        ("busy=1..never", "never"),
    ] {
        project.ask(["run", "--backoff-on", rule, "--", "true"]).expect_error(2, reason);
    }
    assert_eq!(project.status_of("a"), "pending");
}
