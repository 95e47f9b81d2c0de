//! Pauses at the points where the real world could make a future wait.

use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use crate::Random;

/// More pauses than this in a row find nothing new.
const MAX_PAUSES: u64 = 3;

/// Makes futures yield a random number of times, so that other ready futures can run first.
#[derive(Debug, Default)]
pub struct Jitter(Option<Mutex<Random>>);

impl Jitter {
    /// Never yields.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Yields as this generator decides.
    #[must_use]
    pub fn from(random: Random) -> Self {
        Self(Some(Mutex::new(random)))
    }

    /// Yields a few times, or not at all.
    pub async fn pause(&self) {
        for _ in 0..self.below(MAX_PAUSES + 1) {
            yield_once().await;
        }
    }

    /// True once in `odds` times; never without jitter.
    #[must_use]
    pub fn one_in(&self, odds: u64) -> bool {
        self.0.is_some() && self.below(odds) == 0
    }

    fn below(&self, bound: u64) -> u64 {
        let random = self.0.as_ref().map(|random| random.lock().unwrap_or_else(PoisonError::into_inner));
        random.map_or(0, |mut random| random.below(bound))
    }
}

/// Pending once, and ready to be polled again at once.
pub async fn yield_once() {
    let mut has_yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
