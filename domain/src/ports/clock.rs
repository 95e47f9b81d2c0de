//! The port through which time comes in.

use async_trait::async_trait;

use crate::time::Timestamp;

/// Tells the time and waits for it. Cannot fail.
///
/// # Contract
/// - `now` is the wall clock. It may jump in both directions; no order depends on it.
/// - `sleep_until` ends soon after `now` first reads `deadline` or later. If the wall clock is set
///   forward during the wait, an adapter notices within a minute.
/// - If the wall clock is set back, the wait lasts no longer than it would have without that, give or take
///   a minute: it may end before `now` reads `deadline`.
/// - Dropping the wait ends it without a trace.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time.
    fn now(&self) -> Timestamp;

    /// Waits until `deadline`; returns at once if that is past.
    async fn sleep_until(&self, deadline: Timestamp);
}
