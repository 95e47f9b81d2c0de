//! The outcomes of attempts in the charts.

use autoproc_domain::ports::PastEnd;

/// The outcome of an attempt. In a chart, a later variant hides earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::commands::report) enum Outcome {
    /// The attempt was released or discarded, or its end was not recorded.
    NotCounted,
    Completed,
    Running,
    /// The attempt failed. The file became pending again.
    Retried,
    TimedOut,
    /// The last attempt of a round failed, or the run died during the attempt.
    Failed,
}

impl Outcome {
    pub(super) const ALL: [Self; 6] =
        [Self::Completed, Self::Retried, Self::Failed, Self::TimedOut, Self::NotCounted, Self::Running];

    pub(super) fn of(end: Option<PastEnd>, is_live: bool) -> Self {
        match end {
            Some(PastEnd::Completed) => Self::Completed,
            Some(PastEnd::Requeued) => Self::Retried,
            Some(PastEnd::Failed | PastEnd::Died) => Self::Failed,
            Some(PastEnd::Timeout) => Self::TimedOut,
            None if is_live => Self::Running,
            Some(PastEnd::Released | PastEnd::Discarded) | None => Self::NotCounted,
        }
    }

    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Completed => "ok",
            Self::Retried => "retry",
            Self::Failed => "fail",
            Self::TimedOut => "late",
            Self::NotCounted => "none",
            Self::Running => "live",
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Retried => "failed, tried again",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::NotCounted => "not counted",
            Self::Running => "running",
        }
    }
}
