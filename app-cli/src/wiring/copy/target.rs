//! The queue that a copy fills.

use std::path::PathBuf;
use std::{fs, io};

use autoproc_domain::FileQueue;
use autoproc_domain::ports::RecordedEvent;
use autoproc_json_store::LockedQueue;
use autoproc_system::NewEventLog;

use crate::error::CliError;
use crate::escape::Shown;
use crate::wiring::server::LockedDatabase;

/// The locked queue that a copy fills. Nothing is visible before [`Target::commit`].
pub(crate) enum Target<'p> {
    Folder(Box<FolderTarget>),
    Database(Box<LockedDatabase<'p>>),
}

impl Target<'_> {
    pub(super) fn in_folder(locked: LockedQueue, path: PathBuf) -> Self {
        Self::Folder(Box::new(FolderTarget { locked, path, log: None, queue: FileQueue::new() }))
    }

    /// True if the queue has no items and, in a database, no history. For a folder,
    /// [`Target::commit`] checks the history.
    ///
    /// # Errors
    /// [`CliError`] if the queue cannot be read.
    pub(crate) async fn is_empty(&mut self) -> Result<bool, CliError> {
        match self {
            Self::Folder(target) => Ok(target.locked.queue()?.counts().total() == 0),
            Self::Database(locked) => Ok(locked.is_empty().await?),
        }
    }

    /// Adds a whole queue.
    ///
    /// # Errors
    /// [`CliError`] if it cannot be written.
    pub(crate) async fn add_queue(&mut self, queue: FileQueue) -> Result<(), CliError> {
        match self {
            Self::Folder(target) => target.queue = queue,
            Self::Database(locked) => locked.add_queue(&queue).await?,
        }
        Ok(())
    }

    /// Adds events to the history.
    ///
    /// # Errors
    /// [`CliError`] if they cannot be written.
    pub(crate) async fn add_events(&mut self, events: &[RecordedEvent]) -> Result<(), CliError> {
        match self {
            Self::Folder(target) => target.add_events(events),
            Self::Database(locked) => Ok(locked.add_events(events).await?),
        }
    }

    /// Makes everything that was added visible and durable.
    ///
    /// # Errors
    /// [`CliError`] if that fails. The queue is then still empty, except if a database committed
    /// but its answer was lost.
    pub(crate) async fn commit(self) -> Result<(), CliError> {
        match self {
            Self::Folder(target) => target.commit(),
            Self::Database(locked) => Ok(locked.commit().await?),
        }
    }
}

/// The target of a copy if it is the queue of a folder.
pub(crate) struct FolderTarget {
    locked: LockedQueue,
    /// The path of the event log.
    path: PathBuf,
    /// The new event log; `None` until the first events are added.
    log: Option<NewEventLog>,
    queue: FileQueue,
}

impl FolderTarget {
    fn add_events(&mut self, events: &[RecordedEvent]) -> Result<(), CliError> {
        let log = match self.log.take() {
            Some(log) => Ok(log),
            None => NewEventLog::create(&self.path),
        };
        let added = log.and_then(|mut log| {
            log.add(events)?;
            Ok(log)
        });
        self.log = Some(added.map_err(|error| CliError::cannot_write(&self.path, &error))?);
        Ok(())
    }

    /// Installs the log first, then the queue. If the process dies in between, the queue is still
    /// empty, and a further copy accepts the identical log.
    fn commit(mut self) -> Result<(), CliError> {
        let is_free = match self.log.take() {
            Some(log) => log.finish().map_err(|error| CliError::cannot_write(&self.path, &error))?,
            None => match fs::metadata(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => true,
                log => log.map_err(|error| CliError::cannot_write(&self.path, &error))?.len() == 0,
            },
        };
        if !is_free {
            return Err(CliError::usage(format!("the history of the target is not empty: {}", Shown(&self.path)))
                .with_hint("move that file away, or name another folder"));
        }
        Ok(self.locked.replace(self.queue)?)
    }
}
