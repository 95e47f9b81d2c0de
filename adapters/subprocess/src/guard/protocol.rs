//! What runner and guard say to each other, and how it lies on the two pipes between them.
//!
//! # Messages
//!
//! The runner writes [`Control`] messages to the guard's standard input, the guard [`Report`] messages to its standard
//! output: what became of each process of a `Start`, and nothing else. Between a `Start` and the last of its reports `Recall`,
//! `Abort` and `Kill` mean its processes; at any other time they mean nothing, because they may cross a report on its way.
//! `Pause` and `Resume` hold until the other comes. The end of the control pipe says that the runner is no more.
//!
//! # Form
//!
//! A message is its length in four bytes, the least significant first, and as many bytes of postcard's wire format. Both
//! sides are the same program, so nothing names a version. Arguments, paths and environments are bytes. A length above
//! [`MESSAGE_LIMIT`] is refused before anything is kept for it.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use autoproc_domain::ports::ResourceUsage;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::bounded_log::OutputLimits;
use crate::process::{Ending, ProcessReport, ProcessSpec};

/// The longest message, in bytes. Linux starts no program with more than 6 MiB of arguments and environment (execve(2),
/// "Limits on size of arguments and environment"), and a report holds [`CAPTURE_LIMIT`](crate::CAPTURE_LIMIT) and a little.
pub(crate) const MESSAGE_LIMIT: usize = 64 << 20;

/// The bytes of a length.
const HEADER: usize = 4;

/// What a runner says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Control {
    /// Start these, one after the other as long as they end well, and report how each ended.
    Start(Vec<Start>, GiveBackAfter),
    /// Start no more of them.
    Recall,
    /// The same, and end the one that runs: ask it to terminate, and kill it after the grace.
    Abort,
    /// The same, and end it now.
    Kill,
    /// Hold the one that runs and its clock, and start no more of them.
    Pause,
    /// Let it go on.
    Resume,
}

/// How long after it was told a guard gives back what it has not started of a series.
pub(crate) type GiveBackAfter = Duration;

/// What to start, and on what terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Start {
    pub(crate) program: Vec<u8>,
    pub(crate) arguments: Vec<Vec<u8>>,
    pub(crate) environment: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) working_dir: Option<Vec<u8>>,
    pub(crate) timeout: Duration,
    pub(crate) grace: Duration,
    pub(crate) log: Option<Log>,
    pub(crate) capture: u64,
}

/// Where output is kept, and how much of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Log {
    pub(crate) path: Vec<u8>,
    pub(crate) append: bool,
    /// Comes before the first byte of output; nothing does where there is none.
    pub(crate) heading: Box<[u8]>,
    pub(crate) head: u64,
    pub(crate) tail: u64,
}

/// What a guard says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The process and everything it started is no more.
    Ended(Ended),
    /// The last so many have not been started and will not be. Said before the end of the one that runs, or ran last.
    NotBegun(u32),
    /// Something that the process started can be neither ended nor seen to have ended; why, in words.
    Stuck(String),
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) ending: Ending,
    pub(crate) elapsed: Duration,
    pub(crate) usage: Option<Usage>,
    pub(crate) stderr_tail: Vec<u8>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stdout_bytes: u64,
    pub(crate) log_error: Option<String>,
}

/// What a process used; the domain's form of it is not serialised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Usage {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    pub(crate) peak_memory: u64,
}

/// Why bytes are no message: the other side is not what it should be, and nothing more can be read from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProtocolError {
    #[error("a message of {0} bytes is longer than any")]
    TooLong(usize),
    #[error("the bytes are no message")]
    Garbled,
}

/// What a guard says of a runner that tells it to start something before it was told how the last ended.
pub(crate) fn out_of_turn() -> io::Error {
    io::Error::other("told to start while something runs")
}

/// A message as it lies on the pipe.
///
/// # Errors
/// [`ProtocolError::TooLong`] where the other side would refuse it.
pub(crate) fn encode(message: &impl Serialize) -> Result<Vec<u8>, ProtocolError> {
    let mut bytes = postcard::to_extend(message, vec![0; HEADER]).map_err(|_| ProtocolError::Garbled)?;
    let length = bytes.len() - HEADER;
    match u32::try_from(length) {
        Ok(header) if length <= MESSAGE_LIMIT => bytes[..HEADER].copy_from_slice(&header.to_le_bytes()),
        _ => return Err(ProtocolError::TooLong(length)),
    }
    Ok(bytes)
}

/// Bytes that arrived, on their way to become messages.
#[derive(Debug, Default)]
pub(crate) struct Inbox(Vec<u8>);

impl Inbox {
    /// Takes what was read.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next message, where all of it has arrived.
    ///
    /// # Errors
    /// [`ProtocolError`] where it can be none.
    pub(crate) fn take<M: DeserializeOwned>(&mut self) -> Result<Option<M>, ProtocolError> {
        let Some((header, rest)) = self.0.split_first_chunk::<HEADER>() else { return Ok(None) };
        let length = u32::from_le_bytes(*header) as usize;
        if length > MESSAGE_LIMIT {
            return Err(ProtocolError::TooLong(length));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let message = whole(body)?;
        self.0.drain(..HEADER + length);
        Ok(Some(message))
    }
}

/// The message that these bytes are, all of them.
fn whole<M: DeserializeOwned>(body: &[u8]) -> Result<M, ProtocolError> {
    match postcard::take_from_bytes(body) {
        Ok((message, [])) => Ok(message),
        _ => Err(ProtocolError::Garbled),
    }
}

impl Start {
    /// What is to be started, said to a guard.
    pub(crate) fn new(spec: &ProcessSpec, grace: Duration, limits: OutputLimits) -> Self {
        let bytes = |text: &OsStr| text.as_bytes().to_vec();
        let log = spec.log.as_ref().map(|path| Log {
            path: bytes(path.as_os_str()),
            append: spec.append_log,
            heading: spec.log_heading.clone().into(),
            head: limits.head,
            tail: limits.tail,
        });
        Self {
            program: bytes(&spec.program),
            arguments: spec.arguments.iter().map(|argument| bytes(argument)).collect(),
            environment: spec.environment.iter().map(|(name, value)| (bytes(name), bytes(value))).collect(),
            working_dir: spec.working_dir.as_ref().map(|dir| bytes(dir.as_os_str())),
            timeout: spec.timeout,
            grace,
            log,
            capture: spec.capture.min(crate::CAPTURE_LIMIT) as u64,
        }
    }
}

impl Ended {
    /// The end of a process that printed nothing and used nothing that could be measured.
    pub(crate) fn new(ending: Ending, elapsed: Duration) -> Self {
        let (stderr_tail, stdout) = (Vec::new(), Vec::new());
        Self { ending, elapsed, usage: None, stderr_tail, stdout, stdout_bytes: 0, log_error: None }
    }
}

impl From<Ended> for ProcessReport {
    fn from(ended: Ended) -> Self {
        let usage = ended.usage.map(|Usage { user, system, peak_memory }| ResourceUsage { user, system, peak_memory });
        Self {
            ending: ended.ending,
            elapsed: ended.elapsed,
            usage,
            stderr_tail: ended.stderr_tail,
            stdout: ended.stdout,
            stdout_bytes: ended.stdout_bytes,
            log_error: ended.log_error,
        }
    }
}

#[cfg(test)]
mod tests;
