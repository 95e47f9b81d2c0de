//! A supervised process and its report.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use autoproc_domain::Fingerprint;
use autoproc_domain::ports::{AttemptOutcome, ResourceUsage, StartFault};
use serde::{Deserialize, Serialize};

/// The maximum number of bytes of standard output in a report; longer output belongs in a file.
pub const MAX_CAPTURE_BYTES: usize = 32 << 20;

/// The maximum length of [`ProcessReport::output_tail`] in bytes.
pub const OUTPUT_TAIL_BYTES: usize = 4 << 10;

/// The maximum number of final lines quoted as the reason of a failure. Many lines may follow the
/// cause: Node.js prints ten stack frames.
const MAX_QUOTED_LINES: usize = 30;

/// A process to run under a guard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// The program, looked up in `PATH` unless it contains a slash.
    pub program: OsString,
    /// The arguments after the program's name, passed byte for byte.
    pub arguments: Vec<OsString>,
    /// Variables that are added to the inherited environment. If a name is repeated, the last value
    /// wins. If `TMPDIR` is not set here, the guard sets it to a private folder of the process.
    pub environment: Vec<(OsString, OsString)>,
    /// The working directory of the process; if `None`, that of the run. A relative program path is
    /// resolved against this directory.
    #[serde(with = "path")]
    pub working_dir: Option<PathBuf>,
    /// The contents of the standard input. If empty, the standard input is `/dev/null`. The guard
    /// keeps the contents in memory, so they should be short.
    pub stdin: Vec<u8>,
    /// The time after which the process is ended; time spent paused does not count.
    pub timeout: Duration,
    /// The file that receives both output streams; if `None`, no log is kept. Created with the
    /// first byte of output.
    #[serde(with = "path")]
    pub log: Option<PathBuf>,
    /// True to append to an existing log, as later steps of an attempt do; false to replace the
    /// log.
    pub append_log: bool,
    /// Written to the log before the first byte of output. Must be empty or end in a newline.
    pub log_heading: Vec<u8>,
    /// The maximum number of bytes of standard output in the report; capped at
    /// [`MAX_CAPTURE_BYTES`].
    pub capture: usize,
    /// The file that receives the standard output if the process succeeds. If set, the log receives
    /// only the standard error and a line about this file.
    pub stdout_to: Option<StdoutFile>,
}

/// The file that receives the standard output of a process that succeeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StdoutFile {
    /// The path of the file. A regular file that exists when the process starts is replaced. The
    /// ending is [`Ending::NoResult`] if the path names the input file, something other than a
    /// regular file, or a file that is created while the process runs.
    pub path: OsString,
    /// Exit statuses that count as success, in addition to 0.
    pub ok_exits: Vec<i32>,
    /// The name of a temporary file in the same folder; must be unique. Used if the file system has
    /// no files without a name, and while an older result file is replaced.
    pub temporary: String,
    /// Another input file to which the output file already belongs. If set, the process does not
    /// start, and its ending is [`Ending::NoResult`].
    pub owner: Option<ResultOwner>,
}

/// The input file to which a result file belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultOwner {
    /// The path of the input file, as text for messages.
    pub file: String,
    /// True if the result file holds the output of the input file; false while it is only reserved.
    pub has_written: bool,
}

/// The beginning of the names of temporary files. 32 lower-case hexadecimal digits follow.
pub(crate) const TEMPORARY_PREFIX: &str = ".autoproc-";

pub(crate) fn is_temporary_name(name: &OsStr) -> bool {
    let digits = name.as_encoded_bytes().strip_prefix(TEMPORARY_PREFIX.as_bytes());
    let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    digits.is_some_and(|digits| digits.len() == 32 && digits.iter().all(is_digit))
}

/// The result of a process, reported after the process and all its descendants have ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessReport {
    /// The ending of the process.
    pub ending: Ending,
    /// The run time without pauses. If the guard ended the process, includes the time until the
    /// last descendant was gone.
    pub elapsed: Duration,
    /// The resources used by the process and by the children that it waited for; `None` if the
    /// process never ran or its guard died.
    #[serde(with = "usage")]
    pub usage: Option<ResourceUsage>,
    /// The last bytes of the standard error, at most [`OUTPUT_TAIL_BYTES`]. If the standard error
    /// is blank, contains the last bytes of the standard output instead, unless the ending is
    /// [`Ending::NoResult`].
    pub output_tail: Vec<u8>,
    /// The beginning of the standard output, at most [`ProcessSpec::capture`] bytes.
    pub stdout: Vec<u8>,
    /// The total length of the standard output, in bytes.
    pub stdout_bytes: u64,
    /// The first error in writing the log. The log may then be incomplete, but the process is not
    /// affected.
    pub log_error: Option<String>,
    /// The reason why the process had no private folder for temporary files. The process then
    /// inherited the `TMPDIR` of the run. `None` if it had a folder or never ran.
    pub tmp_error: Option<String>,
    /// The fingerprint of the input file after the process had ended, if known.
    #[serde(with = "fingerprint")]
    pub input_after: Option<Fingerprint>,
}

/// The ending of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// The process exited.
    Exited {
        /// The exit status.
        code: i32,
    },
    /// A signal that the guard did not send ended the process.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
    /// The kernel killed the process, or may have killed it, because memory was short.
    OutOfMemory {
        /// True if the counters of the guard's control group show such a kill.
        is_certain: bool,
    },
    /// The process exceeded its timeout and was ended.
    TimedOut,
    /// The process was ended or not started, because of a stop request, because the deadline of the
    /// guards passed, or because the run died.
    Aborted,
    /// The process could not be started.
    CannotStart {
        /// A human-readable description of the error.
        reason: String,
        /// The kind of the error.
        #[serde(with = "StartFaultFields")]
        fault: StartFault,
    },
    /// The standard output could not, or must not, be written to its file. The process may not have
    /// started.
    NoResult {
        /// A human-readable description of the error.
        reason: String,
        /// True if a retry would fail in the same way.
        permanent: bool,
    },
    /// The guard was killed; the run has ended the guard's processes.
    GuardDied,
}

impl ProcessReport {
    pub(crate) fn new(ending: Ending, elapsed: Duration) -> Self {
        let (output_tail, stdout) = (Vec::new(), Vec::new());
        Self {
            ending,
            elapsed,
            usage: None,
            output_tail,
            stdout,
            stdout_bytes: 0,
            log_error: None,
            tmp_error: None,
            input_after: None,
        }
    }

    /// Returns the last lines of [`ProcessReport::output_tail`], at most 30, as text. Replaces
    /// invalid UTF-8.
    #[must_use]
    pub fn last_error_lines(&self) -> String {
        let text = String::from_utf8_lossy(&self.output_tail);
        let text = text.trim_end();
        let start = text.rmatch_indices('\n').nth(MAX_QUOTED_LINES - 1).map_or(0, |(end, _)| end + 1);
        text[start..].to_owned()
    }
}

impl Ending {
    /// True if the process failed. Exits in `ok_exits`, aborts and dead guards are no failures.
    pub(crate) fn is_failure(&self, ok_exits: &[i32]) -> bool {
        match self {
            Self::Exited { code } => *code != 0 && !ok_exits.contains(code),
            Self::Aborted | Self::GuardDied => false,
            Self::Signalled { .. }
            | Self::OutOfMemory { .. }
            | Self::TimedOut
            | Self::CannotStart { .. }
            | Self::NoResult { .. } => true,
        }
    }

    /// Converts the ending of a process with this timeout to the outcome of an attempt or a step.
    #[must_use]
    pub fn outcome(self, timeout: Duration) -> AttemptOutcome {
        match self {
            Self::Exited { code: 0 } => AttemptOutcome::Succeeded,
            Self::Exited { code } => AttemptOutcome::Exited { code },
            Self::Signalled { signal } => AttemptOutcome::Signalled { signal },
            Self::OutOfMemory { is_certain } => AttemptOutcome::OutOfMemory { is_certain },
            Self::TimedOut => AttemptOutcome::TimedOut { after: timeout },
            Self::Aborted => AttemptOutcome::Aborted,
            Self::CannotStart { reason, fault } => AttemptOutcome::CannotStart { reason: reason.into(), fault },
            Self::NoResult { reason, permanent } => AttemptOutcome::Unmet { reason: reason.into(), permanent },
            Self::GuardDied => {
                AttemptOutcome::Interrupted { reason: "the process that supervised it was killed".into() }
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "StartFault")]
enum StartFaultFields {
    Shortage,
    Missing,
    Permanent,
    Temporary,
}

/// Serialises optional paths as OS strings, because paths need not be UTF-8.
pub(crate) mod path {
    use std::ffi::OsString;
    use std::path::PathBuf;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub(crate) fn serialize<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
        path.as_ref().map(|path| path.as_os_str()).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
        Ok(Option::<OsString>::deserialize(deserializer)?.map(PathBuf::from))
    }
}

/// Serialises the domain's `Fingerprint`, which does not implement serde's traits.
pub(crate) mod fingerprint {
    use autoproc_domain::Fingerprint;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    type Fields = (u64, i64);

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub(crate) fn serialize<S: Serializer>(value: &Option<Fingerprint>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(|Fingerprint { size, modified_ns }| (size, modified_ns)).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Fingerprint>, D::Error> {
        let fields = Option::<Fields>::deserialize(deserializer)?;
        Ok(fields.map(|(size, modified_ns)| Fingerprint { size, modified_ns }))
    }
}

mod usage {
    use std::time::Duration;

    use autoproc_domain::ports::ResourceUsage;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    type Fields = (Duration, Duration, u64);

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub(super) fn serialize<S: Serializer>(usage: &Option<ResourceUsage>, serializer: S) -> Result<S::Ok, S::Error> {
        usage.map(|usage| (usage.user, usage.system, usage.peak_memory)).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ResourceUsage>, D::Error> {
        let fields = Option::<Fields>::deserialize(deserializer)?;
        Ok(fields.map(|(user, system, peak_memory)| ResourceUsage { user, system, peak_memory }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quoted(stderr: &[u8]) -> String {
        let report = ProcessReport::new(Ending::TimedOut, Duration::ZERO);
        ProcessReport { output_tail: stderr.to_vec(), ..report }.last_error_lines()
    }

    #[test]
    fn the_last_thirty_lines_are_quoted() {
        let lines: Vec<_> = (1..=32).map(|line| line.to_string()).collect();
        assert_eq!(quoted((lines.join("\n") + "\n\n").as_bytes()), lines[2..].join("\n"));
        assert_eq!(quoted(b"just\none"), "just\none");
        assert_eq!(quoted(b" \n"), "");
    }

    proptest! {
        #[test]
        fn a_quotation_is_short_and_a_suffix(stderr in prop::collection::vec(any::<u8>(), 0..1500)) {
            let quotation = quoted(&stderr);
            prop_assert!(quotation.lines().count() <= MAX_QUOTED_LINES);
            prop_assert!(String::from_utf8_lossy(&stderr).trim_end().ends_with(&quotation));
        }
    }
}
