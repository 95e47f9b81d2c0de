//! Requests to stop a run.

use std::fmt;

use crate::time::Timestamp;

/// The urgency of a stop request. Only [`clear`](crate::ports::StopSignal::clear) can lower it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StopLevel {
    /// No stop is requested.
    #[default]
    Running,
    /// No attempt starts, and the running attempts finish.
    Draining,
    /// Running attempts are asked to terminate, and are killed after the grace time. Their claims
    /// are released.
    Aborting,
    /// Running attempts are killed at once. Their claims are released.
    Killing,
}

impl StopLevel {
    /// Every level, the lowest first.
    pub const ALL: [Self; 4] = [Self::Running, Self::Draining, Self::Aborting, Self::Killing];

    /// Returns the level with this [`word`](Self::word); `None` for any other text.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.word() == word)
    }

    /// Returns the name of the level, as it appears on disk and on screen.
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

/// The source of a stop request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StopCause {
    /// The stop file.
    StopFile,
    /// A request in the database of a shared queue.
    Command,
    /// SIGINT, for instance from Ctrl-C.
    Interrupt,
    /// SIGTERM, for instance from a service manager.
    Terminate,
    /// SIGHUP, for instance from a closed terminal.
    HangUp,
}

impl StopCause {
    /// Every cause.
    pub const ALL: [Self; 5] = [Self::StopFile, Self::Command, Self::Interrupt, Self::Terminate, Self::HangUp];

    /// Returns the cause with this [`word`](Self::word); `None` for any other text.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.word() == word)
    }

    /// Returns the name of the cause, as it appears on disk and on screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::StopFile => "stop_file",
            Self::Command => "command",
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
    /// How urgently the run must stop.
    pub level: StopLevel,
    /// The source of the request; `None` without a request, or if only one attempt must end. If
    /// there are several sources, a [`StopSignal`](crate::ports::StopSignal) names the first or the
    /// most urgent one.
    pub cause: Option<StopCause>,
}

impl StopRequest {
    /// No request.
    pub const NONE: Self = Self { level: StopLevel::Running, cause: None };

    /// True if a signal requested the stop. Such a request concerns only the process that received
    /// the signal.
    #[must_use]
    pub fn is_of_signal(self) -> bool {
        matches!(self.cause, Some(StopCause::Interrupt | StopCause::Terminate | StopCause::HangUp))
    }
}

/// A stop request that a run obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObeyedStop {
    /// When the run noticed this level.
    pub at: Timestamp,
    /// The level of the request.
    pub level: StopLevel,
    /// The source of the request.
    pub cause: StopCause,
}
