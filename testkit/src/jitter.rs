//! Pauses at points where the world could make a future wait.

use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use crate::Random;

/// More turns than this in a row find nothing new.
const MAX_TURNS: u64 = 3;

/// Makes futures give way a random number of times, so that whatever else is ready can go first.
#[derive(Debug, Default)]
pub struct Jitter(Option<Mutex<Random>>);

impl Jitter {
    /// Never gives way.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Gives way as this generator says.
    #[must_use]
    pub fn from(random: Random) -> Self {
        Self(Some(Mutex::new(random)))
    }

    /// Gives way a few times, or not at all.
    pub async fn pause(&self) {
        for _ in 0..self.below(MAX_TURNS + 1) {
            give_way().await;
        }
    }

    /// True once in `odds` times; never where there is no jitter.
    #[must_use]
    pub fn one_in(&self, odds: u64) -> bool {
        self.0.is_some() && self.below(odds) == 0
    }

    fn below(&self, bound: u64) -> u64 {
        let random = self.0.as_ref().map(|random| random.lock().unwrap_or_else(PoisonError::into_inner));
        random.map_or(0, |mut random| random.below(bound))
    }
}

/// Pending once, and ready to go on at once.
async fn give_way() {
    let mut gave_way = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
