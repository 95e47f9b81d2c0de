//! The true states of simulated attempts.

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
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) planned: (Duration, AttemptEnd),
    pub(super) over: Option<(Duration, AttemptEnd)>,
    /// The time at which the end of the attempt was reported to the run.
    pub(super) known_at: Option<Duration>,
    /// What the store recorded. `None` until the settlement is durable.
    pub(super) recorded: Option<Recorded>,
    pub(super) is_start_reported: bool,
    pub(super) is_end_reported: bool,
    /// True if a shortage of processes, or a missing program or folder, made the attempt fail.
    pub(super) is_struck: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AttemptEnd {
    Reported(AttemptOutcome),
    /// The orchestrator lost track of the running attempt.
    LostSight,
    /// The attempt ended without a reported outcome.
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

    pub(super) fn known_outcome(&self) -> Option<&AttemptOutcome> {
        match &self.over {
            Some((_, AttemptEnd::Reported(outcome))) if self.known_at.is_some() => Some(outcome),
            _ => None,
        }
    }
}
