//! The output of attempts, under the names that commands use.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use autoproc_domain::item::{AttemptNumber, ClaimToken};
use autoproc_domain::ports::Storage;
use autoproc_domain::request::Selector;
use autoproc_domain::view::PageRequest;
use autoproc_domain::{ItemId, QueueItem, Status, Timestamp};
use autoproc_subprocess::{AttemptLog, AttemptLogs, Retention};
use autoproc_workflow::execution::Executions;

use crate::error::CliError;

/// Finds the output of attempts.
#[derive(Debug, Clone)]
pub(crate) struct AttemptFiles(AttemptLogs);

impl AttemptFiles {
    pub(super) fn new(logs: AttemptLogs) -> Self {
        Self(logs)
    }

    /// The outputs of an item's attempts, the oldest first.
    ///
    /// # Errors
    /// If the folder exists and cannot be read.
    pub(crate) fn of(&self, item: ItemId) -> io::Result<Vec<AttemptLog>> {
        self.0.attempts_of(item)
    }

    /// The output of an attempt; the file may not exist yet.
    pub(crate) fn log_of(&self, token: ClaimToken, attempt: AttemptNumber) -> AttemptLog {
        self.0.log_of(token, attempt)
    }

    /// The output of the attempt that is under way on an item.
    pub(crate) fn current(&self, item: &QueueItem) -> Option<AttemptLog> {
        let token = ClaimToken { item: item.id, number: item.claim.as_ref()?.number };
        Some(self.log_of(token, AttemptNumber::new(item.attempts)?))
    }

    /// Outputs older than this may have been removed.
    ///
    /// # Errors
    /// If the system does not report it.
    pub(crate) fn pruned_until(&self) -> io::Result<Option<Timestamp>> {
        Ok(self.0.pruned_until()?.map(timestamp))
    }
}

/// The time of the last write to a log, if it exists.
///
/// # Errors
/// If the system does not report it.
pub(crate) fn written_at(log: &AttemptLog) -> io::Result<Option<Timestamp>> {
    Ok(log.written_at()?.map(timestamp))
}

/// Clamps times before 1970.
fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Removes old output, and executions that no item can resume.
#[derive(Clone)]
pub(crate) struct Pruner {
    storage: Arc<dyn Storage>,
    logs: AttemptLogs,
    retention: Retention,
    executions: Executions,
}

impl Pruner {
    /// Prunes by this retention, except for items that this storage reports as processing.
    pub(super) fn new(
        storage: Arc<dyn Storage>,
        logs: AttemptLogs,
        retention: Retention,
        executions: Executions,
    ) -> Self {
        Self { storage, logs, retention, executions }
    }

    /// Prunes once, on a thread of its own. Keeps the output of items being processed.
    ///
    /// # Errors
    /// If the queue cannot be read, in which case nothing was removed, or something cannot be
    /// removed.
    pub(crate) async fn prune(&self) -> Result<(), CliError> {
        let now = SystemTime::now();
        let request = PageRequest { statuses: vec![Status::Processing], ..PageRequest::default() };
        let items = self.storage.page(request).await?.items;
        let at_work: HashSet<_> =
            items.iter().filter_map(|item| Some((item.id, item.claim.as_ref()?.number))).collect();
        let Self { logs, retention, .. } = self.clone();
        let pruned = tokio::task::spawn_blocking(move || {
            logs.prune(&retention, now, |log| at_work.contains(&(log.item, log.claim)))
        });
        let pruned = pruned.await.map_err(|error| CliError::internal(format!("a thread has failed: {error}")))?;
        let trouble = pruned.map_or_else(Some, |pruned| pruned.first_error);
        trouble.map_or(Ok(()), |error| Err(CliError::io("cannot remove old output of attempts", &error)))?;
        self.forget().await
    }

    /// Removes the executions of items that left the queue. Lists them before it asks the queue, so
    /// that executions which begin meanwhile are not among them; ids are not reused.
    async fn forget(&self) -> Result<(), CliError> {
        let trouble = |error: io::Error| CliError::io("cannot remove executions of files that left the queue", &error);
        for item in self.executions.under_way().map_err(trouble)? {
            if self.storage.find(Selector::Id(item)).await?.is_none() {
                self.executions.forget(item).map_err(trouble)?;
            }
        }
        Ok(())
    }
}
