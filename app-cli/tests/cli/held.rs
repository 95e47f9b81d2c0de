use crate::fixture::TempProject;

fn with_items(items: &str) -> TempProject {
    let project = TempProject::new();
    let state = format!(r#"{{"version": "1.0.0", "items": [{items}]}}"#);
    project.write(".claude/mission-control/QUEUE-STATE.json", state);
    project
}

#[test]
fn held_files_are_marked_and_counted_apart() {
    let project = with_items(
        r#"{"file_path": "/h", "held": true, "attempts": 1, "last_error": "exit status 1"}, {"file_path": "/p"}"#,
    );
    let list = project.ask(["queue", "list"]).expect_code(0);
    let notes: Vec<_> = list.out.lines().map(|line| line.rsplit('\t').next().expect("a note")).collect();
    assert_eq!(notes, ["held; exit status 1", ""]);
    assert!(project.ask(["queue", "show", "/h"]).expect_code(0).out.contains("pending, held\n"));
    let held: Vec<_> = project.items().iter().map(|item| item["held"].clone()).collect();
    assert_eq!(held, [true, false]);
    assert_eq!(project.ask(["queue", "size"]).expect_code(0).out, "2\n");
    let status = project.ask(["status"]).expect_code(0);
    assert!(status.out.contains("2 files: 2 pending (1 held), 0 processing"), "{status:?}");
    assert_eq!(project.json(["status"])["counts"]["held"], 1);
    project.ask(["queue", "remove", "/h"]).expect_code(0);
    let status = project.ask(["status"]).expect_code(0);
    assert!(!status.out.contains("held"), "{status:?}");
}

#[test]
fn a_file_that_is_held_already_is_named() {
    let project = TempProject::with_queue(&["a", "b"]);
    assert_eq!(project.ask(["queue", "hold", "a"]).expect_code(0).out, "1 file held\n");
    let path = |name: &str| project.path(name).display().to_string();
    assert_eq!(project.ask(["queue", "hold", "a"]).expect_code(0).out, format!("already held: {}\n", path("a")));
    let both = project.ask(["queue", "hold", "a", "b"]).expect_code(0).out;
    assert_eq!(both, format!("1 file held\nalready held: {}\n", path("a")));
    assert_eq!(project.json(["queue", "hold", "b"])["already"][0]["file_path"], path("b"));
    assert_eq!(project.ask(["queue", "unhold", "a", "b"]).expect_code(0).out, "2 files released\n");
    assert_eq!(project.ask(["queue", "unhold", "a"]).expect_code(0).out, format!("not held: {}\n", path("a")));
}

#[test]
fn a_peek_names_what_is_held() {
    let peek = |items: &str| with_items(items).ask(["queue", "peek"]).expect_code(0).err;
    let past = r#"{"file_path": "/past", "held": true, "not_before": "2025-01-01T00:00:00Z"}"#;
    assert_eq!(peek(past), "1 file is held\n");
    assert_eq!(peek(&format!(r#"{past}, {{"file_path": "/h", "held": true}}"#)), "2 files are held\n");
    let later =
        r#"{"file_path": "/later", "not_before": "2999-01-01T00:00:00Z", "backoff_from": "2020-01-01T00:00:00Z"}"#;
    let both = peek(&format!("{past}, {later}"));
    assert!(both.starts_with("the next file is due in ") && both.ends_with("; 1 file is held\n"), "{both}");
    assert_eq!(peek(""), "nothing waits\n");
}

#[test]
fn a_run_says_that_only_held_files_are_left() {
    let project = with_items(r#"{"file_path": "/h", "held": true}, {"file_path": "/p"}"#);
    let run = project.ask(["run", "--", "true"]).expect_code(0);
    assert!(run.err.contains("run started: 1 waiting"), "{run:?}");
    assert!(
        run.out.contains("processed 1, failed 0, retried 0, 1 pending (1 held); only held files are left"),
        "{run:?}"
    );
    let run = project.json(["run", "-q", "--shell", "true {}"]);
    assert_eq!((&run["remaining"], &run["held"]), (&1.into(), &1.into()));
}

#[test]
fn a_cancelled_file_of_a_dead_run_is_reported_as_cancelled() {
    let cancelled =
        r#"{"file_path": "/c", "status": "processing", "cancelled": true, "run_id": "r", "token": 2, "attempts": 1}"#;
    let project = with_items(cancelled);
    let run = project.ask(["run", "--", "true"]).expect_code(100);
    assert!(run.err.contains("the run that was processing /c died; the file is cancelled\n"), "{run:?}");
    let project = with_items(cancelled);
    let recovered = project.ask(["queue", "recover"]).expect_code(0);
    assert_eq!(recovered.out, "cancelled: /c (attempt 1 died with run r)\n");
    let log = std::fs::read_to_string(project.path("logs/autonomous-processing.jsonl")).expect("a log");
    assert!(log.contains(r#""requeued":false,"cancelled":true"#), "{log}");
}
