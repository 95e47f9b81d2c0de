use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::fixture::{TempProject, end_of, wait_until};

fn write_script(project: &TempProject, name: &str, text: &str) {
    let path = project.write(name, format!("#!/bin/sh\n{text}\n"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("its mode");
}

fn wait_until_held(project: &TempProject, words: &str) {
    let held = || project.json(["status"])["latest_run"]["held"].as_str().is_some_and(|why| why.contains(words));
    wait_until("starts are held", held);
}

fn events(project: &TempProject) -> Vec<String> {
    let log = fs::read_to_string(project.path("logs/autonomous-processing.jsonl")).expect("the event log");
    let name = |line: &str| {
        let event: Value = serde_json::from_str(line).expect("an event");
        event["event"].as_str().expect("its name").to_owned()
    };
    log.lines().map(name).collect()
}

#[track_caller]
fn expect_nothing_was_charged(project: &TempProject) {
    let events = events(project);
    let has = |name: &str| events.iter().any(|event| event == name);
    assert!(has("starts_held"), "{events:?}");
    assert!(!["file_failed", "file_requeued", "file_timeout"].iter().any(|name| has(name)), "{events:?}");
    for item in project.items() {
        assert_eq!((&item["status"], &item["attempts"]), (&"completed".into(), &1.into()), "{item}");
    }
}

fn start_with_descriptors(project: &TempProject, limit: u32, words: &[&str]) -> Child {
    let mut command = project.program("sh");
    let script = format!("ulimit -n {limit} && exec \"$@\"");
    command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_autoproc")]).args(words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("sh(1)")
}

/// 30 jobs need over 60 file descriptors. The run has only 40.
#[test]
fn files_wait_for_descriptors_and_the_others_go_on() {
    let names: Vec<_> = (0..30).map(|number| format!("f{number}")).collect();
    let project = TempProject::with_queue(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let until_released = ": >{}.begun; while ! [ -e go ]; do sleep 0.02; done";
    let words = ["run", "-j", "30", "-r", "0", "--timeout", "10m", "--shell", until_released];
    let run = start_with_descriptors(&project, 40, &words);
    wait_until_held(&project, "no guard can be started: Too many open files");
    let begun = || names.iter().filter(|name| project.path(format!("{name}.begun")).exists()).count();
    wait_until("some run", || begun() > 0);
    assert!(begun() < 30);
    project.write("go", "");
    let over = end_of(run).expect_code(0);
    assert!(over.out.starts_with("processed 30, failed 0, retried 0, 0 pending"), "{over:#?}");
    assert!(over.err.contains("Too many open files (os error 24); processing fewer files at a time"), "{over:#?}");
    expect_nothing_was_charged(&project);
}

const VANISHES_ONCE: &str = "[ -e away ] || mv \"$0\" away";

#[test]
fn a_program_that_is_away_for_a_while_is_waited_for() {
    for words in [["--", "./tool", "{}"], ["--shell", "./tool {}", "--verbose"]] {
        let project = TempProject::with_queue(&["a", "b", "c"]);
        write_script(&project, "tool", VANISHES_ONCE);
        let run = project.start(["run", "-r", "0"].iter().chain(&words));
        wait_until_held(&project, "a program that worked before is missing: ");
        fs::copy(project.path("away"), project.path("new")).expect("a copy");
        fs::rename(project.path("new"), project.path("tool")).expect("the program is back");
        let over = end_of(run).expect_code(0);
        assert!(over.out.starts_with("processed 3, failed 0, retried 0, 0 pending"), "{over:#?}");
        assert!(over.err.contains("starting files again"), "{over:#?}");
        expect_nothing_was_charged(&project);
    }
}

/// The kernel does not execute a file open for writing (ETXTBSY).
#[test]
fn a_program_that_is_being_replaced_is_waited_for() {
    let project = TempProject::with_queue(&["a", "b", "c"]);
    write_script(&project, "tool", ":");
    let writer = fs::OpenOptions::new().append(true).open(project.path("tool")).expect("the program");
    let run = project.start(["run", "-r", "0", "--", "./tool", "{}"]);
    wait_until_held(&project, "Text file busy");
    drop(writer);
    let over = end_of(run).expect_code(0);
    assert!(over.out.starts_with("processed 3, failed 0, retried 0, 0 pending"), "{over:#?}");
    expect_nothing_was_charged(&project);
}

#[test]
fn a_program_that_stays_away_ends_the_run_and_fails_no_file() {
    let project = TempProject::with_queue(&["a", "b", "c"]);
    write_script(&project, "tool", VANISHES_ONCE);
    let over = project.ask(["run", "--program-wait", "100ms", "--", "./tool", "{}"]).expect_code(75);
    assert!(over.out.starts_with("processed 1, failed 0, retried 0, 2 pending"), "{over:#?}");
    assert!(over.out.contains(", because a program stayed missing"), "{over:#?}");
    assert!(over.err.contains("a program that worked before is missing: cannot start: ./tool: No such"), "{over:#?}");
    for name in ["b", "c"] {
        let item = project.json(["queue", "show", name]);
        assert_eq!((&item["status"], &item["attempts"]), (&"pending".into(), &0.into()), "{item}");
    }
    assert!(project.ask(["runs"]).expect_code(0).out.contains("program missing"));
    // The next run checks at its start that the program exists.
    project.ask(["run", "--", "./tool", "{}"]).expect_error(2, "./tool");
}

#[test]
fn without_a_wait_a_missing_program_is_the_failure_of_the_file() {
    let project = TempProject::with_queue(&["a", "b"]);
    write_script(&project, "tool", VANISHES_ONCE);
    project.ask(["run", "--program-wait", "0", "--", "./tool", "{}"]).expect_code(100);
    assert_eq!(project.status_of("b"), "failed");
}

/// A folder disappears if its disk is unmounted.
#[test]
fn files_whose_folder_is_away_wait_for_it() {
    let project = TempProject::with_queue(&["in/a", "in/b", "in/c"]);
    let run = project.start(["run", "-r", "0", "--shell", "cat {} && { [ -e once ] || { : >once; mv in away; }; }"]);
    wait_until_held(&project, "/in is missing");
    fs::rename(project.path("away"), project.path("in")).expect("the folder is back");
    let over = end_of(run).expect_code(0);
    assert!(over.out.starts_with("processed 3, failed 0, retried 0, 0 pending"), "{over:#?}");
    expect_nothing_was_charged(&project);
}

#[test]
fn a_file_that_alone_misses_a_program_fails() {
    let project = TempProject::with_queue(&["a", "bad", "c", "d", "e"]);
    let script = "case {/} in bad) no-such-program-anywhere;; esac";
    let result = project.json_of(100, ["run", "-r", "0", "--shell", script]);
    assert_eq!((&result["processed"], &result["failed"]), (&4.into(), &1.into()));
    let error = project.json(["queue", "show", "bad"])["last_error"].to_string();
    assert!(error.contains("exit status 127"), "{error}");
}

#[test]
fn a_program_that_never_worked_fails_each_file_at_once() {
    let project = TempProject::with_queue(&["a", "b"]);
    project.ask(["run", "--shell", "no-such-program-anywhere {}"]).expect_code(100);
    assert!(!events(&project).contains(&"starts_held".to_owned()));
}
