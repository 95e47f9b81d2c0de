//! The port through which time comes in.

use async_trait::async_trait;

use crate::time::Timestamp;

/// Tells the time and waits for it. Cannot fail.
///
/// # Contract
/// - `now` is the wall clock. It may jump, in both directions; nothing the domain orders depends on it.
/// - `sleep_until` ends no earlier than the moment `now` first reads `deadline` or later, and soon after it. Where the
///   wall clock is set forward during the wait, an adapter notices within a minute.
/// - Dropping the wait ends it without a trace.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time.
    fn now(&self) -> Timestamp;

    /// Waits until `deadline`; not at all where that is past.
    async fn sleep_until(&self, deadline: Timestamp);
}
