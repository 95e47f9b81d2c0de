use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::fixture::TempProject;

const COMPLAIN: &str = "echo opening {} >&2; printf 'page 3\\033[2J\\n' >&2; echo 'no such page' >&2; exit 3";

const COMPUTE: &str = ": {}; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";

fn log(project: &TempProject) -> Vec<Value> {
    let text = fs::read_to_string(project.path("logs/autonomous-processing.jsonl")).expect("a log");
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn a_failure_is_told_with_its_last_words() {
    let project = TempProject::with_queue(&["a"]);
    let run = project.ask(["run", "-r", "1", "--backoff-base", "0", "--shell", COMPLAIN]).expect_code(100);
    for words in ["(attempt 1 of 2)\n    opening ", "exit status 3: no such page (attempt 2 of 2)\n    opening "] {
        assert!(run.err.contains(words), "no {words:?} in {run:#?}");
    }
    assert!(run.err.contains("\n    page 3\\u{1b}[2J\n"), "{run:#?}");
    let listed = project.ask(["queue", "list"]).expect_code(0);
    assert!(listed.out.ends_with("exit status 3: no such page\n") && listed.out.lines().count() == 1, "{listed:#?}");
    let shown = project.ask(["queue", "show", "a"]).expect_code(0);
    assert!(shown.out.contains("last error   exit status 3: no such page\n    opening "), "{shown:#?}");
    assert!(!shown.out.contains('\u{1b}') && !run.err.contains('\u{1b}'), "nothing steers the terminal");
    let error = project.json(["queue", "show", "a"])["last_error"].clone();
    let failed = log(&project).into_iter().find(|line| line["event"] == "file_failed").expect("it failed");
    assert_eq!(failed["error"], error);
    assert!(error.as_str().is_some_and(|error| error.starts_with("exit status 3: no such page\nopening ")), "{error}");
}

#[test]
fn a_reason_on_the_standard_output_is_told_too() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-qq", "-r", "0", "--shell", ": {}; echo 'page 3: cannot parse'; exit 3"]).expect_code(100);
    assert_eq!(project.json(["queue", "show", "a"])["last_error"], "exit status 3: page 3: cannot parse");
}

#[test]
fn what_was_said_is_kept_short() {
    let project = TempProject::with_queue(&["a"]);
    let much = "for i in 1 2 3 4 5 6 7 8 9; do printf '%0400d\\n' $i >&2; done; exit 1";
    project.ask(["run", "-q", "-r", "0", "--shell", much]).expect_code(100);
    let item = project.json(["queue", "show", "a"]);
    let error = item["last_error"].as_str().expect("an error");
    assert!(error.len() <= 500 && error.starts_with("exit status 1: 0000") && error.ends_with('9'), "{error}");
}

#[test]
fn what_attempts_used_is_told_everywhere() {
    let project = TempProject::with_queue(&["a", "b"]);
    let result = project.json(["run", "-q", "--shell", COMPUTE]);
    let usage = &result["usage"];
    assert_eq!(usage["attempts"], 2);
    assert!(usage["user_s"].as_f64() > Some(0.0), "{usage}");
    let is_plausible = |bytes: &Value| bytes.as_u64().is_some_and(|bytes| (100_000..1 << 30).contains(&bytes));
    assert!(is_plausible(&usage["peak_memory_bytes"]), "{usage}");
    assert!(usage["peak_memory_of"]["file_path"].is_string(), "{usage}");
    let logged: Vec<_> = log(&project).into_iter().filter(|line| line["event"] == "file_completed").collect();
    let sum: f64 = logged.iter().filter_map(|line| line["user_s"].as_f64()).sum();
    assert!((sum - usage["user_s"].as_f64().expect("a number")).abs() < 1e-6, "{sum} and {usage}");
    let history = &project.json(["queue", "show", "b"])["history"];
    assert_eq!(history.as_array().map(Vec::len), Some(1));
    assert_eq!((&history[0]["attempt"], &history[0]["end"]), (&1.into(), &"completed".into()));
    assert!(is_plausible(&history[0]["peak_memory_bytes"]) && history[0]["duration_s"].is_number(), "{history}");
}

#[test]
fn the_end_of_a_run_tells_a_person_what_it_used() {
    let project = TempProject::with_queue(&["a"]);
    let over = project.ask(["run", "--shell", COMPUTE]).expect_code(0);
    let used = over.out.lines().find(|line| line.starts_with("used ")).unwrap_or_default();
    assert!(used.contains("of CPU; at most ") && used.ends_with("/a"), "{over:#?}");
}

#[test]
fn the_history_of_a_file_goes_through_its_failures() {
    let project = TempProject::with_queue(&["a"]);
    project
        .ask([
            "run",
            "-q",
            "--backoff-base",
            "0",
            "--shell",
            "echo no {.} >/dev/null; echo no >&2; [ $AUTOPROC_ATTEMPT = 3 ]",
        ])
        .expect_code(0);
    let shown = project.ask(["queue", "show", "a"]).expect_code(0);
    let attempts: Vec<_> = shown.out.lines().skip_while(|line| *line != "attempts:").skip(1).collect();
    assert_eq!(attempts.len(), 3, "{shown:#?}");
    assert!(attempts[0].starts_with("  1  20") && attempts[0].contains("  requeued after "), "{shown:#?}");
    assert!(attempts[1].ends_with("exit status 1: no"), "{shown:#?}");
    assert!(attempts[2].contains("  completed after ") && attempts[2].contains(" of CPU, "), "{shown:#?}");
}

#[test]
fn a_file_is_shown_without_a_log() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-q", "--", "true"]).expect_code(0);
    std::fs::remove_dir_all(project.path("logs")).expect("the logs");
    let shown = project.ask(["queue", "show", "a"]).expect_code(0);
    assert!(!shown.out.contains("attempts:") && shown.err.is_empty(), "{shown:#?}");
    project.write("logs/autonomous-processing.jsonl/in the way", "");
    let shown = project.ask(["queue", "show", "a"]).expect_code(0);
    assert!(shown.out.contains("completed") && shown.err.contains("warning: cannot read the event log"), "{shown:#?}");
}

/// The kernel reports a missing interpreter as a missing script.
#[test]
fn a_missing_interpreter_is_named() {
    let project = TempProject::with_queue(&["a"]);
    for (script, words) in [
        ("#!/bin/sh\r\necho\r\n", "the script has Windows line ends (CRLF)"),
        ("#! /no/such/python3 -u\nprint()\n", "its interpreter /no/such/python3 does not exist"),
    ] {
        let program = project.write("convert", script);
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
        let run = project.ask(["run", "--again", "a", "-r", "3", "--", "./convert"]).expect_code(100);
        assert!(run.err.contains(&format!("./convert: {words}")), "{run:?}");
        assert_eq!(project.json(["queue", "show", "a"])["attempts"], 1, "another try does not help");
    }
}

#[test]
fn a_file_that_is_gone_is_tried_once() {
    let project = TempProject::with_queue(&["in/gone", "in/there"]);
    fs::remove_file(project.path("in/gone")).expect("removed");
    let options = ["--backoff-base", "0.01", "-r", "2"];
    let run = project.ask([&["run"], &options[..], &["--shell", "cat {} >&2; exit 3"]].concat()).expect_code(100);
    assert!(run.err.contains("gone: no such file (exit status 3"), "{run:?}");
    let attempts = |file: &str| project.json(["queue", "show", file])["attempts"].clone();
    assert_eq!((attempts("in/gone"), attempts("in/there")), (1.into(), 3.into()));
    project
        .ask(["run", "in/gone", "--ok-exit", "3", "--shell", "cat {} >&2; exit 3"])
        .expect_error(66, "does not exist");
    project.ask(["retry-failed", "in/gone"]).expect_code(0);
    project.ask(["run", "-q", "--ok-exit", "3", "--shell", "cat {} >&2; exit 3"]).expect_code(0);
    project.ask(["queue", "add", "in/gone", "--again"]).expect_code(0);
    // A command that does not read its file succeeds without it. A file in a missing folder is
    // retried, because the disk of the folder may come back.
    project.ask(["run", "-q", "--", "true"]).expect_code(0);
    project.ask(["queue", "add", "in/gone", "--again"]).expect_code(0);
    fs::rename(project.path("in"), project.path("elsewhere")).expect("renamed");
    project.ask([&["run", "-q", "--program-wait", "0"], &options[..], &["--", "cat"]].concat()).expect_code(100);
    assert_eq!(attempts("in/gone"), 3);
}
