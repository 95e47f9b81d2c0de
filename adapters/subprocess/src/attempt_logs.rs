//! The output of attempts: one file each, named `<item>.<attempt>.<claim>.log`.
//!
//! The claim makes the name unique within a queue: an attempt that was given back is counted again under its old number.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use autoproc_domain::ItemId;
use autoproc_domain::item::{AttemptNumber, ClaimNumber};
use autoproc_domain::ports::Attempt;

/// Output may hold what only its owner should read.
const OWNER_ONLY: u32 = 0o600;

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

    /// What there is of an item's attempts, the earliest claim first. Other files in the folder are passed over.
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
            logs.extend(recognise(item, entry?.path()));
        }
        logs.sort_by_key(|log| log.claim);
        Ok(logs)
    }

    /// Makes the file for an attempt's output, to be written at its end only. A file of that name is left over from a
    /// queue that is gone, and gives way; who may still hold it open writes to what nobody sees.
    pub(crate) fn create(&self, attempt: &Attempt) -> io::Result<File> {
        let path = self.path_of(attempt);
        let mut options = OpenOptions::new();
        options.append(true).create_new(true).mode(OWNER_ONLY);
        match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).create(&self.dir)?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => std::fs::remove_file(&path)?,
            opened => return opened,
        }
        options.open(&path)
    }

    pub(crate) fn path_of(&self, attempt: &Attempt) -> PathBuf {
        let (item, claim) = (attempt.token.item, attempt.token.number.get());
        self.dir.join(format!("{item}.{}.{claim}.log", attempt.number))
    }
}

/// The log at `path`, where its name says that it is one of `item`.
fn recognise(item: ItemId, path: PathBuf) -> Option<AttemptLog> {
    let (id, attempt, claim) = parse(&path)?;
    (id == item).then_some(AttemptLog { path, attempt, claim })
}

fn parse(path: &Path) -> Option<(ItemId, AttemptNumber, ClaimNumber)> {
    let mut parts = path.file_name()?.to_str()?.strip_suffix(".log")?.split('.');
    let item = ItemId::new(parts.next()?.parse().ok()?);
    let attempt = AttemptNumber::new(parts.next()?.parse().ok()?)?;
    let claim = ClaimNumber::new(parts.next()?.parse().ok()?);
    parts.next().is_none().then_some((item, attempt, claim))
}
