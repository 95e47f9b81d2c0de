//! The port through which attempts are carried out.

use std::future::ready;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::attempt::{Attempt, AttemptProgress, AttemptReport, LostAttempt};
use crate::fingerprint::Fingerprint;
use crate::ports::StopSignal;

/// Carries out attempts.
///
/// An orchestrator that runs each attempt at once implements [`execute`](Self::execute) alone. One
/// that queues attempts, to begin the next before anyone has seen the end of the last, overrides the
/// other three.
///
/// # Contract
/// - An attempt is over only when everything that it started is over.
/// - An attempt that exceeds its timeout is ended and reported as `TimedOut`.
/// - Once `stop` is at aborting or above, the attempt is ended and reported as `Aborted`; at
///   draining it continues, if it has begun. `stop` belongs to one attempt: the orchestrator watches
///   it for as long as the attempt is under way.
/// - At most `jobs` attempts are at work at a time, as long as no more than `capacity(jobs)` are in
///   the orchestrator's hands.
/// - Attempts begin in the order in which they were handed over, if they begin at all.
/// - The future and the stream are polled to their end.
#[async_trait]
pub trait Orchestrator: Send + Sync {
    /// Carries out one attempt, from now to its end. A failure to start is an outcome.
    ///
    /// # Errors
    /// [`LostAttempt`] if the attempt could not be observed to its end.
    async fn execute(&self, attempt: Attempt, stop: Arc<dyn StopSignal>) -> Result<AttemptReport, LostAttempt>;

    /// The most attempts that a run with this many jobs may have in the orchestrator's hands now,
    /// begun or not. At least `jobs`. The answer may change with each attempt that ends.
    fn capacity(&self, jobs: usize) -> usize {
        jobs
    }

    /// Hands over one attempt and yields its progress, in the order that [`AttemptProgress`] states.
    fn start(&self, attempt: Attempt, stop: Arc<dyn StopSignal>) -> BoxStream<'_, AttemptProgress> {
        progress_of(None, self.execute(attempt, stop))
    }

    /// Returns every attempt that has not begun as [`AttemptProgress::NotStarted`], promptly. Does not
    /// affect attempts that are handed over later.
    fn recall(&self) {}
}

/// The progress of an attempt that begins at once, on a file with this fingerprint.
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
