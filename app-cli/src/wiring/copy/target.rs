//! The target when a queue is copied.

mod folder;

use autoproc_domain::FileQueue;
use autoproc_domain::ports::RecordedEvent;
use autoproc_json_store::LockedQueue;

use crate::error::CliError;
use crate::project::Project;
use crate::wiring::server::{CopiedExecution, CopiedOutput, LockedDatabase, RunPlace};
use folder::FolderTarget;
pub(super) use folder::remove_interrupted;

/// The maximum length of a stored output, in bytes: the default of `run --store-output`.
const MAX_STORED_OUTPUT: u64 = 64 << 10;

/// The locked queue that a copy fills. Nothing is visible before [`Target::commit`].
pub(crate) enum Target<'p> {
    Folder(Box<FolderTarget>),
    Database(Box<LockedDatabase<'p>>),
}

impl Target<'_> {
    pub(super) fn in_folder(locked: LockedQueue, project: &Project) -> Self {
        Self::Folder(Box::new(FolderTarget::new(locked, project.clone())))
    }

    /// True if the queue has no items and, in a database, no history. For a folder,
    /// [`Target::commit`] checks the history.
    ///
    /// # Errors
    /// [`CliError`] if the queue cannot be read.
    pub(crate) async fn is_empty(&mut self) -> Result<bool, CliError> {
        match self {
            Self::Folder(target) => target.is_empty(),
            Self::Database(locked) => Ok(locked.is_empty().await?),
        }
    }

    /// Returns the maximum number of bytes that the target keeps of an output.
    pub(crate) fn max_output(&self) -> u64 {
        match self {
            Self::Folder(_) => u64::MAX,
            Self::Database(_) => MAX_STORED_OUTPUT,
        }
    }

    pub(crate) async fn add_queue(&mut self, queue: FileQueue) -> Result<(), CliError> {
        match self {
            Self::Folder(target) => target.add_queue(queue),
            Self::Database(locked) => locked.add_queue(&queue).await?,
        }
        Ok(())
    }

    pub(crate) async fn add_events(&mut self, events: &[RecordedEvent]) -> Result<(), CliError> {
        match self {
            Self::Folder(target) => target.add_events(events),
            Self::Database(locked) => Ok(locked.add_events(events).await?),
        }
    }

    /// Adds the machine and the project folder of each run.
    ///
    /// # Errors
    /// [`CliError`] if they cannot be written.
    pub(crate) async fn add_run_places(&mut self, places: Vec<RunPlace>) -> Result<(), CliError> {
        match self {
            Self::Folder(target) => target.add_run_places(places),
            Self::Database(locked) => locked.add_run_places(&places).await?,
        }
        Ok(())
    }

    /// Adds outputs, and returns the number of outputs added.
    ///
    /// # Errors
    /// [`CliError`] if the outputs cannot be written.
    pub(crate) async fn add_outputs(&mut self, outputs: Vec<CopiedOutput>) -> Result<u64, CliError> {
        match self {
            Self::Folder(target) => target.add_outputs(outputs),
            Self::Database(locked) => Ok(locked.add_outputs(&outputs).await?),
        }
    }

    /// Adds a workflow execution. Returns false if the database lacks the item.
    ///
    /// # Errors
    /// [`CliError`] if the execution cannot be written.
    pub(crate) async fn add_execution(&mut self, execution: CopiedExecution) -> Result<bool, CliError> {
        match self {
            Self::Folder(target) => target.add_execution(execution).map(|()| true),
            Self::Database(locked) => Ok(locked.add_execution(&execution).await?),
        }
    }

    /// Makes the copy visible and durable.
    ///
    /// # Errors
    /// [`CliError`] if the commit fails. In most cases, the queue is still empty. But a database
    /// may have committed the copy although its answer was lost. A folder may contain the whole
    /// copy beside the file that marks it as incomplete.
    pub(crate) async fn commit(self) -> Result<(), CliError> {
        match self {
            Self::Folder(target) => target.commit(),
            Self::Database(locked) => Ok(locked.commit().await?),
        }
    }
}
