//! The port for stop requests.

use async_trait::async_trait;

use crate::stop::{StopLevel, StopRequest};

/// The stop request could not be removed. A run that starts now would stop at once.
#[derive(Debug, thiserror::Error)]
#[error("cannot remove the stop request")]
pub struct StopSignalError(#[source] pub std::io::Error);

/// Reports whether, and how urgently, a run must stop.
///
/// # Contract
/// - `request` returns at once, with the latest known request. Only `clear` can lower the level.
/// - `raised_above` ends within half a second after the level rises above `level`.
/// - A *standing* request, such as the stop file, stays until it is removed. `clear` removes it but
///   does not clear signals that this process received. A standing request that is made after
///   `clear` takes effect.
/// - An implementation may instead number its requests and report only requests that are newer than
///   the run. It then has no standing request, and its `clear` returns `false`.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait StopSignal: Send + Sync {
    /// Returns the current request.
    fn request(&self) -> StopRequest;

    /// Waits until the level is above `level`, and returns the request.
    async fn raised_above(&self, level: StopLevel) -> StopRequest;

    /// Removes the standing request; returns whether there was one.
    ///
    /// # Errors
    /// [`StopSignalError`] if the request could not be removed and remains in effect.
    async fn clear(&self) -> Result<bool, StopSignalError>;
}

/// A stop signal that never rises, for programs that end their runs by other means.
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
