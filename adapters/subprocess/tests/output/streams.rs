use std::fs::{self, File};
use std::time::{Instant, SystemTime};

use autoproc_subprocess::{AttemptLog, AttemptLogs, BoundedLog, OutputLimits, Source, Stream};
use proptest::collection::vec;
use proptest::prelude::*;

use rustix::fs::{CWD, Mode, mkfifoat};

use crate::limits::{Action, action, fixture, limits, size};

/// Returns the bytes of standard output, of standard error, and of an unknown stream.
pub(crate) fn read_apart(log: &AttemptLog) -> [Vec<u8>; 3] {
    let (mut apart, mut rest, streams) =
        ([Vec::new(), Vec::new(), Vec::new()], log.read().expect("readable"), log.streams());
    loop {
        let chunk = rest.next_chunk().expect("readable");
        if chunk.bytes.is_empty() {
            return apart;
        }
        for piece in streams.split(&chunk).expect("readable") {
            for (index, bytes) in apart.iter_mut().enumerate() {
                if is_of(piece.source, index) {
                    bytes.extend(piece.bytes);
                }
            }
        }
    }
}

/// Stream 0 is standard output, 1 standard error, 2 unknown.
fn is_of(source: Source, index: usize) -> bool {
    match source {
        Source::Stream(Stream::Stdout) => index == 0,
        Source::Stream(Stream::Stderr) => index == 1,
        Source::Unknown => index == 2,
        Source::Marker => index < 2,
    }
}

/// Returns the expected bytes of stream `index`.
pub(crate) fn model_of(output: &[(u8, Stream)], limits: OutputLimits, index: usize) -> Vec<u8> {
    let (head, tail) = (size(limits.head), size(limits.tail));
    let of = |part: &[(u8, Stream)]| -> Vec<u8> {
        part.iter().filter(|(_, stream)| is_of(Source::Stream(*stream), index)).map(|(byte, _)| *byte).collect()
    };
    match output.len().checked_sub(head + tail).filter(|omitted| *omitted > 0) {
        None => of(output),
        Some(omitted) => {
            let marker = format!("\n[autoproc: {omitted} bytes left out]\n");
            [of(&output[..head]), marker.into(), of(&output[output.len() - tail..])].concat()
        }
    }
}

pub(crate) fn note_length(log: &AttemptLog) -> u64 {
    fs::metadata(log.path.with_extension("log.streams")).map_or(0, |note| note.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn following_one_stream_gives_the_same_as_reading_it(actions in vec(action(), 0..40), limits in limits()) {
        let (_dir, log) = fixture();
        let (mut writer, mut written) = (BoundedLog::new(log.path.clone(), limits), Vec::new());
        let mut followed = [Stream::Stdout, Stream::Stderr].map(|stream| (log.follow(), log.only(stream), Vec::new()));
        writer.write(Stream::Stderr, b"e");
        written.push((b'e', Stream::Stderr));
        for action in actions {
            match action {
                Action::Write(stream, bytes) => {
                    writer.write(stream, &bytes);
                    written.extend(bytes.into_iter().map(|byte| (byte, stream)));
                }
                _ => writer.tick(writer.next_tick().unwrap_or_else(Instant::now)),
            }
            for (follower, filter, seen) in &mut followed {
                let chunk = follower.next_chunk().expect("readable");
                seen.extend(filter.keep(&chunk).expect("readable"));
            }
        }
        drop(writer.finish());
        for (index, (follower, mut filter, mut seen)) in followed.into_iter().enumerate() {
            let mut rest = follower.rest().expect("readable");
            loop {
                let chunk = rest.next_chunk().expect("readable");
                if chunk.bytes.is_empty() {
                    break;
                }
                seen.extend(filter.keep(&chunk).expect("readable"));
            }
            prop_assert_eq!(seen, model_of(&written, limits, index));
            prop_assert!(!filter.has_left_out_unknown());
        }
    }
}

#[test]
fn streams_without_a_note_are_not_guessed() {
    let (_dir, log) = fixture();
    let mut writer = BoundedLog::new(log.path.clone(), OutputLimits::default());
    let note = log.path.with_extension("log.streams");
    writer.write(Stream::Stdout, b"out");
    assert!(!note.exists());
    fs::create_dir(&note).expect("a folder in the way");
    writer.write(Stream::Stderr, b"err");
    fs::remove_dir(&note).expect("it is there");
    writer.write(Stream::Stdout, b"out");
    assert!(!note.exists(), "a note from here on would be wrong before");
    assert!(writer.finish().is_some(), "the error is returned");
    assert_eq!(fs::read(&note).expect("a note"), [0]);
    assert_eq!(read_apart(&log), [Vec::new(), Vec::new(), b"outerrout".to_vec()]);
}

#[test]
fn a_fifo_in_the_place_of_a_note_or_an_output_blocks_no_writer() {
    for (name, is_output) in [("7.2.30.log.streams", false), ("7.2.30.log", true)] {
        let (_dir, log) = fixture();
        let mut writer = BoundedLog::new(log.path.clone(), OutputLimits::default());
        writer.write(Stream::Stderr, b"err");
        assert!(writer.finish().is_none());
        let fifo = log.path.with_file_name(name);
        fs::remove_file(&fifo).expect("it is there");
        mkfifoat(CWD, &fifo, Mode::RWXU).expect("a FIFO");
        let mut writer = BoundedLog::append(log.path.clone(), OutputLimits::default());
        writer.write(Stream::Stdout, b"out");
        if !is_output {
            fs::remove_file(&fifo).expect("it is still there");
        }
        let error = writer.finish().expect("an error");
        assert!(error.to_string().contains("not a regular file"), "{error}");
        if !is_output {
            assert_eq!(read_apart(&log), [Vec::new(), Vec::new(), b"errout".to_vec()]);
        }
    }
}

#[test]
fn what_a_killed_writer_noted_and_lost_is_forgotten() {
    let (_dir, log) = fixture();
    let limits = OutputLimits { head: 4, tail: 100 };
    let mut writer = BoundedLog::new(log.path.clone(), limits);
    writer.write(Stream::Stderr, b"1234");
    writer.write(Stream::Stdout, b"lost");
    drop(writer);
    let note = log.path.with_extension("log.streams");
    fs::write(&note, fs::read_to_string(&note).expect("a note") + "stderr 6\nstd").expect("a file");
    let mut writer = BoundedLog::append(log.path.clone(), limits);
    writer.write(Stream::Stderr, b"56");
    writer.write(Stream::Stdout, b"7");
    assert!(writer.finish().is_none());
    assert_eq!(read_apart(&log), [b"7".to_vec(), b"123456".to_vec(), Vec::new()]);
}

#[test]
fn output_without_a_note_has_streams_only_if_its_folder_is_marked() {
    let (dir, log) = fixture();
    let logs = AttemptLogs::new(dir.path().join("logs/attempts"));
    let has_streams = || log.has_streams().expect("readable");
    logs.begin_notes();
    assert!(!dir.path().join("logs").exists() && has_streams(), "no output");
    let mut writer = BoundedLog::new(log.path.clone(), OutputLimits::default());
    writer.write(Stream::Stdout, b"out");
    assert!(has_streams());
    fs::remove_file(log.path.with_file_name("streams")).expect("the mark");
    assert!(!has_streams());
    File::options()
        .write(true)
        .open(&log.path)
        .expect("the output")
        .set_modified(SystemTime::UNIX_EPOCH)
        .expect("its time");
    logs.begin_notes();
    assert!(!has_streams(), "older than the mark");
    writer.write(Stream::Stderr, b"err");
    assert!(has_streams(), "it has a note");
}
