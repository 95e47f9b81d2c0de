#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use autoproc_domain::Fingerprint;
use autoproc_domain::ports::{ResourceUsage, StartFault};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::process::{Ending, ResultOwner, StdoutFile};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..40)
}

fn text() -> impl Strategy<Value = OsString> {
    bytes().prop_map(OsString::from_vec)
}

fn path() -> impl Strategy<Value = Option<PathBuf>> {
    option::of(text().prop_map(PathBuf::from))
}

fn stdout_file() -> impl Strategy<Value = StdoutFile> {
    (text(), any::<(Vec<i32>, String, Option<(String, bool)>)>()).prop_map(|(path, (ok_exits, temporary, owner))| {
        let owner = owner.map(|(file, has_written)| ResultOwner { file, has_written });
        StdoutFile { path, ok_exits, temporary, owner }
    })
}

fn spec() -> impl Strategy<Value = ProcessSpec> {
    let texts = (text(), vec(text(), 0..5), vec((text(), text()), 0..5), path());
    (texts, any::<(Duration, usize, bool)>(), path(), (bytes(), bytes()), option::of(stdout_file())).prop_map(
        |(texts, (timeout, capture, append_log), log, (stdin, log_heading), stdout_to)| {
            let (program, arguments, environment, working_dir) = texts;
            ProcessSpec {
                program,
                arguments,
                environment,
                working_dir,
                stdin,
                timeout,
                log,
                append_log,
                log_heading,
                capture,
                stdout_to,
            }
        },
    )
}

fn request() -> impl Strategy<Value = StartRequest> {
    let limits = any::<(Duration, u64, u64, Option<Vec<i32>>)>();
    (spec(), path(), limits).prop_map(|(spec, input, (grace, head, tail, keep_tmp))| StartRequest {
        spec,
        input,
        grace,
        output: OutputLimits { head, tail },
        keep_tmp,
    })
}

fn control() -> impl Strategy<Value = Control> {
    prop_oneof![
        (vec(request(), 0..4), any::<Duration>())
            .prop_map(|(requests, start_within)| Control::Start { requests, start_within }),
        Just(Control::Recall),
        any::<u32>().prop_map(|index| Control::Abort { index }),
        any::<u32>().prop_map(|index| Control::Kill { index }),
        Just(Control::Pause),
        Just(Control::Resume),
        any::<Duration>().prop_map(Control::Deadline),
    ]
}

fn fault() -> impl Strategy<Value = StartFault> {
    prop_oneof![
        Just(StartFault::Shortage),
        Just(StartFault::Missing),
        Just(StartFault::Permanent),
        Just(StartFault::Temporary),
    ]
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        any::<i32>().prop_map(|code| Ending::Exited { code }),
        any::<i32>().prop_map(|signal| Ending::Signalled { signal }),
        any::<bool>().prop_map(|is_certain| Ending::OutOfMemory { is_certain }),
        Just(Ending::TimedOut),
        Just(Ending::Aborted),
        (any::<String>(), fault()).prop_map(|(reason, fault)| Ending::CannotStart { reason, fault }),
        any::<(String, bool)>().prop_map(|(reason, permanent)| Ending::NoResult { reason, permanent }),
    ]
}

fn report() -> impl Strategy<Value = Report> {
    let usage = any::<(Duration, Duration, u64)>().prop_map(|(user, system, peak_memory)| ResourceUsage {
        user,
        system,
        peak_memory,
    });
    let ended = (
        ending(),
        any::<Duration>(),
        option::of(usage),
        bytes(),
        bytes(),
        any::<(u64, [Option<String>; 2], Option<(u64, i64)>)>(),
    );
    prop_oneof![
        any::<String>().prop_map(Report::Stuck),
        any::<Option<(u64, i64)>>().prop_map(|fields| Report::Started(fields.map(fingerprint))),
        any::<u32>().prop_map(Report::NotStarted),
        ended.prop_map(
            |(ending, elapsed, usage, output_tail, stdout, (stdout_bytes, [log_error, tmp_error], input_after))| {
                Report::Ended(ProcessReport {
                    ending,
                    elapsed,
                    usage,
                    output_tail,
                    stdout,
                    stdout_bytes,
                    log_error,
                    tmp_error,
                    input_after: input_after.map(fingerprint),
                })
            }
        ),
    ]
}

fn fingerprint((size, modified_ns): (u64, i64)) -> Fingerprint {
    Fingerprint { size, modified_ns }
}

fn read<M: DeserializeOwned>(bytes: &[u8], pieces: &[usize]) -> Result<Vec<M>, ProtocolError> {
    let (mut inbox, mut messages, mut rest) = (Inbox::default(), Vec::new(), bytes);
    for length in pieces.iter().copied().chain([usize::MAX]) {
        let (piece, later) = rest.split_at(length.min(rest.len()));
        inbox.push(piece);
        rest = later;
        while let Some(message) = inbox.take()? {
            messages.push(message);
        }
    }
    Ok(messages)
}

proptest! {
    #[test]
    fn controls_arrive_as_they_were_sent(sent in vec(control(), 0..6), pieces in vec(0..50_usize, 0..40)) {
        let bytes: Vec<u8> = sent.iter().flat_map(|message| encode(message).unwrap()).collect();
        prop_assert_eq!(read(&bytes, &pieces), Ok(sent));
    }

    #[test]
    fn reports_arrive_as_they_were_sent(sent in vec(report(), 0..6), pieces in vec(0..50_usize, 0..40)) {
        let bytes: Vec<u8> = sent.iter().flat_map(|message| encode(message).unwrap()).collect();
        prop_assert_eq!(read(&bytes, &pieces), Ok(sent));
    }

    #[test]
    fn an_incomplete_message_is_none(message in control(), cut in any::<prop::sample::Index>()) {
        let bytes = encode(&message).unwrap();
        prop_assert_eq!(read::<Control>(&bytes[..cut.index(bytes.len())], &[]), Ok(Vec::new()));
    }

    #[test]
    fn garbage_is_refused_or_read_and_never_a_panic(garbage in vec(any::<u8>(), 0..200), pieces in vec(0..50_usize, 0..9)) {
        let _ = read::<Control>(&garbage, &pieces);
        let _ = read::<Report>(&garbage, &pieces);
    }

    #[test]
    fn a_body_longer_than_its_message_is_refused(message in control(), surplus in vec(any::<u8>(), 1..9)) {
        let mut bytes = encode(&message).unwrap();
        bytes.extend(&surplus);
        let length = u32::try_from(bytes.len() - HEADER_BYTES).unwrap();
        bytes[..HEADER_BYTES].copy_from_slice(&length.to_le_bytes());
        prop_assert_eq!(read::<Control>(&bytes, &[]), Err(ProtocolError::Garbled));
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_at_once(length in (MAX_MESSAGE_BYTES + 1)..=u32::MAX as usize) {
        let beyond = u32::try_from(length).unwrap();
        prop_assert_eq!(read::<Control>(&beyond.to_le_bytes(), &[]), Err(ProtocolError::TooLong(length)));
    }
}

#[test]
fn a_message_beyond_the_limit_is_not_sent() {
    let long = Report::Stuck("x".repeat(MAX_MESSAGE_BYTES + 1));
    assert!(matches!(encode(&long), Err(ProtocolError::TooLong(length)) if length > MAX_MESSAGE_BYTES));
}
