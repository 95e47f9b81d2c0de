//! The port through which requests to stop come in: the stop file, signals, a table in a database.

use async_trait::async_trait;

use crate::stop::{StopLevel, StopRequest};

/// The standing request could not be removed. The run must not go on: it would obey the request at
/// once.
#[derive(Debug, thiserror::Error)]
#[error("cannot remove the stop request")]
pub struct StopSignalError(#[source] pub std::io::Error);

/// Tells whether and how urgently to stop.
///
/// # Contract
/// - `request` answers at once, from what is known. A level that was reported is never taken back,
///   except by `clear`.
/// - `raised_above` ends within half a second after the level rises above the one given.
/// - A *standing* request stays until it is removed, as the stop file does. `clear` removes it;
///   signals that this process received are not cleared. Afterwards a new standing request counts.
/// - A source that numbers its requests reports those that are newer than the run and no others. It
///   has no standing request, and `clear` returns `false`.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait StopSignal: Send + Sync {
    /// The request as it stands.
    fn request(&self) -> StopRequest;

    /// Waits until the level is above `level`, and returns the request.
    async fn raised_above(&self, level: StopLevel) -> StopRequest;

    /// Removes the standing request; returns whether there was one.
    ///
    /// # Errors
    /// [`StopSignalError`] if it could not be removed; it stands as before.
    async fn clear(&self) -> Result<bool, StopSignalError>;
}

/// Never asks to stop, for programs that end their runs by other means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NeverStop;

#[async_trait]
impl StopSignal for NeverStop {
    fn request(&self) -> StopRequest {
        StopRequest::NONE
    }

    async fn raised_above(&self, _level: StopLevel) -> StopRequest {
        std::future::pending().await
    }

    async fn clear(&self) -> Result<bool, StopSignalError> {
        Ok(false)
    }
}
