//! The port through which a stop comes in: the stop file, signals, or whatever else an adapter listens to.

use std::fmt;

use async_trait::async_trait;

/// How urgently a run is asked to stop. It only ever rises during a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StopLevel {
    /// Nobody asked.
    Running,
    /// Start nothing new, finish what runs.
    Draining,
    /// End what runs: ask it to terminate, wait the grace, kill it. The attempts are given back.
    Aborting,
    /// Kill what runs at once. The attempts are given back.
    Killing,
}

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StopCause {
    /// The stop file.
    StopFile,
    /// SIGINT, as by Ctrl-C.
    Interrupt,
    /// SIGTERM, as by a service manager.
    Terminate,
    /// SIGHUP, as by a terminal that went away.
    HangUp,
}

impl StopCause {
    /// The word for it, on disk and on screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::StopFile => "stop_file",
            Self::Interrupt => "interrupt",
            Self::Terminate => "terminate",
            Self::HangUp => "hangup",
        }
    }
}

impl fmt::Display for StopCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A request to stop: how urgently, and who asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopRequest {
    /// How urgently, now.
    pub level: StopLevel,
    /// Who asked; `None` while nobody has.
    pub cause: Option<StopCause>,
}

impl StopRequest {
    /// Nobody has asked.
    pub const NONE: Self = Self { level: StopLevel::Running, cause: None };
}

/// The standing request could not be cleared; the run goes no further, because it would obey it at once.
#[derive(Debug, thiserror::Error)]
#[error("cannot remove the stop request")]
pub struct StopSignalError(#[source] pub std::io::Error);

/// Tells whether and how urgently to stop.
///
/// # Contract
/// - `request` answers at once, from what is known; a level that was reported is never taken back, except by `clear`.
/// - `raised_above` ends when the level is above the one given, within half a second of the cause.
/// - `clear` takes back a *standing* request: one that stays until somebody removes it, as the stop file does. A signal
///   that this process received is not cleared. Afterwards a new standing request counts again.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait StopSignal: Send + Sync {
    /// The request as it stands.
    fn request(&self) -> StopRequest;

    /// Waits until the level is above `level` and returns the request.
    async fn raised_above(&self, level: StopLevel) -> StopRequest;

    /// Removes the standing request; says whether there was one.
    ///
    /// # Errors
    /// [`StopSignalError`] where it could not be removed. It stands as before.
    async fn clear(&self) -> Result<bool, StopSignalError>;
}
