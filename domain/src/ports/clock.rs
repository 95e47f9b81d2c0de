//! The port for reading the clock.

use async_trait::async_trait;

use crate::time::Timestamp;

/// Reads the wall clock and waits for deadlines. Cannot fail.
///
/// # Contract
/// - `now` reads the wall clock, which may jump in both directions. No order in the queue depends
///   on it.
/// - `sleep_until` ends soon after `now` reaches `deadline`. If the clock is set forward during the
///   wait, the wait ends at most a minute late. If the clock is set back, the wait takes at most a
///   minute longer than without the change. It may then end before `now` reaches `deadline`.
/// - Dropping the future of `sleep_until` cancels the wait and has no other effect.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Clock: Send + Sync {
    /// Returns the current time.
    fn now(&self) -> Timestamp;

    /// Waits until `deadline`; returns at once if `deadline` is past.
    async fn sleep_until(&self, deadline: Timestamp);
}
