//! The port for carrying out attempts.

use std::future::ready;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::attempt::{Attempt, AttemptProgress, AttemptReport, LostAttempt};
use crate::fingerprint::Fingerprint;
use crate::ports::StopSignal;

/// Carries out attempts, and reports their progress and outcome.
///
/// An orchestrator that starts each attempt at once implements only [`execute`](Self::execute). An
/// orchestrator that queues attempts overrides the other three methods. The queue lets the
/// orchestrator start an attempt before the run learns that an earlier one has ended.
///
/// # Contract
/// - An attempt has ended only when every process that it started has ended.
/// - The orchestrator ends an attempt that exceeds its timeout, and reports it as `TimedOut`.
/// - Once the level of `stop` is aborting or higher, the orchestrator ends the attempt and reports
///   it as `Aborted`. While the level is draining, an attempt that has begun continues. `stop`
///   belongs to one attempt: the orchestrator watches it until the attempt ends.
/// - At most `jobs` attempts run concurrently, provided that the caller hands over no more than
///   `capacity(jobs)`.
/// - The orchestrator takes up attempts in the order in which they were handed over. If an attempt
///   must wait for another one to end, attempts that were handed over later may begin first. Some
///   attempts may never begin.
/// - The caller polls the future of `execute` and the stream of `start` to their end.
#[async_trait]
pub trait Orchestrator: Send + Sync {
    /// Carries out one attempt to its end. A failure to start is an outcome, not an error.
    ///
    /// # Errors
    /// [`LostAttempt`] if the attempt could not be observed to its end.
    async fn execute(&self, attempt: Attempt, stop: Arc<dyn StopSignal>) -> Result<AttemptReport, LostAttempt>;

    /// Returns the maximum number of unfinished attempts, running or queued, for a run with this
    /// many jobs. The number is at least `jobs`, and may change whenever an attempt begins or ends.
    fn capacity(&self, jobs: usize) -> usize {
        jobs
    }

    /// Hands over one attempt and returns its progress, in the order documented by
    /// [`AttemptProgress`].
    fn start(&self, attempt: Attempt, stop: Arc<dyn StopSignal>) -> BoxStream<'_, AttemptProgress> {
        progress_of(None, self.execute(attempt, stop))
    }

    /// Promptly reports every attempt that has not begun as [`AttemptProgress::NotStarted`]. Does
    /// not affect attempts that are handed over later.
    fn recall(&self) {}
}

/// Returns the progress of an attempt that begins at once: first `Started`, then the result of
/// `end`.
pub fn progress_of<'a>(
    fingerprint: Option<Fingerprint>,
    end: impl Future<Output = Result<AttemptReport, LostAttempt>> + Send + 'a,
) -> BoxStream<'a, AttemptProgress> {
    let started = stream::once(ready(AttemptProgress::Started { fingerprint }));
    started.chain(stream::once(end).map(|end| end.map_or_else(AttemptProgress::Lost, AttemptProgress::Ended))).boxed()
}

#[cfg(feature = "mocks")]
mockall::mock! {
    pub Orchestrator {}

    #[async_trait]
    impl Orchestrator for Orchestrator {
        async fn execute(&self, attempt: Attempt, stop: Arc<dyn StopSignal>) -> Result<AttemptReport, LostAttempt>;
    }
}
