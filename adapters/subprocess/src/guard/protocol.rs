//! The messages between a run and its guards.
//!
//! # Messages
//!
//! The run writes [`Control`] messages to the guard's standard input. The guard writes [`Report`]
//! messages to its standard output.
//!
//! `Abort` and `Kill` name a process by its index in the batch. The process may end before the
//! message arrives. Then the message only prevents the start of further processes of the batch.
//! Between batches, both messages have no effect. `Pause` applies until `Resume` arrives, also to
//! later batches. The end of the control pipe means that the run no longer exists.
//!
//! # Encoding
//!
//! A message is its length as a little-endian `u32`, followed by that many bytes of postcard. The
//! format has no version, because both sides are the same version of this program. A message longer
//! than [`MAX_MESSAGE_BYTES`] is refused as soon as its length is known.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use autoproc_domain::Fingerprint;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::bounded_log::OutputLimits;
use crate::process::{ProcessReport, ProcessSpec};

/// The maximum length of a message. Linux allows at most 6 MiB of arguments and environment
/// (execve(2)). A report contains at most [`MAX_CAPTURE_BYTES`](crate::MAX_CAPTURE_BYTES) of
/// output.
pub(crate) const MAX_MESSAGE_BYTES: usize = 64 << 20;

const HEADER_BYTES: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Control {
    /// Runs a batch: one process after another, as long as each exits with status 0.
    Start {
        requests: Vec<StartRequest>,
        /// The time after which waiting processes are reported as not started.
        start_within: Duration,
    },
    /// Starts no further process of the batch.
    Recall,
    /// Ends the process with this index: SIGTERM, then SIGKILL after the grace time.
    Abort { index: u32 },
    /// Kills the process with this index.
    Kill { index: u32 },
    /// Pauses the running process and its timeout.
    Pause,
    /// Continues the paused process.
    Resume,
    /// Extends the deadline to this time since boot. After the deadline, the guard kills its
    /// process and starts no other.
    Deadline(Duration),
}

impl Control {
    /// True if no further process of the batch may start after this message.
    pub(crate) fn recalls_batch(&self) -> bool {
        !matches!(self, Self::Resume | Self::Deadline(_))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StartRequest {
    pub(crate) spec: ProcessSpec,
    /// The file whose fingerprint is reported at the start. Without this file, no start is
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
    /// The next process has started. Contains the fingerprint of its input file, if known.
    Started(#[serde(with = "crate::process::fingerprint")] Option<Fingerprint>),
    /// The process and all its descendants have ended.
    Ended(ProcessReport),
    /// The last processes of the batch will not start. Contains their number.
    NotStarted(u32),
    /// A descendant cannot be ended or observed. Contains the reason.
    Stuck(String),
}

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

/// Encodes a message.
///
/// # Errors
/// [`ProtocolError::TooLong`] if the message exceeds [`MAX_MESSAGE_BYTES`].
pub(crate) fn encode(message: &impl Serialize) -> Result<Vec<u8>, ProtocolError> {
    let mut bytes = postcard::to_extend(message, vec![0; HEADER_BYTES]).map_err(|_| ProtocolError::Garbled)?;
    let length = bytes.len() - HEADER_BYTES;
    match u32::try_from(length) {
        Ok(header) if length <= MAX_MESSAGE_BYTES => bytes[..HEADER_BYTES].copy_from_slice(&header.to_le_bytes()),
        _ => return Err(ProtocolError::TooLong(length)),
    }
    Ok(bytes)
}

/// Splits received bytes into messages.
#[derive(Debug, Default)]
pub(crate) struct Inbox(Vec<u8>);

impl Inbox {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Removes and returns the next message, if complete.
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

fn decode<M: DeserializeOwned>(body: &[u8]) -> Result<M, ProtocolError> {
    match postcard::take_from_bytes(body) {
        Ok((message, [])) => Ok(message),
        _ => Err(ProtocolError::Garbled),
    }
}

#[cfg(test)]
mod tests;
