//! The stop signal of one attempt.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use async_trait::async_trait;
use futures_util::future::{poll_fn, select};

use crate::ports::{StopSignal, StopSignalError};
use crate::stop::{StopLevel, StopRequest};

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

    /// Only the run clears the stop request.
    async fn clear(&self) -> Result<bool, StopSignalError> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Wake};

    use super::*;
    use crate::ports::NeverStop;

    struct IsWoken(AtomicBool);

    impl Wake for IsWoken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn every_task_that_waits_is_woken() {
        let stop = AttemptStop::new(Arc::new(NeverStop));
        let tasks = [(); 2].map(|()| Arc::new(IsWoken(AtomicBool::new(false))));
        let mut waits = [stop.raised_above(StopLevel::Running), stop.raised_above(StopLevel::Draining)];
        for (wait, task) in waits.iter_mut().zip(&tasks) {
            let waker = Waker::from(task.clone());
            assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        stop.abort();
        assert!(tasks.iter().all(|task| task.0.load(Ordering::Relaxed)));
    }
}
