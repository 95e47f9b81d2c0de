//! The folder of execution journals.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use autoproc_domain::ItemId;
use autoproc_system::creating_folder;

use super::error::ExecutionError;
use super::journal::{self, Journal};
use super::shared::Place;
use super::state::ExecutionState;

/// The number of completed journals to keep: about a megabyte for short executions.
const MAX_COMPLETED: usize = 1_000;

/// The number of completed executions between two prunings. A pruning must list the folder.
const PRUNE_EVERY: usize = 256;

/// The executions of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executions {
    dir: PathBuf,
    /// The machine and project folder of each run elsewhere, by run id.
    places: Arc<BTreeMap<String, Place>>,
}

#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) state: ExecutionState,
    /// True if the journal is in the subfolder of completed executions.
    pub(crate) is_completed: bool,
    pub(crate) elsewhere: Option<Place>,
    valid_bytes: u64,
}

impl Executions {
    /// Creates a handle to the executions in `dir`, which need not exist.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), places: Arc::default() }
    }

    /// Sets the places of the runs on other machines or in other project folders, by run id. An
    /// execution whose latest attempt belongs to such a run is resumed only if its workflow has
    /// `resume: anywhere`.
    #[must_use]
    pub fn with_places(self, places: BTreeMap<String, Place>) -> Self {
        Self { places: Arc::new(places), ..self }
    }

    /// Returns the machine and project folder of an execution's latest attempt; `None` if the
    /// attempt ran on this machine and in this project folder.
    #[must_use]
    pub fn elsewhere(&self, state: &ExecutionState) -> Option<&Place> {
        self.places.get(state.run_id())
    }

    /// Returns the execution of an item, unfinished or completed.
    ///
    /// # Errors
    /// [`ExecutionError`] if the execution cannot be read.
    pub fn of(&self, item: ItemId) -> Result<Option<ExecutionState>, ExecutionError> {
        for path in [self.path(item), self.completed_path(item)] {
            if let Some((state, _)) = journal::read(&path)? {
                return Ok(state);
            }
        }
        Ok(None)
    }

    /// Returns the ids of the items with an unfinished execution, in ascending order.
    ///
    /// # Errors
    /// If the folder exists and cannot be read.
    pub fn under_way(&self) -> io::Result<Vec<ItemId>> {
        let mut items: Vec<_> = journals_in(&self.dir)?.iter().filter_map(|path| item_of(path)).collect();
        items.sort_unstable();
        Ok(items)
    }

    /// Removes the unfinished execution of an item that has left the queue, and the folder for the
    /// input and output files of the item's steps.
    ///
    /// # Errors
    /// If a file exists and cannot be removed.
    pub fn forget(&self, item: ItemId) -> io::Result<()> {
        journal::remove(&self.path(item))?;
        match std::fs::remove_dir_all(self.scratch(item)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Returns the item's earlier execution. Ignores an unreadable completed execution.
    pub(crate) fn find(&self, item: ItemId) -> Result<Option<Found>, ExecutionError> {
        let found = |state: ExecutionState, is_completed, valid_bytes| {
            let elsewhere = self.elsewhere(&state).cloned();
            Found { state, is_completed, elsewhere, valid_bytes }
        };
        if let Some((state, valid_bytes)) = journal::read(&self.path(item))? {
            return Ok(state.map(|state| found(state, false, valid_bytes)));
        }
        let read = journal::read(&self.completed_path(item)).ok().flatten();
        Ok(read.and_then(|(state, valid_bytes)| Some(found(state?, true, valid_bytes))))
    }

    pub(crate) fn create(&self, item: ItemId) -> io::Result<Journal> {
        Journal::create(self.path(item))
    }

    pub(crate) fn resume(&self, item: ItemId, found: &Found) -> io::Result<Journal> {
        if found.is_completed {
            std::fs::rename(self.completed_path(item), self.path(item))?;
        }
        Journal::resume(self.path(item), found.valid_bytes)
    }

    pub(crate) fn complete(&self, item: ItemId) -> io::Result<()> {
        let (from, to) = (self.path(item), self.completed_path(item));
        creating_folder(&to, || std::fs::rename(&from, &to))
    }

    /// Keeps only the latest [`MAX_COMPLETED`] completed journals. Does nothing unless `count`, the
    /// number of completions so far, is a multiple of [`PRUNE_EVERY`].
    pub(crate) fn prune(&self, count: usize) -> io::Result<()> {
        if !count.is_multiple_of(PRUNE_EVERY) {
            return Ok(());
        }
        let mut dated = Vec::new();
        for path in journals_in(&self.dir.join("completed"))? {
            let at = path.metadata().and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
            dated.push((at, path));
        }
        dated.sort_unstable();
        let excess = dated.len().saturating_sub(MAX_COMPLETED);
        dated.iter().take(excess).try_for_each(|(_, path)| journal::remove(path))
    }

    /// Returns the folder for the input and output files of an item's steps.
    pub(crate) fn scratch(&self, item: ItemId) -> PathBuf {
        self.dir.join(format!("{item}.steps"))
    }

    pub(super) fn completed(&self) -> io::Result<Vec<ItemId>> {
        Ok(journals_in(&self.dir.join("completed"))?.iter().filter_map(|path| item_of(path)).collect())
    }

    pub(super) fn path(&self, item: ItemId) -> PathBuf {
        self.dir.join(format!("{item}.jsonl"))
    }

    pub(super) fn completed_path(&self, item: ItemId) -> PathBuf {
        self.dir.join("completed").join(format!("{item}.jsonl"))
    }
}

fn journals_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match dir.read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.retain(|path| item_of(path).is_some());
    Ok(paths)
}

fn item_of(path: &Path) -> Option<ItemId> {
    Some(ItemId::new(path.file_name()?.to_str()?.strip_suffix(".jsonl")?.parse().ok()?))
}
