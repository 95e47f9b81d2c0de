//! The port for reading the clock.

use async_trait::async_trait;

use crate::time::Timestamp;

/// Reads the wall clock and waits for deadlines. Cannot fail.
///
/// # Contract
/// - `now` reads the wall clock, which may jump in both directions. No order in the queue depends
///   on it.
/// - `sleep_until` ends soon after `now` first returns `deadline` or later. There are two
///   exceptions. If the wall clock is set forward during the wait, the wait ends at most a minute
///   late. If it is set back, the wait becomes at most a minute longer, and may end while `now` is
///   still before `deadline`.
/// - Dropping the future of `sleep_until` cancels the wait and has no other effect.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Clock: Send + Sync {
    /// Returns the current time.
    fn now(&self) -> Timestamp;

    /// Waits until `deadline`; returns at once if `deadline` is past.
    async fn sleep_until(&self, deadline: Timestamp);
}
