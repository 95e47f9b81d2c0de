//! The output of attempts: one file each, named `<item>.<attempt>.<claim>.log`.
//!
//! The claim makes the name unique within a queue: an attempt that was given back is counted again under its old number.
//! An attempt that prints nothing has no file. [`BoundedLog`](crate::BoundedLog) writes the files; [`reading`] and
//! [`pruning`] are about those that are there.

mod pruning;
mod reading;

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use autoproc_domain::ItemId;
use autoproc_domain::item::{AttemptNumber, ClaimNumber, ClaimToken};
use autoproc_domain::ports::Attempt;

pub use pruning::{Pruned, Retention};
pub use reading::{Follower, More};

/// The folder that holds the output of attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptLogs {
    dir: PathBuf,
}

/// The output of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptLog {
    /// Where it is.
    pub path: PathBuf,
    /// The attempt's item.
    pub item: ItemId,
    /// Which attempt of its file it is.
    pub attempt: AttemptNumber,
    /// The claim that attempt was made under.
    pub claim: ClaimNumber,
}

impl AttemptLogs {
    /// The output in `dir`, which need not exist.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Where the output of an attempt is, or will be once there is any.
    #[must_use]
    pub fn log_of(&self, token: ClaimToken, attempt: AttemptNumber) -> AttemptLog {
        let ClaimToken { item, number: claim } = token;
        let path = self.dir.join(format!("{item}.{attempt}.{claim}.log", claim = claim.get()));
        AttemptLog { path, item, attempt, claim }
    }

    /// The path of [`AttemptLogs::log_of`] an attempt.
    #[must_use]
    pub fn path_of(&self, attempt: &Attempt) -> PathBuf {
        self.log_of(attempt.token, attempt.number).path
    }

    /// What there is of an item's attempts, the earliest claim first. Other files in the folder are passed over. It takes
    /// a look at every name in the folder.
    ///
    /// # Errors
    /// Where the folder is there and cannot be read.
    pub fn attempts_of(&self, item: ItemId) -> io::Result<Vec<AttemptLog>> {
        let entries = match self.dir.read_dir() {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut logs = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            logs.extend(self.recognise(Path::new(&name)).filter(|log| log.item == item));
        }
        logs.sort_by_key(|log| log.claim);
        Ok(logs)
    }

    /// The log whose file has this name, spelled exactly as we spell it.
    fn recognise(&self, name: &Path) -> Option<AttemptLog> {
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
    /// When something was last written to it; `None` where there is nothing of it.
    ///
    /// # Errors
    /// Where the system cannot tell.
    pub fn written_at(&self) -> io::Result<Option<SystemTime>> {
        match self.path.symlink_metadata() {
            Ok(metadata) => metadata.modified().map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
