//! Reports the outcome of each attempt to listeners.
//!
//! Listeners receive an outcome before it is durable. The run may still discard the outcome.

use std::sync::Arc;

use async_trait::async_trait;
use autoproc_domain::Timestamp;
use autoproc_domain::ports::{Attempt, AttemptProgress, AttemptReport, Clock, LostAttempt, Orchestrator, StopSignal};
use futures_util::stream::{BoxStream, StreamExt as _};

/// Receives the outcome of each attempt that ended. Lost attempts are not reported.
pub(crate) trait AttemptListener: Send + Sync {
    /// Runs on the thread of the run and must return quickly.
    fn ended(&self, attempt: &Attempt, started_at: Timestamp, report: &AttemptReport);
}

/// Reports the attempts of an orchestrator to listeners.
pub(super) struct Watched {
    pub(super) inner: Arc<dyn Orchestrator>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) listeners: Vec<Arc<dyn AttemptListener>>,
}

#[async_trait]
impl Orchestrator for Watched {
    async fn execute(&self, attempt: Attempt, stop: Arc<dyn StopSignal>) -> Result<AttemptReport, LostAttempt> {
        let started_at = self.clock.now();
        let report = self.inner.execute(attempt.clone(), stop).await?;
        self.listeners.iter().for_each(|listener| listener.ended(&attempt, started_at, &report));
        Ok(report)
    }

    fn capacity(&self, jobs: usize) -> usize {
        self.inner.capacity(jobs)
    }

    fn start(&self, attempt: Attempt, stop: Arc<dyn StopSignal>) -> BoxStream<'_, AttemptProgress> {
        let progress = self.inner.start(attempt.clone(), stop);
        let mut started_at = None;
        let report = move |progress: &AttemptProgress| match progress {
            AttemptProgress::Started { .. } => started_at = Some(self.clock.now()),
            AttemptProgress::Ended(report) => {
                let started_at = started_at.unwrap_or_else(|| self.clock.now());
                self.listeners.iter().for_each(|listener| listener.ended(&attempt, started_at, report));
            }
            AttemptProgress::NotStarted { .. } | AttemptProgress::Lost(_) => {}
        };
        progress.inspect(report).boxed()
    }

    fn recall(&self) {
        self.inner.recall();
    }
}
