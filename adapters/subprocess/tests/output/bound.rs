//! Whatever is written, the file is what a model says, and the disk never holds more than promised.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use autoproc_domain::ItemId;
use autoproc_domain::item::{AttemptNumber, ClaimNumber, ClaimToken};
use autoproc_subprocess::{AttemptLog, AttemptLogs, BoundedLog, OutputLimits};
use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

/// A folder and a log in it.
fn place() -> (TempDir, AttemptLog) {
    let dir = tempfile::tempdir().expect("a folder");
    let token = ClaimToken { item: ItemId::new(7), number: ClaimNumber::new(30) };
    let log = AttemptLogs::new(dir.path().join("logs/attempts")).log_of(token, AttemptNumber::new(2).expect("not 0"));
    (dir, log)
}

/// What is to be kept of an output.
fn model(output: &[u8], limits: OutputLimits) -> Vec<u8> {
    let (head, tail) = (size(limits.head), size(limits.tail));
    let Some(left_out) = output.len().checked_sub(head + tail).filter(|left_out| *left_out > 0) else {
        return output.to_vec();
    };
    let marker = format!("\n[autoproc: {left_out} bytes left out]\n");
    [&output[..head], marker.as_bytes(), &output[output.len() - tail..]].concat()
}

fn size(limit: u64) -> usize {
    usize::try_from(limit).expect("small")
}

fn read(log: &AttemptLog) -> Vec<u8> {
    let mut bytes = Vec::new();
    log.read().expect("it can be read").read_to_end(&mut bytes).expect("it can be read");
    bytes
}

/// The length of all files beside the log, itself included.
fn on_disk(log: &AttemptLog) -> u64 {
    let folder = log.path.parent().expect("a folder");
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.expect("an entry").metadata().expect("a file").len()).sum()
}

#[derive(Debug, Clone)]
enum Deed {
    Write(Vec<u8>),
    Tick,
    /// The step ends and another one goes on.
    NextStep,
    /// The writer is killed and another one goes on.
    Crash,
}

fn deed() -> impl Strategy<Value = Deed> {
    // Bytes of which our lines are made, so that output that looks like them is tried too.
    let byte = prop_oneof![any::<u8>(), Just(b'\n'), Just(b'[')];
    prop_oneof![
        8 => vec(byte, 0..40).prop_map(Deed::Write),
        2 => Just(Deed::Tick),
        1 => Just(Deed::NextStep),
        1 => Just(Deed::Crash),
    ]
}

fn limits() -> impl Strategy<Value = OutputLimits> {
    (0..60_u64, 0..60_u64).prop_map(|(head, tail)| OutputLimits { head, tail })
}

/// A log, and all that was written to it.
struct Story {
    writer: Option<BoundedLog>,
    written: Vec<u8>,
    limits: OutputLimits,
    log: AttemptLog,
}

impl Story {
    fn new(log: AttemptLog, limits: OutputLimits) -> Self {
        let writer = Some(BoundedLog::new(log.path.clone(), limits));
        Self { writer, written: Vec::new(), limits, log }
    }

    fn writer(&mut self) -> &mut BoundedLog {
        self.writer.as_mut().expect("there always is one")
    }

    fn go_on(&mut self, deed: Deed) {
        match deed {
            Deed::Write(bytes) => {
                self.writer().write(&bytes);
                self.written.extend(bytes);
            }
            Deed::Tick => self.tick(),
            Deed::NextStep => {
                let trouble = self.writer.take().expect("a writer").finish();
                assert!(trouble.is_none(), "{trouble:?}");
                assert_eq!(read(&self.log), model(&self.written, self.limits));
                self.writer = Some(BoundedLog::append(self.log.path.clone(), self.limits));
            }
            Deed::Crash => {
                self.tick();
                self.writer = Some(BoundedLog::append(self.log.path.clone(), self.limits));
            }
        }
        assert!(on_disk(&self.log) <= self.limits.max_disk());
    }

    /// Whatever is due is done by then.
    fn tick(&mut self) {
        let writer = self.writer();
        let due = writer.next_tick().unwrap_or_else(Instant::now);
        writer.tick(due);
        assert_eq!(writer.next_tick(), None);
        assert_eq!(read(&self.log), model(&self.written, self.limits), "what a follower sees");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_file_is_what_the_model_says(deeds in vec(deed(), 0..40), limits in limits()) {
        let (_dir, log) = place();
        let mut story = Story::new(log, limits);
        for deed in deeds {
            story.go_on(deed);
        }
        prop_assert_eq!(story.log.path.exists(), !story.written.is_empty(), "no output, no file");
        story.go_on(Deed::Write(b"last".to_vec()));
        story.go_on(Deed::NextStep);
        prop_assert_eq!(on_disk(&story.log), read(&story.log).len() as u64, "nothing else is left");
    }

    /// What a follower was given is never taken back while one writer writes.
    #[test]
    fn following_gives_the_same_as_reading(deeds in vec(deed(), 0..40), limits in limits()) {
        let (_dir, log) = place();
        let (mut writer, mut follower, mut seen) = (BoundedLog::new(log.path.clone(), limits), log.follow(), Vec::new());
        for deed in deeds {
            match deed {
                Deed::Write(bytes) => writer.write(&bytes),
                _ => writer.tick(writer.next_tick().unwrap_or_else(Instant::now)),
            }
            let more = follower.more().expect("it can be read");
            prop_assert!(!more.is_head_full || seen.len() + more.bytes.len() <= size(limits.head));
            seen.extend(more.bytes);
        }
        drop(writer.finish());
        follower.rest().expect("it can be read").read_to_end(&mut seen).expect("it can be read");
        prop_assert_eq!(seen, read(&log));
    }
}

#[test]
fn nothing_is_made_before_the_first_byte_and_then_for_the_owner_only() {
    let (dir, log) = place();
    let mut writer = BoundedLog::new(log.path.clone(), OutputLimits::default());
    writer.write(b"");
    assert!(!dir.path().join("logs").exists());
    writer.write(b"x");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&log.path), 0o600);
    assert_eq!(mode(log.path.parent().expect("a folder")), 0o700);
    assert!(writer.finish().is_none());
}

#[test]
fn what_a_gone_queue_left_is_nobodys_output() {
    let (_dir, log) = place();
    fs::create_dir_all(log.path.parent().expect("a folder")).expect("a folder");
    let tail = log.path.with_extension("log.tail");
    for (path, text) in [(&log.path, "much older output"), (&tail, "[autoproc: follows byte 3]\nmuch older output")] {
        fs::write(path, text).expect("a file");
    }
    let limits = OutputLimits { head: 4, tail: 4 };
    let mut writer = BoundedLog::new(log.path.clone(), limits);
    assert_eq!(read(&log), b"", "an attempt that has printed nothing");
    writer.write(b"new");
    assert_eq!(read(&log), b"new");
    assert!(writer.finish().is_none());
    assert_eq!((read(&log), tail.exists()), (b"new".to_vec(), false));
}

/// The writer was killed while it put the tail behind the head.
#[test]
fn a_half_joined_output_is_read_and_continued_by_its_copy() {
    let (_dir, log) = place();
    let limits = OutputLimits { head: 4, tail: 4 };
    fs::create_dir_all(log.path.parent().expect("a folder")).expect("a folder");
    fs::write(&log.path, "head\n[autoproc: 2 by").expect("a file");
    let copy = "[autoproc: follows byte 4]\n\n[autoproc: 2 bytes left out]\ntail";
    fs::write(log.path.with_extension("log.tail"), copy).expect("a file");
    assert_eq!(read(&log), b"head\n[autoproc: 2 bytes left out]\ntail");
    let more = log.follow().more().expect("it can be read");
    assert_eq!((more.bytes.as_slice(), more.is_head_full), (b"head".as_slice(), true));
    let mut writer = BoundedLog::append(log.path.clone(), limits);
    writer.write(b"er");
    assert!(writer.finish().is_none());
    assert_eq!(fs::read(&log.path).expect("a file"), b"head\n[autoproc: 4 bytes left out]\niler");
}

/// The end of the first step's output is no longer where the follower had found it.
#[test]
fn a_follower_of_a_long_output_gets_its_end_again_when_a_step_goes_on() {
    let (_dir, log) = place();
    let limits = OutputLimits { head: 4, tail: 4 };
    let mut writer = BoundedLog::new(log.path.clone(), limits);
    writer.write(b"head and tail");
    assert!(writer.finish().is_none());
    let mut follower = log.follow();
    assert_eq!(follower.more().expect("it can be read").bytes, b"head\n[autoproc: 5 bytes left out]\ntail");
    let mut writer = BoundedLog::append(log.path.clone(), limits);
    writer.write(b"er");
    assert_eq!(follower.more().expect("it can be read").bytes, b"");
    assert!(writer.finish().is_none());
    let mut rest = String::new();
    follower.rest().expect("it can be read").read_to_string(&mut rest).expect("text");
    assert_eq!(rest, "\n[autoproc: 7 bytes left out]\niler");
}

/// What the steps before left behind the head is there no third time.
#[test]
fn going_on_with_a_long_output_stays_within_its_bound() {
    let (_dir, log) = place();
    let limits = OutputLimits { head: 1000, tail: 5000 };
    let mut story = Story::new(log, limits);
    for end in [Deed::NextStep, Deed::Crash, Deed::NextStep] {
        for _ in 0..2 {
            story.go_on(Deed::Write(vec![b'x'; 10_000]));
            story.go_on(Deed::Tick);
            // For a moment there are two copies, so there must not be a third of an earlier step.
            assert_eq!(fs::metadata(&story.log.path).expect("the head").len(), limits.head);
        }
        story.go_on(end);
    }
}

#[test]
fn a_flood_is_copied_to_disk_no_more_than_once_a_second() {
    let (_dir, log) = place();
    let copy = log.path.with_extension("log.tail");
    let mut writer = BoundedLog::new(log.path.clone(), OutputLimits { head: 0, tail: 1000 });
    for _ in 0..3 {
        let began = Instant::now();
        writer.write(b"x");
        let due = writer.next_tick().expect("something to copy");
        assert!(due >= began + Duration::from_secs(1));
        for _ in 0..10 {
            writer.write(&[b'y'; 1000]);
            writer.tick(began + Duration::from_millis(999));
            assert_eq!((writer.next_tick(), copy.exists()), (Some(due), false));
        }
        writer.tick(due);
        fs::remove_file(&copy).expect("it was made");
    }
    assert!(writer.finish().is_none());
}
