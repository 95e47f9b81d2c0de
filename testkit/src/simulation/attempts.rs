//! The true state of every attempt, independent of what each run has observed.

use std::time::Duration;

use autoproc_domain::Fingerprint;
use autoproc_domain::item::{AttemptNumber, ClaimToken};
use autoproc_domain::ports::AttemptOutcome;

#[derive(Debug, Clone)]
pub(super) struct AttemptTruth {
    pub(super) token: ClaimToken,
    pub(super) run: usize,
    pub(super) file: usize,
    pub(super) round: u32,
    pub(super) number: AttemptNumber,
    pub(super) began: Duration,
    /// The fingerprint that was reported when the attempt began.
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) planned: (Duration, AttemptEnd),
    pub(super) over: Option<(Duration, AttemptEnd)>,
    /// The time at which the end was reported to the run; `None` before the report.
    pub(super) known_at: Option<Duration>,
    /// The effect of the settlement on the item; `None` until the settlement is durable.
    pub(super) recorded: Option<Recorded>,
    pub(super) is_start_reported: bool,
    pub(super) is_end_reported: bool,
    /// True if the attempt failed because the machine lacked something, instead of ending as its
    /// script says.
    pub(super) is_struck: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AttemptEnd {
    /// The outcome was reported to the run.
    Reported(AttemptOutcome),
    /// The orchestrator lost track of the attempt; the attempt is still running.
    LostSight,
    /// The attempt ended without an outcome, for instance because its run is dead.
    CutOff,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recorded {
    Completed,
    Retried,
    Failed,
    Released,
}

impl AttemptTruth {
    pub(super) fn is_at_work(&self) -> bool {
        self.over.is_none()
    }

    /// Returns the outcome that was reported to the run; `None` before the report.
    pub(super) fn known_outcome(&self) -> Option<&AttemptOutcome> {
        match &self.over {
            Some((_, AttemptEnd::Reported(outcome))) if self.known_at.is_some() => Some(outcome),
            _ => None,
        }
    }
}
