use std::fs;

use crate::fixture::{TempProject, end_of, wait_until};

#[test]
fn files_are_processed_in_claim_order() {
    let project = TempProject::new();
    for (name, priority) in [("low", "-1"), ("first", "0"), ("second", "0"), ("high", "9")] {
        project.write(name, "");
        project.ask(["queue", "add", name, priority]).expect_code(0);
    }
    let answer = project.ask(["run", "--shell", "echo {/} >> {//}/order"]).expect_code(0);
    assert_eq!(fs::read_to_string(project.path("order")).expect("the order"), "high\nfirst\nsecond\nlow\n");
    assert!(answer.out.starts_with("processed 4, failed 0, retried 0, 0 pending; no files are left"), "{answer:?}");
    assert!(answer.err.contains("completed "), "a line for each file: {answer:?}");
}

#[test]
fn the_result_is_one_json_document() {
    let project = TempProject::with_queue(&["a", "b"]);
    let answer = project.ask(["run", "--json", "-r0", "--shell", "test {/} = a"]).expect_code(100);
    let result = answer.json();
    assert_eq!((&result["processed"], &result["failed"]), (&1.into(), &1.into()));
    assert_eq!((&result["stopped_by"], &result["remaining"]), (&"queue_empty".into(), &0.into()));
}

#[test]
fn files_given_are_added_first() {
    let project = TempProject::new();
    for name in ["inbox/a", "inbox/b", "c"] {
        project.write(name, "");
    }
    let answer = project.ask(["run", "inbox", "c", "-p", "4", "--", "true"]).expect_code(0);
    assert!(answer.out.starts_with("processed 3, "), "{answer:?}");
    assert!(answer.err.contains("3 files added"), "{answer:?}");
    assert_eq!(project.items()[0]["priority"], 4);
}

#[test]
fn failures_are_retried_and_told() {
    let project = TempProject::with_queue(&["a"]);
    let answer = project.ask(["run", "--backoff-base", "10ms", "--", "sh", "-c", "exit 7"]).expect_code(100);
    assert_eq!(answer.err.matches("retry in").count(), 3, "{answer:?}");
    assert!(answer.err.contains("exit status 7 (attempt 4 of 4)"), "{answer:?}");
    assert_eq!(project.json(["queue", "show", "a"])["attempts"], 4);
    assert_eq!(project.status_of("a"), "failed");
}

#[test]
fn exits_named_are_not_retried() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-q", "--no-retry-exit", "3,7", "--", "sh", "-c", "exit 7"]).expect_code(100);
    assert_eq!(project.json(["queue", "show", "a"])["attempts"], 1);
}

#[test]
fn time_runs_out() {
    let project = TempProject::with_queue(&["a"]);
    let words = ["run", "-q", "--timeout=200ms", "--grace=0", "--no-retry-timeouts", "--", "sh", "-c", "sleep 60"];
    project.ask(words).expect_code(100);
    assert_eq!(project.status_of("a"), "timeout");
    assert_eq!(project.json(["queue", "show", "a"])["attempts"], 1);
}

#[test]
fn a_run_that_begins_with_waits_says_until_when() {
    let project = TempProject::with_queue(&["a", "b"]);
    project.ask(["run", "-qq", "--no-wait", "--backoff-base", "1h", "--", "false"]).expect_code(75);
    let err = |words: &[&str]| {
        let words = [&["run", "--no-wait"], words, &["--backoff-base", "1h", "--", "false"]].concat();
        project.ask(words).expect_code(75).err
    };
    let line = "nothing is due yet: 2 files wait for a retry, the first until ";
    assert!(err(&[]).contains(line) && err(&["--all", "a"]).contains(line));
    let one = err(&["a"]);
    let until = one.lines().find_map(|line| line.split_once(" nothing is due yet: 1 file waits for a retry until "));
    assert!(until.is_some_and(|(now, until)| now.len() == 8 && until.matches(':').count() == 2), "{one}");
    assert!(!err(&["-q"]).contains("nothing is due yet"));
    project.write("c", "");
    assert!(!err(&["a", "c"]).contains("nothing is due yet"), "the file c is due");
    project.write("d", "");
    project.ask(["queue", "add", "d"]).expect_code(0);
    assert!(!err(&[]).contains("nothing is due yet"), "the file d is due");
}

#[test]
fn a_run_told_not_to_wait_leaves_what_waits() {
    let project = TempProject::with_queue(&["a"]);
    let answer = project.ask(["run", "--no-wait", "--backoff-base", "1h", "--", "false"]).expect_code(75);
    assert!(answer.out.contains("1 pending; ended after "), "{answer:?}");
    assert!(answer.out.contains(", because nothing is due now (--no-wait)\n"), "{answer:?}");
    assert_eq!(project.ask(["queue", "peek"]).expect_code(0).out, "");
    let status = project.ask(["status"]).expect_code(0);
    assert!(status.out.contains("retry 1, due in "), "{status:?}");
    assert!(status.out.contains("exit status 1"), "{status:?}");
}

#[test]
fn quiet_says_nothing_when_all_is_well() {
    let project = TempProject::with_queue(&["a"]);
    let answer = project.ask(["run", "-q", "--", "true"]).expect_code(0);
    assert_eq!((answer.out.as_str(), answer.err.as_str()), ("", ""));
}

#[test]
fn output_is_shown_when_asked_for() {
    let project = TempProject::with_queue(&["a"]);
    let answer = project.ask(["run", "-q", "--show-output", "--", "echo", "see", "{/}"]).expect_code(0);
    assert_eq!(answer.out, "see a\n");
}

#[test]
fn nobody_listening_does_not_stop_a_run() {
    let project = TempProject::with_queue(&["a", "b", "c"]);
    let mut run = project.start(["run", "--show-output", "--", "echo"]);
    drop((run.stdout.take(), run.stderr.take()));
    end_of(run).expect_code(0);
    assert_eq!(project.json(["status"])["counts"]["completed"], 3);
}

#[test]
fn the_story_is_kept() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-q", "--", "true"]).expect_code(0);
    let log = fs::read_to_string(project.path("logs/autonomous-processing.jsonl")).expect("the log");
    let kinds: Vec<_> = ["processor_started", "file_started", "file_completed", "processor_stopped"]
        .into_iter()
        .filter(|kind| log.contains(&format!("\"{kind}\"")))
        .collect();
    assert_eq!(kinds.len(), 4, "{log}");
    let state = fs::read_to_string(project.state("AUTONOMOUS-STATE.json")).expect("the state");
    assert!(state.contains("\"completed\""), "{state}");
}

#[test]
fn a_closed_queue_is_one_readable_file() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-q", "--", "true"]).expect_code(0);
    let queue = fs::read(project.state("QUEUE-STATE.json")).expect("the queue");
    let queue: serde_json::Value = serde_json::from_slice(&queue).expect("JSON");
    assert_eq!(queue["version"], "1.0.0");
    assert!(
        !project.bytes().keys().any(|path| path.to_string_lossy().contains(".journal.")),
        "{:?}",
        project.bytes().keys()
    );
}

#[test]
fn the_status_names_some_of_many_files() {
    let names: Vec<_> = (10..40).map(|number| number.to_string()).collect();
    let project = TempProject::with_queue(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let run = project.start(["run", "-q", "-j18", "--", "sh", "-c", "sleep 1000", "{}"]);
    wait_until("all it can do at a time is claimed", || project.json(["status"])["counts"]["processing"] == 18);
    let answer = project.ask(["status"]).expect_code(0);
    project.kill(run);
    let under = |heading: &str| answer.out.split(heading).nth(1).expect(heading).lines().skip(1);
    let processing: Vec<_> = under("processing now:").take_while(|line| !line.is_empty()).collect();
    assert_eq!((processing.len(), processing[16]), (17, "  and 2 more"), "{answer:?}");
    assert_eq!(under("waiting:").nth(10), Some("  and 2 more"), "{answer:?}");
}
