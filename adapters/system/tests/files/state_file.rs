//! The state file, written and read.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use autoproc_domain::ports::{Observer, RunEventKind};
use autoproc_domain::processor::{ProcessorStatus, StoppedBy};
use autoproc_domain::{ProcessorState, Timestamp};
use autoproc_system::{StateDocument, StateFile, StateFileError, read_state_file};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::events::{Trouble, at, completed, event, every_kind, of, processor_started, processor_stopped, started};

const BOUND: Duration = Duration::from_secs(30);

fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("mission-control/AUTONOMOUS-STATE.json");
    (dir, path)
}

fn keep(path: &Path) -> StateFile {
    StateFile::new(path, Box::new(|trouble| panic!("{trouble}"))).expect("a thread")
}

fn document(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("a document")
}

fn state(path: &Path) -> StateDocument {
    read_state_file(path).expect("readable").expect("there")
}

#[test]
fn the_begin_and_the_end_are_in_the_file_when_they_were_heard() {
    let (_dir, path) = place();
    let file = keep(&path);
    assert!(!path.exists(), "nothing is touched before the first event");
    file.observe(&event(processor_started()));
    assert_eq!(document(&path)["status"], "running");
    file.observe(&event(started(1, "/a")));
    file.observe(&event(processor_stopped(StoppedBy::QueueEmpty)));
    assert_eq!(document(&path)["status"], "completed");
    assert_eq!(document(&path)["current_file"], Value::Null);
}

#[test]
fn the_format() {
    let (_dir, path) = place();
    let file = keep(&path);
    let story = [processor_started(), started(1, "/a"), started(2, "/b"), completed(1, "/a"), started(3, "/c")];
    (1..).zip(story).for_each(|(second, kind)| file.observe(&at(second * 1_000_000, kind)));
    drop(file);
    let point = |second: u32| format!("1970-01-01T00:00:0{second}.000000Z");
    let expected = json!({
        "version": "1.0.0",
        "status": "running",
        "run_id": "run-1",
        "started_at": point(1),
        "stopped_at": null,
        "updated_at": point(5),
        "files_processed": 1,
        "files_failed": 0,
        "current_file": "/b",
        "current_files": [
            {"item_id": 2, "file_path": "/b", "since": point(3)},
            {"item_id": 3, "file_path": "/c", "since": point(5)},
        ],
        "held": null,
        "withheld": [],
    });
    assert_eq!(document(&path), expected);
}

/// The pause before each file is longer than the writer's: it must be woken.
#[test]
fn what_is_in_between_appears_without_an_end() {
    let (_dir, path) = place();
    let file = keep(&path);
    file.observe(&event(processor_started()));
    for count in 1..=3 {
        std::thread::sleep(Duration::from_millis(250));
        file.observe(&event(started(count, "/a")));
        let began = Instant::now();
        while state(&path).state.current_files.len() < usize::try_from(count).expect("small") {
            assert!(began.elapsed() < BOUND);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A reader meets a whole document at every moment, and a new one at most every 100 ms beside the begin.
#[test]
fn writes_are_whole_and_at_most_ten_a_second() {
    let (_dir, path) = place();
    let file = keep(&path);
    file.observe(&event(processor_started()));
    let (began, mut versions) = (Instant::now(), BTreeSet::new());
    for id in 0.. {
        file.observe(&event(started(id, "/a")));
        let metadata = std::fs::metadata(&path).expect("there at every moment");
        versions.insert((metadata.mtime(), metadata.mtime_nsec()));
        assert_eq!(state(&path).state.status, ProcessorStatus::Running);
        assert!(began.elapsed() < BOUND, "the state of what is in between is never written");
        if began.elapsed() > Duration::from_millis(700) && versions.len() > 1 {
            break;
        }
    }
    let at_most = began.elapsed().as_millis() / 100 + 2;
    assert!(versions.len() as u128 <= at_most, "{} versions", versions.len());
}

#[test]
fn what_is_written_is_the_fold_and_reads_back() {
    let (_dir, path) = place();
    let (file, mut fold) = (keep(&path), ProcessorState::default());
    let odd = RunEventKind::FileStarted { of: of(OsStr::from_bytes(b"/\xff\n")) };
    let held = RunEventKind::StartsHeld { reason: "no room".into() };
    let going_on = every_kind().into_iter().filter(|kind| !matches!(kind, RunEventKind::ProcessorStopped { .. }));
    let kinds = going_on.chain([odd, held]);
    for event in kinds.map(event) {
        file.observe(&event);
        fold.apply(&event);
    }
    drop(file);
    let current_file = fold.current_files.first().map(|current| current.file_path.as_path().to_owned());
    assert!(current_file.is_some() && fold.held.is_some() && !fold.withheld.is_empty());
    assert_eq!(state(&path), StateDocument { state: fold, current_file });
    let folder = path.parent().expect("a folder");
    assert_eq!(folder.read_dir().expect("a folder").count(), 1, "nothing else is left there");
}

#[test]
fn trouble_is_told_once_and_later_states_are_tried() {
    let (dir, path) = place();
    std::fs::write(dir.path().join("mission-control"), "in the way").expect("a file");
    let trouble = Trouble::default();
    let file = StateFile::new(&path, trouble.callback()).expect("a thread");
    (0..3).for_each(|_| file.observe(&event(processor_started())));
    assert_eq!(trouble.said().len(), 1, "{:?}", trouble.said());
    std::fs::remove_file(dir.path().join("mission-control")).expect("removed");
    file.observe(&event(processor_started()));
    assert_eq!(state(&path).state.status, ProcessorStatus::Running);
}

fn read_text(text: &[u8]) -> Result<Option<StateDocument>, StateFileError> {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("state");
    std::fs::write(&path, text).expect("a file");
    read_state_file(&path)
}

#[test]
fn the_original_programs_file_is_read() {
    let text =
        br#"{"status": "stopped", "started_at": "1970-01-01T00:00:01.000002", "stopped_at": "1970-01-01T00:00:03",
        "files_processed": 4, "files_failed": 1, "current_file": "docs/a.pdf"}"#;
    let StateDocument { state, current_file } = read_text(text).expect("readable").expect("there");
    assert_eq!(
        state,
        ProcessorState {
            status: ProcessorStatus::Stopped,
            started_at: Some(Timestamp::from_micros(1_000_002)),
            stopped_at: Some(Timestamp::from_micros(3_000_000)),
            files_processed: 4,
            files_failed: 1,
            ..ProcessorState::default()
        }
    );
    assert_eq!(current_file, Some(PathBuf::from("docs/a.pdf")));
}

#[test]
fn only_the_status_is_needed_and_what_is_unknown_is_passed_over() {
    let text = br#"{"status": "idle", "started_at": null, "current_file": null, "novelty": {"deep": []}}"#;
    let found = read_text(text).expect("readable").expect("there");
    assert_eq!(found, StateDocument { state: ProcessorState::default(), current_file: None });
}

#[test]
fn what_is_no_state_is_an_error_and_what_is_missing_is_none() {
    let (_dir, path) = place();
    assert_eq!(read_state_file(&path).expect("nothing there"), None);
    for text in ["", "{}", "[]", r#"{"status": "asleep"}"#, r#"{"status": "idle""#] {
        assert!(matches!(read_text(text.as_bytes()), Err(StateFileError::Malformed { .. })), "{text}");
    }
    let folder = path.parent().and_then(Path::parent).expect("a folder");
    assert!(matches!(read_state_file(folder), Err(StateFileError::Unreadable { .. })));
}

proptest! {
    #[test]
    fn no_detail_is_too_odd_to_read(since in any::<String>(), path in any::<String>(), bytes in any::<String>()) {
        let current = json!({"item_id": 1, "file_path": path, "file_path_bytes": bytes, "since": since});
        let text = json!({"status": "running", "started_at": since, "current_file": path, "current_files": [current]});
        prop_assert!(read_text(text.to_string().as_bytes()).is_ok());
    }
}
