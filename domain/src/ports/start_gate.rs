//! The port that holds new starts back while the machine has no room for them.

use async_trait::async_trait;

/// Why nothing new is to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// What is short, in words for a person.
    pub reason: Box<str>,
}

/// Says whether new attempts may be started. What runs already is none of its business.
///
/// # Contract
/// - `hold` answers at once, from a look at the machine that is at most a second old. It cannot fail: what it cannot find
///   out holds nothing back.
/// - A reason stays word for word the same for as long as the same thing is short.
/// - `changed_from` ends when the answer of `hold` is another than the one given, at most a second after it became so. It
///   may end without cause, but not before a tenth of a second is over.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait StartGate: Send + Sync {
    /// What holds new starts back; `None` where nothing does.
    fn hold(&self) -> Option<Hold>;

    /// Waits until `hold` may answer otherwise than it did.
    async fn changed_from(&self, before: Hold);
}

/// Holds nothing back, ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenGate;

#[async_trait]
impl StartGate for OpenGate {
    fn hold(&self) -> Option<Hold> {
        None
    }

    async fn changed_from(&self, _before: Hold) {
        std::future::pending::<()>().await;
    }
}
