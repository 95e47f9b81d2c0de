//! Requests to stop: how urgent, and from whom.

use std::fmt;

/// How urgently a run is asked to stop. It only rises during a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StopLevel {
    /// No request.
    #[default]
    Running,
    /// Start nothing new, finish the attempts that run.
    Draining,
    /// End the attempts: ask to terminate, wait the grace, kill. They are given back.
    Aborting,
    /// Kill the attempts at once. They are given back.
    Killing,
}

impl StopLevel {
    /// The word on disk and on screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Aborting => "aborting",
            Self::Killing => "killing",
        }
    }
}

/// Where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StopCause {
    /// The stop file.
    StopFile,
    /// SIGINT, as from Ctrl-C.
    Interrupt,
    /// SIGTERM, as from a service manager.
    Terminate,
    /// SIGHUP, as from a closed terminal.
    HangUp,
}

impl StopCause {
    /// The word on disk and on screen.
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

/// A request to stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StopRequest {
    /// The urgency now.
    pub level: StopLevel,
    /// The first cause; `None` while there is no request.
    pub cause: Option<StopCause>,
}

impl StopRequest {
    /// No request.
    pub const NONE: Self = Self { level: StopLevel::Running, cause: None };
}
