//! Removes old output during a run.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use autoproc_domain::Status;
use autoproc_domain::ports::Storage;
use autoproc_domain::request::Selector;
use autoproc_domain::view::PageRequest;
use autoproc_subprocess::{AttemptLogs, Retention};
use autoproc_workflow::execution::Executions;
use tokio::task::JoinHandle;

use crate::console::Console;
use crate::error::CliError;
use crate::wiring::OutputStore;

/// The time between two prunings. Output rarely fills a disk within an hour.
const EVERY: Duration = Duration::from_secs(3600);

pub(super) struct Pruning {
    pruner: Pruner,
    console: Arc<Console>,
    task: JoinHandle<()>,
}

impl Pruning {
    /// Starts a background task that prunes immediately, and then once an hour.
    pub(super) fn begin(pruner: Pruner, console: Arc<Console>) -> Self {
        let task = tokio::spawn(again_and_again(pruner.clone(), console.clone()));
        Self { pruner, console, task }
    }

    pub(super) async fn end(self) {
        self.task.abort();
        tell(self.pruner.prune().await, &self.console);
    }
}

async fn again_and_again(pruner: Pruner, console: Arc<Console>) {
    loop {
        tell(pruner.prune().await, &console);
        tokio::time::sleep(EVERY).await;
    }
}

fn tell(pruned: Result<(), CliError>, console: &Console) {
    if let Err(error) = pruned {
        console.warn(error.message());
    }
}

#[derive(Clone)]
pub(super) struct Pruner {
    storage: Arc<dyn Storage>,
    logs: AttemptLogs,
    retention: Retention,
    executions: Executions,
    stored: Option<OutputStore>,
}

impl Pruner {
    /// Creates a pruner that never removes the output of running attempts.
    pub(super) fn new(
        storage: Arc<dyn Storage>,
        logs: AttemptLogs,
        retention: Retention,
        executions: Executions,
    ) -> Self {
        Self { storage, logs, retention, executions, stored: None }
    }

    /// Also removes old output from the database. The size limit does not apply there.
    pub(super) fn with_stored_outputs(self, stored: Option<OutputStore>) -> Self {
        Self { stored, ..self }
    }

    async fn prune(&self) -> Result<(), CliError> {
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
        if let Some((stored, age)) = self.stored.as_ref().zip(self.retention.max_age) {
            stored.prune(age).await?;
        }
        self.forget().await
    }

    /// Removes unfinished executions of items that were removed from the queue. Must list the
    /// executions before it searches the queue: each listed item was then in the queue, and ids are
    /// never reused. So a missing item was removed.
    async fn forget(&self) -> Result<(), CliError> {
        let trouble = |error: io::Error| {
            CliError::io("cannot remove the records of workflows whose files are no longer in the queue", &error)
        };
        for item in self.executions.under_way().map_err(trouble)? {
            if self.storage.find(Selector::Id(item)).await?.is_none() {
                self.executions.forget(item).map_err(trouble)?;
            }
        }
        Ok(())
    }
}
