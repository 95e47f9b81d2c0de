use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use autoproc_domain::ItemId;
use autoproc_domain::item::{AttemptNumber, ClaimNumber, ClaimToken};
use autoproc_subprocess::{AttemptLog, AttemptLogs, BoundedLog, LogEnd, OutputLimits, Stream};
use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::streams::{model_of, note_length, read_apart};

pub(crate) fn fixture() -> (TempDir, AttemptLog) {
    let dir = tempfile::tempdir().expect("a folder");
    let token = ClaimToken { item: ItemId::new(7), number: ClaimNumber::new(30) };
    let log = AttemptLogs::new(dir.path().join("logs/attempts")).log_of(token, AttemptNumber::new(2).expect("not 0"));
    (dir, log)
}

fn model(output: &[u8], limits: OutputLimits) -> Vec<u8> {
    let (head, tail) = (size(limits.head), size(limits.tail));
    let Some(omitted) = output.len().checked_sub(head + tail).filter(|omitted| *omitted > 0) else {
        return output.to_vec();
    };
    let marker = format!("\n[autoproc: {omitted} bytes left out]\n");
    [&output[..head], marker.as_bytes(), &output[output.len() - tail..]].concat()
}

pub(crate) fn size(limit: u64) -> usize {
    usize::try_from(limit).expect("small")
}

fn read(log: &AttemptLog) -> Vec<u8> {
    let mut bytes = Vec::new();
    log.read().expect("readable").read_to_end(&mut bytes).expect("readable");
    bytes
}

fn on_disk(log: &AttemptLog) -> u64 {
    let folder = log.path.parent().expect("a folder");
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.expect("an entry").metadata().expect("a file").len()).sum()
}

#[derive(Debug, Clone)]
pub(crate) enum Action {
    Write(Stream, Vec<u8>),
    Tick,
    NextStep,
    Crash,
}

pub(crate) fn action() -> impl Strategy<Value = Action> {
    // Prefers bytes that begin the log's own lines, to test output that resembles such lines.
    let byte = prop_oneof![any::<u8>(), Just(b'\n'), Just(b'[')];
    let stream = prop_oneof![Just(Stream::Stdout), Just(Stream::Stderr)];
    prop_oneof![
        8 => (stream, vec(byte, 0..40)).prop_map(|(stream, bytes)| Action::Write(stream, bytes)),
        2 => Just(Action::Tick),
        1 => Just(Action::NextStep),
        1 => Just(Action::Crash),
    ]
}

pub(crate) fn limits() -> impl Strategy<Value = OutputLimits> {
    (0..60_u64, 0..60_u64).prop_map(|(head, tail)| OutputLimits { head, tail })
}

struct History {
    writer: Option<BoundedLog>,
    written: Vec<(u8, Stream)>,
    limits: OutputLimits,
    log: AttemptLog,
}

impl History {
    fn new(log: AttemptLog, limits: OutputLimits) -> Self {
        let writer = Some(BoundedLog::new(log.path.clone(), limits));
        Self { writer, written: Vec::new(), limits, log }
    }

    fn writer(&mut self) -> &mut BoundedLog {
        self.writer.as_mut().expect("a writer")
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Write(stream, bytes) => {
                self.writer().write(stream, &bytes);
                self.written.extend(bytes.into_iter().map(|byte| (byte, stream)));
            }
            Action::Tick => self.tick(),
            Action::NextStep => {
                let error = self.writer.take().expect("a writer").finish();
                assert!(error.is_none(), "{error:?}");
                self.expect_model();
                self.writer = Some(BoundedLog::append(self.log.path.clone(), self.limits));
            }
            Action::Crash => {
                self.tick();
                self.writer = Some(BoundedLog::append(self.log.path.clone(), self.limits));
            }
        }
        assert!(on_disk(&self.log) <= self.limits.max_disk());
    }

    fn tick(&mut self) {
        let writer = self.writer();
        let due = writer.next_tick().unwrap_or_else(Instant::now);
        writer.tick(due);
        assert_eq!(writer.next_tick(), None);
        self.expect_model();
    }

    fn expect_model(&self) {
        let all: Vec<_> = self.written.iter().map(|(byte, _)| *byte).collect();
        assert_eq!(read(&self.log), model(&all, self.limits));
        for max in [0, 1, 5, 1000] {
            let Some(LogEnd { length, bytes }) = self.log.last_bytes(max).expect("readable") else {
                assert!(all.is_empty() && !self.log.path.exists());
                continue;
            };
            assert_eq!(length, read(&self.log).len() as u64);
            assert!(bytes.len() <= size(max) && read(&self.log).ends_with(&bytes), "the last bytes, at most {max}");
            let has_tail = self.log.path.with_extension("log.tail").exists();
            assert!(has_tail || bytes.len() == size(max).min(read(&self.log).len()), "as many as there are");
        }
        let [stdout, stderr, unknown] = read_apart(&self.log);
        assert_eq!(unknown, [0; 0]);
        let has_stderr = self.written.iter().any(|(_, stream)| *stream == Stream::Stderr);
        assert_eq!(note_length(&self.log) > 0, has_stderr, "no standard error, no note");
        if has_stderr {
            assert_eq!(stdout, model_of(&self.written, self.limits, 0));
            assert_eq!(stderr, model_of(&self.written, self.limits, 1));
        } else {
            assert_eq!((stdout, stderr), (model(&all, self.limits), Vec::new()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_file_equals_the_model(actions in vec(action(), 0..40), limits in limits()) {
        let (_dir, log) = fixture();
        let mut history = History::new(log, limits);
        for action in actions {
            history.perform(action);
        }
        prop_assert_eq!(history.log.path.exists(), !history.written.is_empty(), "no output, no file");
        history.perform(Action::Write(Stream::Stdout, b"last".to_vec()));
        history.perform(Action::NextStep);
        let expected = read(&history.log).len() as u64 + note_length(&history.log);
        prop_assert_eq!(on_disk(&history.log), expected, "nothing else is left");
    }

    #[test]
    fn following_gives_the_same_as_reading(actions in vec(action(), 0..40), limits in limits()) {
        let (_dir, log) = fixture();
        let (mut writer, mut follower, mut seen) = (BoundedLog::new(log.path.clone(), limits), log.follow(), Vec::new());
        for action in actions {
            match action {
                Action::Write(stream, bytes) => writer.write(stream, &bytes),
                _ => writer.tick(writer.next_tick().unwrap_or_else(Instant::now)),
            }
            let chunk = follower.next_chunk().expect("readable");
            prop_assert!(!chunk.is_head_full || seen.len() + chunk.bytes.len() <= size(limits.head));
            seen.extend(chunk.bytes);
        }
        drop(writer.finish());
        follower.rest().expect("readable").read_to_end(&mut seen).expect("readable");
        prop_assert_eq!(seen, read(&log));
    }

}

#[test]
fn the_file_is_created_with_the_first_byte_for_the_owner_only() {
    let (dir, log) = fixture();
    let mut writer = BoundedLog::new(log.path.clone(), OutputLimits::default());
    writer.write(Stream::Stdout, b"");
    assert!(!dir.path().join("logs").exists());
    writer.write(Stream::Stdout, b"x");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&log.path), 0o600);
    assert_eq!(mode(log.path.parent().expect("a folder")), 0o700);
    assert!(writer.finish().is_none());
}

#[test]
fn the_output_of_a_deleted_queue_is_removed() {
    let (_dir, log) = fixture();
    fs::create_dir_all(log.path.parent().expect("a folder")).expect("a folder");
    let (tail, note) = (log.path.with_extension("log.tail"), log.path.with_extension("log.streams"));
    let old = [(&log.path, "much older output"), (&tail, "[autoproc: follows byte 3]\nmuch older output")];
    for (path, text) in old.into_iter().chain([(&note, "stderr 0\n")]) {
        fs::write(path, text).expect("a file");
    }
    let limits = OutputLimits { head: 4, tail: 4 };
    let mut writer = BoundedLog::new(log.path.clone(), limits);
    assert_eq!(read(&log), b"", "no output yet");
    writer.write(Stream::Stdout, b"new");
    assert_eq!(read(&log), b"new");
    assert!(writer.finish().is_none());
    assert_eq!((read(&log), tail.exists(), note.exists()), (b"new".to_vec(), false, false));
}

#[test]
fn a_partly_completed_output_is_read_and_continued_from_its_copy() {
    let (_dir, log) = fixture();
    let limits = OutputLimits { head: 4, tail: 4 };
    fs::create_dir_all(log.path.parent().expect("a folder")).expect("a folder");
    fs::write(&log.path, "head\n[autoproc: 2 by").expect("a file");
    let copy = "[autoproc: follows byte 4]\n\n[autoproc: 2 bytes left out]\ntail";
    fs::write(log.path.with_extension("log.tail"), copy).expect("a file");
    assert_eq!(read(&log), b"head\n[autoproc: 2 bytes left out]\ntail");
    let chunk = log.follow().next_chunk().expect("readable");
    assert_eq!((chunk.bytes.as_slice(), chunk.is_head_full), (b"head".as_slice(), true));
    let mut writer = BoundedLog::append(log.path.clone(), limits);
    writer.write(Stream::Stdout, b"er");
    assert!(writer.finish().is_none());
    assert_eq!(fs::read(&log.path).expect("a file"), b"head\n[autoproc: 4 bytes left out]\niler");
}

#[test]
fn a_follower_beyond_the_head_of_a_removed_output_has_no_rest() {
    let (_dir, log) = fixture();
    fs::create_dir_all(log.path.parent().expect("a folder")).expect("a folder");
    fs::write(&log.path, "head and tail").expect("a file");
    let mut follower = log.follow();
    assert_eq!(follower.next_chunk().expect("readable").bytes, b"head and tail");
    fs::remove_file(&log.path).expect("removed");
    fs::write(log.path.with_extension("log.tail"), "[autoproc: follows byte 4]\n tail").expect("a file");
    let mut rest = Vec::new();
    follower.rest().expect("readable").read_to_end(&mut rest).expect("readable");
    assert_eq!(rest, b"");
}

#[test]
fn a_follower_of_a_long_output_reads_its_end_again_when_a_step_appends() {
    let (_dir, log) = fixture();
    let limits = OutputLimits { head: 4, tail: 4 };
    let mut writer = BoundedLog::new(log.path.clone(), limits);
    writer.write(Stream::Stdout, b"head and tail");
    assert!(writer.finish().is_none());
    let mut follower = log.follow();
    assert_eq!(follower.next_chunk().expect("readable").bytes, b"head\n[autoproc: 5 bytes left out]\ntail");
    let mut writer = BoundedLog::append(log.path.clone(), limits);
    writer.write(Stream::Stdout, b"er");
    assert_eq!(follower.next_chunk().expect("readable").bytes, b"");
    assert!(writer.finish().is_none());
    let mut rest = String::new();
    follower.rest().expect("readable").read_to_string(&mut rest).expect("text");
    assert_eq!(rest, "\n[autoproc: 7 bytes left out]\niler");
}

#[test]
fn appending_to_a_long_output_stays_within_the_limit() {
    let (_dir, log) = fixture();
    let limits = OutputLimits { head: 1000, tail: 5000 };
    let mut history = History::new(log, limits);
    for end in [Action::NextStep, Action::Crash, Action::NextStep] {
        for _ in 0..2 {
            history.perform(Action::Write(Stream::Stdout, vec![b'x'; 10_000]));
            history.perform(Action::Tick);
            // The main file has only the head, and no copy of an earlier tail.
            assert_eq!(fs::metadata(&history.log.path).expect("the head").len(), limits.head);
        }
        history.perform(end);
    }
}

#[test]
fn a_flood_is_copied_to_disk_no_more_than_once_a_second() {
    let (_dir, log) = fixture();
    let copy = log.path.with_extension("log.tail");
    let mut writer = BoundedLog::new(log.path.clone(), OutputLimits { head: 0, tail: 1000 });
    for _ in 0..3 {
        let began = Instant::now();
        writer.write(Stream::Stdout, b"x");
        let due = writer.next_tick().expect("something to copy");
        assert!(due >= began + Duration::from_secs(1));
        for _ in 0..10 {
            writer.write(Stream::Stdout, &[b'y'; 1000]);
            writer.tick(began + Duration::from_millis(999));
            assert_eq!((writer.next_tick(), copy.exists()), (Some(due), false));
        }
        writer.tick(due);
        fs::remove_file(&copy).expect("it was created");
    }
    assert!(writer.finish().is_none());
}

#[test]
fn the_file_is_as_new_as_the_latest_output_even_if_that_is_in_the_tail() {
    let (_dir, log) = fixture();
    assert_eq!(log.written_at().expect("read"), None);
    let mut writer = BoundedLog::new(log.path.clone(), OutputLimits { head: 4, tail: 100 });
    let mut print = |bytes: &[u8]| {
        writer.write(Stream::Stdout, bytes);
        writer.tick(writer.next_tick().expect("a copy of the tail is due"));
    };
    print(b"12345");
    let old = SystemTime::now() - Duration::from_mins(5);
    fs::File::options().append(true).open(&log.path).expect("a log").set_modified(old).expect("set");
    print(b"6");
    assert!(log.written_at().expect("read") > Some(old));
}
