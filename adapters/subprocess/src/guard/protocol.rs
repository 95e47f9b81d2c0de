//! The messages between a run and its guards, and their encoding.
//!
//! # Messages
//!
//! The run writes [`Control`] messages to the guard's standard input. The guard writes only
//! [`Report`] messages to its standard output. For each process of a `Start`, it reports the start
//! (if the request has an input) and the end. It also reports the number of processes that will not
//! start.
//!
//! `Abort` and `Kill` name a process by its index in the batch, because the process may end before
//! the message arrives. A message for an ended process only recalls the batch. Between batches,
//! `Recall`, `Abort` and `Kill` have no effect. `Pause` applies until `Resume` arrives, also to
//! later batches. The end of the control pipe means that the run no longer exists.
//!
//! # Encoding
//!
//! A message is its length as a little-endian `u32`, followed by that many bytes of postcard. Both
//! sides are of the same version of this program, so the format has no version. Arguments, paths
//! and environments are encoded as bytes. A message longer than [`MAX_MESSAGE_BYTES`] is refused as
//! soon as its length is known.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use autoproc_domain::Fingerprint;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::bounded_log::OutputLimits;
use crate::process::{ProcessReport, ProcessSpec};

/// The maximum length of a message. Linux starts no program with more than 6 MiB of arguments and
/// environment (execve(2), "Limits on size of arguments and environment"), and a report contains at
/// most [`MAX_CAPTURE_BYTES`](crate::MAX_CAPTURE_BYTES) of output. If a batch does not fit into a
/// message, only its first process is sent.
pub(crate) const MAX_MESSAGE_BYTES: usize = 64 << 20;

const HEADER_BYTES: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Control {
    /// Runs a batch: one process after another, as long as each exits with status 0.
    Start {
        requests: Vec<StartRequest>,
        /// Processes that have not started after this time are reported as not started.
        start_within: Duration,
    },
    /// Recalls the batch: no further process of the batch is started.
    Recall,
    /// Recalls the batch and ends the process with this index: TERM, then KILL after the grace
    /// time.
    Abort { index: u32 },
    /// Recalls the batch and kills the process with this index.
    Kill { index: u32 },
    /// Stops the running process and the clock of its timeout, and recalls the batch.
    Pause,
    /// Continues the running process.
    Resume,
    /// Moves the deadline to this time since boot, which includes the time for which the machine
    /// was suspended. After the deadline, the guard kills the running process and starts no further
    /// process. The guard ignores a time before its present deadline.
    Deadline(Duration),
}

impl Control {
    /// True if the message recalls the batch: the run decides which process starts next.
    pub(crate) fn recalls_batch(&self) -> bool {
        !matches!(self, Self::Resume | Self::Deadline(_))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StartRequest {
    pub(crate) spec: ProcessSpec,
    /// The file whose fingerprint is reported when the process starts. If `None`, the start is not
    /// reported.
    #[serde(with = "crate::process::path")]
    pub(crate) input: Option<PathBuf>,
    pub(crate) grace: Duration,
    pub(crate) output: OutputLimits,
    /// The value of [`GuardSettings::keep_tmp`](crate::GuardSettings::keep_tmp).
    pub(crate) keep_tmp: Option<Vec<i32>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The next process of the batch has started. Contains the fingerprint that its input had
    /// before the start; `None` if unknown. If the start fails, this message is not sent.
    Started(#[serde(with = "crate::process::fingerprint")] Option<Fingerprint>),
    /// The process has ended, with all its descendants.
    Ended(ProcessReport),
    /// This many processes at the end of the batch will not be started. The message is sent before
    /// or after the `Ended` message of the last process that was started.
    NotStarted(u32),
    /// A descendant of the process cannot be ended, or its end cannot be observed. Contains a
    /// human-readable reason.
    Stuck(String),
}

/// A message is too long, or the received bytes are not a message. After an error in receiving, the
/// connection is unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProtocolError {
    #[error("a message of {0} bytes exceeds the limit")]
    TooLong(usize),
    #[error("the bytes are not a message")]
    Garbled,
}

pub(crate) fn unexpected_start() -> io::Error {
    io::Error::other("received a start request while a process is running")
}

/// Encodes a message for the pipe.
///
/// # Errors
/// [`ProtocolError::TooLong`] if the receiver would refuse the message.
pub(crate) fn encode(message: &impl Serialize) -> Result<Vec<u8>, ProtocolError> {
    let mut bytes = postcard::to_extend(message, vec![0; HEADER_BYTES]).map_err(|_| ProtocolError::Garbled)?;
    let length = bytes.len() - HEADER_BYTES;
    match u32::try_from(length) {
        Ok(header) if length <= MAX_MESSAGE_BYTES => bytes[..HEADER_BYTES].copy_from_slice(&header.to_le_bytes()),
        _ => return Err(ProtocolError::TooLong(length)),
    }
    Ok(bytes)
}

/// A buffer that splits received bytes into messages.
#[derive(Debug, Default)]
pub(crate) struct Inbox(Vec<u8>);

impl Inbox {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Removes and returns the next message; `None` if no complete message has arrived.
    ///
    /// # Errors
    /// [`ProtocolError`] if the bytes do not begin with a message.
    pub(crate) fn take<M: DeserializeOwned>(&mut self) -> Result<Option<M>, ProtocolError> {
        let Some((header, rest)) = self.0.split_first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let length = u32::from_le_bytes(*header) as usize;
        if length > MAX_MESSAGE_BYTES {
            return Err(ProtocolError::TooLong(length));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let message = decode(body)?;
        self.0.drain(..HEADER_BYTES + length);
        Ok(Some(message))
    }
}

/// Decodes a message. It is an error if bytes follow the message.
fn decode<M: DeserializeOwned>(body: &[u8]) -> Result<M, ProtocolError> {
    match postcard::take_from_bytes(body) {
        Ok((message, [])) => Ok(message),
        _ => Err(ProtocolError::Garbled),
    }
}

#[cfg(test)]
mod tests;
