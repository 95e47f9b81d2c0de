//! The port for delaying attempts while the machine lacks resources.

use async_trait::async_trait;

/// The reason why no attempt may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackPressure {
    /// A human-readable description of the cause, such as a disk that is nearly full.
    pub reason: Box<str>,
}

/// Decides whether new attempts may start. Running attempts are not affected.
///
/// # Contract
/// - `pressure` returns at once and relies on measurements that are at most a second old. It cannot
///   fail: a measurement that is unavailable is ignored.
/// - The text of the reason does not change while the cause stays the same.
/// - `changed_from` ends within a second after the result of `pressure` changes. It may end without
///   a change, but not within the first tenth of a second.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait StartGate: Send + Sync {
    /// Returns the reason why no attempt may start; `None` if attempts may start.
    fn pressure(&self) -> Option<BackPressure>;

    /// Waits until `pressure` may return something other than `before`.
    async fn changed_from(&self, before: Option<BackPressure>);
}

/// A gate that is always open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenGate;

#[async_trait]
impl StartGate for OpenGate {
    fn pressure(&self) -> Option<BackPressure> {
        None
    }

    async fn changed_from(&self, _before: Option<BackPressure>) {
        std::future::pending::<()>().await;
    }
}
