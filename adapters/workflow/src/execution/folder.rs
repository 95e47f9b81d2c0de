//! The folder of executions: one journal a queue item, and those that are over in a folder below.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use autoproc_domain::ItemId;

use super::error::ExecutionError;
use super::journal::{self, Journal};
use super::state::ExecutionState;

/// How many executions that ended well are kept, for whoever asks afterwards; about a megabyte of short ones.
const KEPT: usize = 1_000;

/// How many may come to an end before those beyond [`KEPT`] are looked for: a listing costs as much as some steps do.
const PRUNE_EVERY: usize = 256;

/// The executions of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executions {
    dir: PathBuf,
}

/// An execution found on disk, ready to be carried on.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) state: ExecutionState,
    /// Whether it stands among those that are over.
    pub(crate) is_put_away: bool,
    valid_bytes: u64,
}

impl Executions {
    /// The executions in `dir`, which need not exist.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The execution of an item, under way or over; none where there is none.
    ///
    /// # Errors
    /// [`ExecutionError`] where it cannot be read.
    pub fn of(&self, item: ItemId) -> Result<Option<ExecutionState>, ExecutionError> {
        for path in [self.path(item), self.path_when_over(item)] {
            if let Some((state, _)) = journal::read(&path)? {
                return Ok(state);
            }
        }
        Ok(None)
    }

    /// The items whose executions are not over, in order.
    ///
    /// # Errors
    /// Where the folder is there and cannot be read.
    pub fn under_way(&self) -> io::Result<Vec<ItemId>> {
        let mut items: Vec<_> = journals_in(&self.dir)?.iter().filter_map(|path| item_of(path)).collect();
        items.sort_unstable();
        Ok(items)
    }

    /// What a former attempt has left of an item's execution. One that is over and cannot be read is nobody's: to begin the
    /// item's own it need not be read.
    pub(crate) fn find(&self, item: ItemId) -> Result<Option<Found>, ExecutionError> {
        if let Some((state, valid_bytes)) = journal::read(&self.path(item))? {
            return Ok(state.map(|state| Found { state, is_put_away: false, valid_bytes }));
        }
        let read = journal::read(&self.path_when_over(item)).ok().flatten();
        Ok(read.and_then(|(state, valid_bytes)| Some(Found { state: state?, is_put_away: true, valid_bytes })))
    }

    pub(crate) fn create(&self, item: ItemId) -> io::Result<Journal> {
        Journal::create(self.path(item))
    }

    pub(crate) fn take_up(&self, item: ItemId, found: &Found) -> io::Result<Journal> {
        if found.is_put_away {
            std::fs::rename(self.path_when_over(item), self.path(item))?;
        }
        Journal::take_up(self.path(item), found.valid_bytes)
    }

    /// Puts the journal of an execution that ended well among those that are over.
    pub(crate) fn put_away(&self, item: ItemId) -> io::Result<()> {
        let (from, to) = (self.path(item), self.path_when_over(item));
        std::fs::rename(&from, &to).or_else(|error| {
            let folder = to.parent().filter(|_| error.kind() == io::ErrorKind::NotFound).ok_or(error)?;
            std::fs::create_dir_all(folder)?;
            std::fs::rename(&from, &to)
        })
    }

    /// Removes the oldest of those that are over, where they are too many and `count` of them says that it is time to look.
    pub(crate) fn prune(&self, count: usize) -> io::Result<()> {
        if !count.is_multiple_of(PRUNE_EVERY) {
            return Ok(());
        }
        let mut dated = Vec::new();
        for path in journals_in(&self.over())? {
            let at = path.metadata().and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
            dated.push((at, path));
        }
        dated.sort_unstable();
        let too_many = dated.len().saturating_sub(KEPT);
        dated.iter().take(too_many).try_for_each(|(_, path)| journal::remove(path))
    }

    /// The folder for what an item's steps are given and return, while an attempt lasts.
    pub(crate) fn scratch(&self, item: ItemId) -> PathBuf {
        self.dir.join(format!("{item}.steps"))
    }

    fn path(&self, item: ItemId) -> PathBuf {
        self.dir.join(format!("{item}.jsonl"))
    }

    fn over(&self) -> PathBuf {
        self.dir.join("completed")
    }

    fn path_when_over(&self, item: ItemId) -> PathBuf {
        self.over().join(format!("{item}.jsonl"))
    }
}

fn journals_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match dir.read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry?.path());
    }
    paths.retain(|path| item_of(path).is_some());
    Ok(paths)
}

fn item_of(path: &Path) -> Option<ItemId> {
    Some(ItemId::new(path.file_name()?.to_str()?.strip_suffix(".jsonl")?.parse().ok()?))
}
