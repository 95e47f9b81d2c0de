//! The port that keeps a run from starting attempts while the machine has no room for them.

use async_trait::async_trait;

/// Why nothing new may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackPressure {
    /// What is short, for a person.
    pub reason: Box<str>,
}

/// Says whether new attempts may start. Attempts that run are not concerned.
///
/// # Contract
/// - `pressure` answers at once, from a reading that is at most a second old. It cannot fail: a
///   reading that is unavailable is ignored.
/// - The reason stays the same, word for word, for as long as the same thing is short.
/// - `changed_from` ends within a second after `pressure` answers differently. It may end without
///   cause, but not within the first tenth of a second.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait StartGate: Send + Sync {
    /// What keeps attempts from starting; `None` if nothing does.
    fn pressure(&self) -> Option<BackPressure>;

    /// Waits until `pressure` may answer something else than `before`.
    async fn changed_from(&self, before: Option<BackPressure>);
}

/// Never keeps anything from starting.
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
