//! What the event log knows of one file.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::item::AttemptNumber;
use autoproc_domain::ports::{AttemptOf, Observer, RunEvent, RunEventKind};
use autoproc_domain::{FilePath, ItemId, RunId, Timestamp};
use autoproc_system::{EventLog, PastAttempt, PastEnd, read_attempts};
use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::events::{every_kind, usage};

const RUN: &str = "run-1";

fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    (dir, path)
}

fn of(attempt: u32) -> AttemptOf {
    let file_path = FilePath::new("/d/a").expect("a path");
    AttemptOf { id: ItemId::new(7), file_path, attempt: AttemptNumber::new(attempt).expect("not zero"), claim: None }
}

/// Writes a story, an event a second from second 0 on.
fn tell(path: &Path, run: &str, story: impl IntoIterator<Item = RunEventKind>) {
    let log = EventLog::new(path, Arc::new(|warning: &str| panic!("{warning}")));
    for (second, kind) in (0..).zip(story) {
        log.observe(&RunEvent { at: Timestamp::from_micros(second * 1_000_000), run: RunId::new(run), kind });
    }
}

fn history(path: &Path) -> Vec<PastAttempt> {
    read_attempts(path, of(1).id, &of(1).file_path).expect("readable")
}

fn ends(path: &Path) -> Vec<(u32, Option<PastEnd>)> {
    history(path).iter().map(|attempt| (attempt.number.get(), attempt.end)).collect()
}

#[test]
fn an_attempt_is_told_with_all_that_is_known_of_it() {
    let (_dir, path) = place();
    let (elapsed, used, backoff) = (Duration::from_millis(1500), Some(usage()), Duration::from_secs(2));
    let error = || "exit status 1: no\nwhy".into();
    let story = [
        RunEventKind::FileStarted { of: of(1) },
        RunEventKind::FileRequeued { of: of(1), elapsed, usage: used, backoff, error: error() },
        RunEventKind::FileStarted { of: of(2) },
    ];
    tell(&path, RUN, story);
    let first = PastAttempt {
        number: of(1).attempt,
        run: RunId::new(RUN),
        started_at: Some(Timestamp::from_micros(0)),
        end: Some(PastEnd::Requeued),
        elapsed: Some(elapsed),
        usage: used,
        error: Some(error()),
    };
    let second = PastAttempt {
        number: of(2).attempt,
        run: RunId::new(RUN),
        started_at: Some(Timestamp::from_micros(2_000_000)),
        end: None,
        elapsed: None,
        usage: None,
        error: None,
    };
    assert_eq!(history(&path), [first, second]);
}

#[test]
fn what_died_ended_with_its_run_and_what_was_given_back_is_counted_again() {
    let (_dir, path) = place();
    let elapsed = Duration::ZERO;
    tell(&path, "run-0", [RunEventKind::FileStarted { of: of(1) }]);
    let story = [
        RunEventKind::FileRecovered { of: of(1), dead_run: RunId::new("run-0"), requeued: true },
        RunEventKind::FileStarted { of: of(2) },
        RunEventKind::FileReleased { of: of(2), elapsed, usage: None },
        RunEventKind::FileStarted { of: of(2) },
        RunEventKind::FileCompleted { of: of(2), elapsed, usage: None },
    ];
    tell(&path, RUN, story);
    let expected = [(1, Some(PastEnd::Died)), (2, Some(PastEnd::Released)), (2, Some(PastEnd::Completed))];
    assert_eq!(ends(&path), expected);
    assert_eq!(history(&path)[0].run, RunId::new("run-0"));
}

#[test]
fn ends_whose_beginnings_are_gone_are_told_all_the_same() {
    let (_dir, path) = place();
    let elapsed = Duration::ZERO;
    let released = RunEventKind::FileReleased { of: of(3), elapsed, usage: None };
    let completed = RunEventKind::FileCompleted { of: of(3), elapsed, usage: None };
    tell(&path, RUN, [released, completed]);
    assert_eq!(ends(&path), [(3, Some(PastEnd::Released)), (3, Some(PastEnd::Completed))]);
    assert_eq!(history(&path)[0].started_at, None);
}

#[test]
fn other_files_and_events_have_no_part_in_it() {
    let (_dir, path) = place();
    tell(&path, RUN, every_kind().into_iter().filter(|kind| !matches!(kind, RunEventKind::FileStarted { .. })));
    let before = history(&path).len();
    let other_path = FilePath::new("/d/b").expect("a path");
    let others = [
        AttemptOf { id: ItemId::new(71), ..of(1) },
        AttemptOf { id: ItemId::new(17), ..of(1) },
        AttemptOf { file_path: other_path, ..of(1) },
    ];
    tell(&path, RUN, others.map(|of| RunEventKind::FileStarted { of }));
    assert_eq!(history(&path).len(), before);
}

#[test]
fn a_missing_log_has_no_attempts_and_an_unreadable_one_is_an_error() {
    let (dir, path) = place();
    assert_eq!(history(&path), []);
    read_attempts(dir.path(), of(1).id, &of(1).file_path).expect_err("a folder is no log");
}

#[test]
fn what_is_no_line_of_ours_is_passed_over() {
    let (_dir, path) = place();
    tell(&path, RUN, [RunEventKind::FileStarted { of: of(1) }]);
    let mut log = std::fs::File::options().append(true).open(&path).expect("a log");
    log.write_all(b"\"item_id\":7\n\xff\"item_id\":7\n").expect("written");
    // What follows a megabyte of blanks would be a line of ours, if the line did not begin with them.
    let ours = std::fs::read(&path).expect("a log").split_inclusive(|byte| *byte == b'\n').next().map(<[u8]>::to_vec);
    log.write_all(&vec![b' '; 1 << 20]).expect("written");
    log.write_all(&ours.expect("a line")).expect("written");
    tell(&path, RUN, [RunEventKind::FileStarted { of: of(2) }]);
    log.write_all(b"{\"timestamp\":\"a line that a crash cut").expect("written");
    assert_eq!(ends(&path), [(1, None), (2, None)]);
}

#[test]
fn of_very_many_attempts_the_latest_are_told() {
    let (_dir, path) = place();
    tell(&path, RUN, (1..=1200).map(|number| RunEventKind::FileStarted { of: of(number) }));
    let told = history(&path);
    assert_eq!((told.len(), told[0].number.get(), told[999].number.get()), (1000, 201, 1200));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_log_is_too_strange(lines in vec(prop_oneof![".{0,80}", Just("\"item_id\":7".to_owned())], 0..20)) {
        let (_dir, path) = place();
        std::fs::write(&path, lines.join("\n")).expect("written");
        prop_assert_eq!(history(&path), []);
    }
}
