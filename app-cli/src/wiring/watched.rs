//! Reports the ends of attempts, with their outcomes, to listeners.
//!
//! The events of a run describe a failure as text for people. A listener receives the outcome
//! itself, before the run has decided on it: the result is not durable yet, and may be discarded.

use std::sync::Arc;

use async_trait::async_trait;
use autoproc_domain::Timestamp;
use autoproc_domain::ports::{Attempt, AttemptProgress, AttemptReport, Clock, LostAttempt, Orchestrator, StopSignal};
use futures_util::stream::{BoxStream, StreamExt as _};

/// Receives a call at the end of every attempt that began, except an attempt that is lost.
pub(crate) trait AttemptListener: Send + Sync {
    /// Called on the thread of the run, so the call must return soon. `started_at` is the time at
    /// which the run noticed the start.
    fn ended(&self, attempt: &Attempt, started_at: Timestamp, report: &AttemptReport);
}

/// An orchestrator whose attempts are reported to listeners.
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
