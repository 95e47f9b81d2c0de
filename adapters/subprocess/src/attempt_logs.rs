//! Stores the output of attempts in files named `<item>.<attempt>.<claim>.log`.
//!
//! The claim number makes the name unique within a queue. The attempt number can repeat after a
//! requeue or a release. An attempt without output has no file.

mod copying;
mod pruning;
mod reading;
mod streams;

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use autoproc_domain::item::{AttemptNumber, ClaimNumber, ClaimToken};
use autoproc_domain::ports::Attempt;
use autoproc_domain::{ItemId, QueueItem};

pub use pruning::{Pruned, Retention};
pub use reading::{Chunk, Follower, LogEnd, Rest};
pub use streams::{Piece, StreamFilter, StreamMap};

/// The folder that contains the output of all attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptLogs {
    dir: PathBuf,
}

/// The output of one attempt. The file need not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptLog {
    /// The path of the file that contains the output.
    pub path: PathBuf,
    /// The item of the attempt.
    pub item: ItemId,
    /// The number of the attempt.
    pub attempt: AttemptNumber,
    /// The number of the claim under which the attempt ran.
    pub claim: ClaimNumber,
}

impl AttemptLogs {
    /// Returns a handle for the folder `dir`, which need not exist.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Describes the output of one attempt. The file need not exist.
    #[must_use]
    pub fn log_of(&self, token: ClaimToken, attempt: AttemptNumber) -> AttemptLog {
        let ClaimToken { item, number: claim } = token;
        let path = self.dir.join(format!("{item}.{attempt}.{claim}.log", claim = claim.get()));
        AttemptLog { path, item, attempt, claim }
    }

    /// Returns the output of the item's running attempt. Its file may not exist yet. Returns `None`
    /// if the item is not processing.
    #[must_use]
    pub fn current(&self, item: &QueueItem) -> Option<AttemptLog> {
        let token = ClaimToken { item: item.id, number: item.claim.as_ref()?.number };
        Some(self.log_of(token, AttemptNumber::new(item.attempts)?))
    }

    /// Returns the path of an attempt's output.
    #[must_use]
    pub fn path_of(&self, attempt: &Attempt) -> PathBuf {
        self.log_of(attempt.token, attempt.number).path
    }

    /// Lists the existing outputs of an item, ordered by claim number. Ignores all other files in
    /// the folder.
    ///
    /// # Errors
    /// If the folder exists and cannot be read.
    pub fn attempts_of(&self, item: ItemId) -> io::Result<Vec<AttemptLog>> {
        self.list(|log| log.item == item)
    }

    /// Lists all existing outputs, ordered by claim number.
    ///
    /// # Errors
    /// If the folder exists and cannot be read.
    pub fn all(&self) -> io::Result<Vec<AttemptLog>> {
        self.list(|_| true)
    }

    fn list(&self, is_wanted: impl Fn(&AttemptLog) -> bool) -> io::Result<Vec<AttemptLog>> {
        let entries = match self.dir.read_dir() {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut logs = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            logs.extend(self.parse_name(Path::new(&name)).filter(&is_wanted));
        }
        logs.sort_by_key(|log| log.claim);
        Ok(logs)
    }

    fn parse_name(&self, name: &Path) -> Option<AttemptLog> {
        let text = name.to_str()?;
        let mut parts = text.strip_suffix(".log")?.split('.');
        let item = ItemId::new(parts.next()?.parse().ok()?);
        let attempt = AttemptNumber::new(parts.next()?.parse().ok()?)?;
        let number = ClaimNumber::new(parts.next()?.parse().ok()?);
        let log = self.log_of(ClaimToken { item, number }, attempt);
        (log.path.file_name()? == name.as_os_str()).then_some(log)
    }
}

impl AttemptLog {
    /// Returns the modification time of the file, or `None` if there is no file.
    ///
    /// # Errors
    /// If the time cannot be read.
    pub fn written_at(&self) -> io::Result<Option<SystemTime>> {
        match self.path.symlink_metadata() {
            Ok(metadata) => metadata.modified().map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
