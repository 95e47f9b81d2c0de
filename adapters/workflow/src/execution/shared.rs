//! The port for shared journals.

use std::path::PathBuf;

use async_trait::async_trait;
use autoproc_domain::ItemId;
use autoproc_domain::ports::{Attempt, StorageError};
use serde::{Deserialize, Serialize};

use super::error::ExecutionError;
use super::journal;
use super::state::ExecutionState;

/// The machine on which an attempt runs, and the project folder on that machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The host name of the machine.
    pub host: String,
    /// The path of the project folder; an approximation if the path is not UTF-8.
    pub project_dir: String,
}

/// The journal of an execution, as read from the store that the machines share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedJournal {
    /// The name of the journal in error messages.
    pub name: PathBuf,
    /// The events as JSON texts, the oldest first.
    pub events: Vec<Box<str>>,
    /// The machine and project folder of the latest attempt, if they differ from those of this
    /// process.
    pub elsewhere: Option<Place>,
}

impl SharedJournal {
    /// Returns the state of the execution after all events; `None` if there are no events.
    ///
    /// # Errors
    /// [`ExecutionError`] if an event is damaged, or has an unsupported format.
    pub fn state(&self) -> Result<Option<ExecutionState>, ExecutionError> {
        journal::fold(&self.events, &self.name)
    }
}

/// Keeps the journals of executions in a store that all machines of a queue can read.
///
/// # Contract
/// - `open` and `append` change nothing and return [`StorageError::LeaseLost`] if the attempt no
///   longer holds its claim: the item has another claim, or the lease of the run is over.
/// - A change is durable when its method returns.
/// - After [`StorageError::Unreachable`] or [`StorageError::Busy`], the outcome is unknown, and the
///   same call may be repeated.
#[async_trait]
pub trait SharedJournals: Send + Sync {
    /// Returns the journal of an item; `None` if it has none.
    ///
    /// # Errors
    /// [`StorageError`] if the journal cannot be read.
    async fn load(&self, item: ItemId) -> Result<Option<SharedJournal>, StorageError>;

    /// Begins to record for an attempt. Keeps the first `kept` events of the item's journal and
    /// removes the others.
    ///
    /// # Errors
    /// [`StorageError`] if the journal cannot be written.
    async fn open(&self, attempt: &Attempt, kept: usize) -> Result<(), StorageError>;

    /// Appends events, which are JSON texts, to the journal of the attempt's item. `before` is the
    /// number of events already in the journal. `is_completed` is true if the last event completes
    /// the execution; the store may remove such a journal later.
    ///
    /// # Errors
    /// [`StorageError`] if the events cannot be written.
    async fn append(
        &self,
        attempt: &Attempt,
        before: usize,
        events: &[Box<str>],
        is_completed: bool,
    ) -> Result<(), StorageError>;
}
