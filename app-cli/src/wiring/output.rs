//! The output of attempts, behind the names the commands know.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use autoproc_domain::command::Selector;
use autoproc_domain::item::{AttemptNumber, ClaimToken};
use autoproc_domain::ports::Storage;
use autoproc_domain::view::PageRequest;
use autoproc_domain::{ItemId, QueueItem, Status, Timestamp};
use autoproc_subprocess::{AttemptLog, AttemptLogs, Retention};
use autoproc_workflow::execution::Executions;

use crate::error::CliError;

/// Where what attempts printed is found.
#[derive(Debug, Clone)]
pub(crate) struct AttemptFiles(AttemptLogs);

impl AttemptFiles {
    /// In these.
    pub(super) fn new(logs: AttemptLogs) -> Self {
        Self(logs)
    }

    /// What there is of an item's attempts, the oldest first.
    ///
    /// # Errors
    /// Where the folder is there and cannot be read.
    pub(crate) fn of(&self, item: ItemId) -> io::Result<Vec<AttemptLog>> {
        self.0.attempts_of(item)
    }

    /// Where the output of an attempt is, or will be once there is any.
    pub(crate) fn log_of(&self, token: ClaimToken, attempt: AttemptNumber) -> AttemptLog {
        self.0.log_of(token, attempt)
    }

    /// Where the output of the attempt is that is being made on an item.
    pub(crate) fn current(&self, item: &QueueItem) -> Option<AttemptLog> {
        let token = ClaimToken { item: item.id, number: item.claim.as_ref()?.number };
        Some(self.log_of(token, AttemptNumber::new(item.attempts)?))
    }

    /// Up to when outputs may have been removed.
    ///
    /// # Errors
    /// Where the system cannot tell.
    pub(crate) fn pruned_until(&self) -> io::Result<Option<Timestamp>> {
        Ok(self.0.pruned_until()?.map(timestamp))
    }
}

/// When something was last written to a log, where it is there.
///
/// # Errors
/// Where the system cannot tell.
pub(crate) fn written_at(log: &AttemptLog) -> io::Result<Option<Timestamp>> {
    Ok(log.written_at()?.map(timestamp))
}

/// A time before 1970 is as old as can be.
fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Removes output that is not to be kept any longer, and executions that no item can take up any more.
#[derive(Clone)]
pub(crate) struct Pruner {
    storage: Arc<dyn Storage>,
    logs: AttemptLogs,
    retention: Retention,
    executions: Executions,
}

impl Pruner {
    /// Removes what this retention says, but for what is processed according to this storage.
    pub(super) fn new(
        storage: Arc<dyn Storage>,
        logs: AttemptLogs,
        retention: Retention,
        executions: Executions,
    ) -> Self {
        Self { storage, logs, retention, executions }
    }

    /// Does it once, on a thread of its own. What is being processed stays.
    ///
    /// # Errors
    /// Where the queue cannot be read, and so nothing was removed, or something could not be removed.
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

    /// Removes the executions of items that left the queue. They are listed before the queue is asked, so that those which
    /// begin meanwhile are not among them; and the number of an item is given to no other.
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
