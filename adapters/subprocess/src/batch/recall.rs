//! Takes back attempts of a running batch before they start.

use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use autoproc_domain::ports::{StopLevel, StopRequest, StopSignal, StopSignalError};
use futures_util::future::select;
use tokio::sync::watch;

/// Counts the recalls. A recall applies to all attempts received earlier.
#[derive(Debug, Default)]
pub(super) struct Recall(watch::Sender<u64>);

impl Recall {
    pub(super) fn raise(&self) {
        self.0.send_modify(|generation| *generation += 1);
    }

    pub(super) fn generation(&self) -> u64 {
        *self.0.borrow()
    }
}

/// The stop signal of an attempt in a batch. A recall raises the level to at least
/// [`StopLevel::Draining`]. At this level, the guard starts no further process of the batch.
pub(super) struct BatchStop {
    attempt: Arc<dyn StopSignal>,
    recalls: watch::Receiver<u64>,
    generation: u64,
}

impl BatchStop {
    pub(super) fn new(attempt: Arc<dyn StopSignal>, recall: &Recall, generation: u64) -> Self {
        Self { attempt, recalls: recall.0.subscribe(), generation }
    }
}

#[async_trait]
impl StopSignal for BatchStop {
    fn request(&self) -> StopRequest {
        let request = self.attempt.request();
        let is_recalled = *self.recalls.borrow() != self.generation;
        let own = if is_recalled { StopLevel::Draining } else { StopLevel::Running };
        StopRequest { level: request.level.max(own), ..request }
    }

    async fn raised_above(&self, level: StopLevel) -> StopRequest {
        if level >= StopLevel::Draining {
            return self.attempt.raised_above(level).await;
        }
        let mut recalls = self.recalls.clone();
        let recalled = recalls.wait_for(|generation| *generation != self.generation);
        select(pin!(self.attempt.raised_above(level)), pin!(recalled)).await;
        self.request()
    }

    /// Does nothing. Only the run clears its stop request.
    async fn clear(&self) -> Result<bool, StopSignalError> {
        Ok(false)
    }
}
