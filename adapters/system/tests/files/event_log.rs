use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use autoproc_domain::ports::{AttemptRef, Observer};
use autoproc_system::EventLog;
use serde_json::{Value, json};

use crate::events::{Warnings, begun, event, every_kind, of, started};

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("a log");
    assert!(text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn log(path: &Path) -> EventLog {
    EventLog::new(path, Arc::new(|warning: &str| panic!("{warning}")))
}

#[test]
fn every_event_except_progress_is_a_line() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("logs/autonomous-processing.jsonl");
    let log = log(&path);
    assert!(!path.exists(), "the file is not touched before the first event");
    for kind in every_kind() {
        log.observe(&event(kind));
    }
    assert_eq!(lines(&path), expected_lines());
}

fn expected_lines() -> Vec<Value> {
    let of = json!({"file_path": "/d/a", "item_id": 7, "attempt": 2, "claim": 9});
    let line = |event: &str, of: &Value, fields: Value| {
        let mut line = json!({"timestamp": "1970-01-01T00:00:01.000002Z", "run_id": "run-1", "event": event});
        for part in [of, &fields] {
            let into = line.as_object_mut().expect("an object");
            into.extend(part.as_object().expect("an object").clone());
        }
        line
    };
    let none = json!({});
    vec![
        line(
            "processor_started",
            &none,
            json!({"jobs": 2, "pending": 1, "processing": 2, "completed": 3, "failed": 4, "timeout": 5}),
        ),
        line("stop_signal_cleared", &none, json!({})),
        line("file_recovered", &of, json!({"dead_run": "run-0", "requeued": true, "cancelled": true})),
        line("recovery_withheld", &none, json!({"dead_run": "run-0", "reason": "process 1 may be at work"})),
        line("starts_held", &none, json!({"reason": "1 MB free"})),
        line("starts_resumed", &none, json!({})),
        line("processor_paused", &none, json!({})),
        line("processor_resumed", &none, json!({})),
        line("file_started", &of, json!({"size_bytes": 12, "recipe": "00010203040506ff"})),
        line("file_completed", &of, used(&json!({"input_changed": true}))),
        line("file_requeued", &of, used(&json!({"backoff_s": 2.0, "error": "exit status 1"}))),
        line("file_failed", &of, used(&json!({"input_changed": true, "error": "exit status 2"}))),
        line("file_timeout", &of, json!({"duration_s": 1.5, "error": "timed out"})),
        line("file_released", &of, used(&json!({}))),
        line("result_discarded", &of, json!({})),
        line("stop_requested", &none, json!({"level": "draining", "cause": "stop_file"})),
        line("storage_trouble", &none, json!({"error": "locked\nby \"x\""})),
        line(
            "processor_stopped",
            &none,
            json!({"processed": 6, "failed": 7, "retried": 8, "remaining": 9, "held": 3,
            "stopped_by": "stop_file", "level": "draining"}),
        ),
    ]
}

fn used(others: &Value) -> Value {
    let mut fields = json!({"duration_s": 1.5, "user_s": 1.25, "system_s": 0.25, "peak_memory_bytes": 4096});
    fields.as_object_mut().expect("an object").extend(others.as_object().expect("an object").clone());
    fields
}

#[test]
fn the_keys_that_matter_to_a_reader_come_first() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    log(&path).observe(&event(started(1, "/a")));
    let text = std::fs::read_to_string(&path).expect("a log");
    let head = r#"{"timestamp":"1970-01-01T00:00:01.000002Z","run_id":"run-1","event":"file_started","file_path":"/a""#;
    assert!(text.starts_with(head), "{text}");
}

#[test]
fn a_path_that_is_not_utf8_is_kept_in_bytes() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    log(&path).observe(&event(begun(of(OsStr::from_bytes(b"/d/\xff\"")))));
    let line = lines(&path).remove(0);
    assert_eq!((&line["file_path"], &line["file_path_bytes"]), (&json!("/d/\u{fffd}\""), &json!("2f642fff22")));
}

#[test]
fn a_later_round_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    let log = log(&path);
    (1..=2).for_each(|round| log.observe(&event(begun(AttemptRef { round, ..of("/a") }))));
    let rounds: Vec<_> = lines(&path).iter().map(|line| line["round"].clone()).collect();
    assert_eq!(rounds, [Value::Null, json!(2)]);
}

#[test]
fn a_torn_last_line_is_terminated_before_the_next_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    std::fs::write(&path, "{\"whole\":1}\n{\"to").expect("a file");
    let log = log(&path);
    (0..2).for_each(|id| log.observe(&event(started(id, "/a"))));
    let text = std::fs::read_to_string(&path).expect("a log");
    let found: Vec<_> = text.lines().map(|line| serde_json::from_str::<Value>(line).is_ok()).collect();
    assert_eq!(found, [true, false, true, true], "{text}");
}

#[test]
fn a_complete_last_line_stays_as_it_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    for id in 0..3 {
        log(&path).observe(&event(started(id, "/a")));
    }
    assert_eq!(lines(&path).len(), 3);
}

#[test]
fn runs_that_share_a_log_do_not_tear_each_others_lines() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    let name = format!("/{}", "x".repeat(4000));
    std::thread::scope(|scope| {
        for run in 0..4 {
            let (log, name) = (log(&path), &name);
            scope.spawn(move || (0..100).for_each(|id| log.observe(&event(started(run * 1000 + id, name)))));
        }
    });
    let mut ids: Vec<_> = std::fs::read_to_string(&path)
        .expect("a log")
        .lines()
        // A writer that opens the log during another write may see an incomplete line and add a
        // newline, which leaves an empty line.
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str::<Value>(line).expect(line)["item_id"].as_u64().expect("a number"))
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..4).flat_map(|run| (0..100).map(move |id| run * 1000 + id)).collect::<Vec<_>>());
}

#[test]
fn a_failure_is_reported_once_and_later_lines_are_attempted() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    std::fs::create_dir(&path).expect("a folder in the way");
    let warnings = Warnings::default();
    let log = EventLog::new(&path, warnings.callback());
    (0..3).for_each(|id| log.observe(&event(started(id, "/a"))));
    let all = warnings.all();
    assert!(all.len() == 1 && all[0].contains(&path.display().to_string()), "{all:?}");
    std::fs::remove_dir(&path).expect("removed");
    log.observe(&event(started(3, "/a")));
    assert_eq!(lines(&path)[0]["item_id"], 3);
}

#[test]
fn a_full_disk_is_reported() {
    let warnings = Warnings::default();
    let log = EventLog::new("/dev/full", warnings.callback());
    (0..3).for_each(|id| log.observe(&event(started(id, "/a"))));
    assert_eq!(warnings.all().len(), 1);
}
