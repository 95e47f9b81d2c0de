use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use autoproc_domain::path::MAX_PATH_BYTES;
use autoproc_domain::ports::{AttemptRef, Observer, RunEventKind};
use autoproc_domain::run::ProcessorStatus;
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::view::Counts;
use autoproc_domain::{ItemId, ProcessorState, Timestamp};
use autoproc_system::{MonitorDocument, StateDocument, StateFile, StateFileError, read_monitor_file, read_state_file};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::events::{
    Warnings, at, begun, completed, event, every_kind, of, processor_started, processor_stopped, started,
};

const TIMEOUT: Duration = Duration::from_secs(30);

fn temp_path() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("mission-control/AUTONOMOUS-STATE.json");
    (dir, path)
}

fn keep(path: &Path) -> StateFile {
    StateFile::new(path, monitor_of(path), Arc::new(|warning: &str| panic!("{warning}"))).expect("a thread")
}

fn monitor_of(path: &Path) -> PathBuf {
    path.with_file_name("AUTONOMOUS-MONITOR.json")
}

fn document(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("a document")
}

fn state(path: &Path) -> StateDocument {
    read_state_file(path).expect("readable").expect("there")
}

#[test]
fn the_start_and_the_end_are_written_at_once() {
    let (_dir, path) = temp_path();
    let file = keep(&path);
    assert!(!path.exists(), "the file is not touched before the first event");
    file.observe(&event(processor_started()));
    assert_eq!(document(&path)["status"], "running");
    file.observe(&event(started(1, "/a")));
    file.observe(&event(processor_stopped(StoppedBy::QueueEmpty)));
    assert_eq!(document(&path)["status"], "completed");
    assert_eq!(document(&path)["current_file"], Value::Null);
}

#[test]
fn the_format() {
    let (_dir, path) = temp_path();
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
        "probe_at": null,
        "stop": null,
        "withheld": [],
    });
    assert_eq!(document(&path), expected);
}

#[test]
fn the_format_of_the_monitor_file() {
    let (_dir, path) = temp_path();
    let file = keep(&path);
    let failed = RunEventKind::FileFailed {
        of: AttemptRef { id: ItemId::new(2), ..of("/b") },
        elapsed: Duration::from_millis(2500),
        usage: None,
        input_changed: false,
        error: "exit status 1".into(),
    };
    let counts = Counts { pending: 8, processing: 2, ..Counts::default() };
    let story = [
        processor_started(),
        started(1, "/a"),
        started(2, "/b"),
        RunEventKind::Progress { counts, next_due: None },
        completed(1, "/a"),
        failed,
        started(3, "/c"),
    ];
    (1..).zip(story).for_each(|(second, kind)| file.observe(&at(second * 1_000_000, kind)));
    drop(file);
    let expected = json!({
        "status": "running",
        "current_file": "/c",
        "files_in_queue": 7,
        "files_processed": 1,
        "files_failed": 1,
        "started_at": "1970-01-01T00:00:01.000000Z",
        "last_updated": "1970-01-01T00:00:07.000000Z",
        "current_file_started": "1970-01-01T00:00:07.000000Z",
        "estimated_remaining_files": 8,
        "avg_file_duration_seconds": 2.0,
        "error_rate_percent": 50.0,
    });
    assert_eq!(document(&monitor_of(&path)), expected);
}

#[test]
fn the_end_of_a_run_is_in_the_monitor_file_at_once() {
    let (_dir, path) = temp_path();
    let file = keep(&path);
    file.observe(&event(processor_started()));
    let monitor = || read_monitor_file(&monitor_of(&path)).expect("readable").expect("there");
    assert_eq!((monitor().status, monitor().estimated_remaining_files), (ProcessorStatus::Running, 3));
    file.observe(&event(started(1, "/a")));
    file.observe(&event(processor_stopped(StoppedBy::QueueEmpty)));
    let expected = MonitorDocument {
        status: ProcessorStatus::Completed,
        files_in_queue: 9,
        estimated_remaining_files: 11,
        started_at: Some(Timestamp::from_micros(1_000_002)),
        last_updated: Some(Timestamp::from_micros(1_000_002)),
        ..MonitorDocument::default()
    };
    assert_eq!(monitor(), expected);
}

#[test]
fn the_original_programs_monitor_file_is_read() {
    let (_dir, path) = temp_path();
    assert_eq!(read_monitor_file(&path).expect("no error"), None);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
    std::fs::write(
        &path,
        br#"{"status": "running", "current_file": "docs/a.pdf", "last_updated": "1970-01-01T00:00:03"}"#,
    )
    .expect("a file");
    let found = read_monitor_file(&path).expect("readable").expect("there");
    assert_eq!(found.current_file, Some(PathBuf::from("docs/a.pdf")));
    assert_eq!(found.last_updated, Some(Timestamp::from_micros(3_000_000)));
    std::fs::write(&path, "{}").expect("a file");
    assert!(matches!(read_monitor_file(&path), Err(StateFileError::Malformed { .. })));
}

#[test]
fn a_state_in_between_appears_before_the_end() {
    let (_dir, path) = temp_path();
    let file = keep(&path);
    file.observe(&event(processor_started()));
    for count in 1..=3 {
        std::thread::sleep(Duration::from_millis(250));
        file.observe(&event(started(count, "/a")));
        let began = Instant::now();
        while state(&path).state.current_files.len() < usize::try_from(count).expect("small") {
            assert!(began.elapsed() < TIMEOUT);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn writes_are_atomic_and_at_most_ten_a_second() {
    let (_dir, path) = temp_path();
    let file = keep(&path);
    file.observe(&event(processor_started()));
    let (began, mut versions) = (Instant::now(), BTreeSet::new());
    for id in 0.. {
        file.observe(&event(started(id, "/a")));
        let metadata = std::fs::metadata(&path).expect("there at every moment");
        versions.insert((metadata.mtime(), metadata.mtime_nsec()));
        assert_eq!(state(&path).state.status, ProcessorStatus::Running);
        assert!(began.elapsed() < TIMEOUT, "a state in between is never written");
        if began.elapsed() > Duration::from_millis(700) && versions.len() > 1 {
            break;
        }
    }
    let at_most = began.elapsed().as_millis() / 100 + 2;
    assert!(versions.len() as u128 <= at_most, "{} versions", versions.len());
}

#[test]
fn the_folded_state_reads_back() {
    let (_dir, path) = temp_path();
    let (file, mut fold) = (keep(&path), ProcessorState::default());
    let odd = begun(of(OsStr::from_bytes(b"/\xff\n")));
    let held = RunEventKind::StartsHeld { reason: "no room".into(), probe_at: Some(Timestamp::MAX) };
    let running = every_kind().into_iter().filter(|kind| !matches!(kind, RunEventKind::ProcessorStopped { .. }));
    let kinds = running.chain([odd, held]);
    for event in kinds.map(event) {
        file.observe(&event);
        fold.apply(&event);
    }
    drop(file);
    let current_file = fold.current_files.first().map(|current| current.file_path.as_path().to_owned());
    assert!(
        current_file.is_some()
            && fold.pressure.is_some()
            && fold.probe_at.is_some()
            && fold.stop.is_some()
            && !fold.withheld.is_empty()
    );
    assert_eq!(state(&path), StateDocument { state: fold, current_file });
    let folder = path.parent().expect("a folder");
    assert_eq!(folder.read_dir().expect("a folder").count(), 2, "no temporary file is left");
}

fn bulky_path(bytes: usize) -> PathBuf {
    let components = b"/\xff".iter().chain(b"/\x01".iter().cycle());
    PathBuf::from(OsStr::from_bytes(&components.copied().take(bytes).collect::<Vec<_>>()))
}

#[test]
fn the_state_of_the_most_jobs_with_the_longest_paths_reads_back() {
    let (_dir, path) = temp_path();
    let file = keep(&path);
    let long = bulky_path(MAX_PATH_BYTES - 1);
    for id in 0..256 {
        let of = AttemptRef { id: ItemId::new(id), ..of(&long) };
        file.observe(&event(begun(of)));
    }
    drop(file);
    assert_eq!(state(&path).state.current_files.len(), 256);
    assert!(read_monitor_file(&monitor_of(&path)).expect("readable").is_some());
}

#[cfg(target_os = "linux")]
#[test]
fn the_system_accepts_a_path_of_the_maximum_length_and_no_longer_one() {
    let error = |bytes: usize| std::fs::metadata(bulky_path(bytes)).expect_err("no such file").kind();
    assert_eq!(error(MAX_PATH_BYTES), std::io::ErrorKind::NotFound);
    assert_eq!(error(MAX_PATH_BYTES + 1), std::io::ErrorKind::InvalidFilename);
}

#[test]
fn a_failure_is_reported_once_and_later_states_are_attempted() {
    let (dir, path) = temp_path();
    std::fs::write(dir.path().join("mission-control"), "in the way").expect("a file");
    let warnings = Warnings::default();
    let file = StateFile::new(&path, monitor_of(&path), warnings.callback()).expect("a thread");
    (0..3).for_each(|_| file.observe(&event(processor_started())));
    assert_eq!(warnings.all().len(), 1, "{:?}", warnings.all());
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
fn only_the_status_is_required_and_unknown_keys_are_ignored() {
    let text = br#"{"status": "idle", "started_at": null, "current_file": null, "novelty": {"deep": []}}"#;
    let found = read_text(text).expect("readable").expect("there");
    assert_eq!(found, StateDocument { state: ProcessorState::default(), current_file: None });
}

#[test]
fn a_file_that_is_larger_than_any_state_is_not_read() {
    let text = r#"{"status": "idle"}"#;
    let padded = |bytes: usize| (text.to_owned() + &" ".repeat(bytes - text.len())).into_bytes();
    assert!(read_text(&padded(16 << 20)).expect("readable").is_some());
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("state.json");
    std::fs::write(&path, padded((16 << 20) + 1)).expect("written");
    let expected = format!("{} is larger than 16 MiB", path.display());
    assert_eq!(read_state_file(&path).expect_err("too large").to_string(), expected);
    assert_eq!(read_monitor_file(&path).expect_err("too large").to_string(), expected);
}

#[test]
fn an_invalid_file_is_an_error_and_a_missing_one_is_none() {
    let (_dir, path) = temp_path();
    assert_eq!(read_state_file(&path).expect("readable"), None);
    for text in ["", "{}", "[]", r#"{"status": "asleep"}"#, r#"{"status": "idle""#] {
        assert!(matches!(read_text(text.as_bytes()), Err(StateFileError::Malformed { .. })), "{text}");
    }
    let folder = path.parent().and_then(Path::parent).expect("a folder");
    assert!(matches!(read_state_file(folder), Err(StateFileError::Unreadable { .. })));
}

proptest! {
    #[test]
    fn invalid_details_are_tolerated(since in any::<String>(), path in any::<String>(), bytes in any::<String>()) {
        let current = json!({"item_id": 1, "file_path": path, "file_path_bytes": bytes, "since": since});
        let text = json!({"status": "running", "started_at": since, "current_file": path, "current_files": [current],
            "stop": {"level": path, "cause": "interrupt", "since": since}});
        prop_assert!(read_text(text.to_string().as_bytes()).is_ok());
    }
}
