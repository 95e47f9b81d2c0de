//! The stop signal of one attempt: combines the run's signal with an order to end this attempt
//! alone.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use async_trait::async_trait;
use futures_util::future::{poll_fn, select};

use crate::ports::{StopSignal, StopSignalError};
use crate::stop::{StopLevel, StopRequest};

/// A stop signal that follows the run's signal, and rises to aborting after [`abort`](Self::abort).
pub(super) struct AttemptStop {
    run: Arc<dyn StopSignal>,
    is_aborted: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl AttemptStop {
    pub(super) fn new(run: Arc<dyn StopSignal>) -> Self {
        Self { run, is_aborted: AtomicBool::new(false), waiting: Mutex::default() }
    }

    pub(super) fn abort(&self) {
        self.is_aborted.store(true, Ordering::Release);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.drain(..).for_each(Waker::wake);
    }

    async fn aborted(&self) {
        poll_fn(|context| {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if self.is_aborted.load(Ordering::Acquire) {
                return Poll::Ready(());
            }
            waiting.retain(|waker| !waker.will_wake(context.waker()));
            waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

#[async_trait]
impl StopSignal for AttemptStop {
    fn request(&self) -> StopRequest {
        let request = self.run.request();
        let own = if self.is_aborted.load(Ordering::Acquire) { StopLevel::Aborting } else { StopLevel::Running };
        StopRequest { level: request.level.max(own), ..request }
    }

    async fn raised_above(&self, level: StopLevel) -> StopRequest {
        if level >= StopLevel::Aborting {
            return self.run.raised_above(level).await;
        }
        select(pin!(self.run.raised_above(level)), pin!(self.aborted())).await;
        self.request()
    }

    /// Does nothing, because only the run clears its stop request.
    async fn clear(&self) -> Result<bool, StopSignalError> {
        Ok(false)
    }
}
