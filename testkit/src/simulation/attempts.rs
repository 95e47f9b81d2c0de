//! The attempts as they really are, whatever runs know of them.

use std::time::Duration;

use autoproc_domain::Fingerprint;
use autoproc_domain::item::{AttemptNumber, ClaimToken};
use autoproc_domain::ports::AttemptOutcome;

/// One attempt.
#[derive(Debug, Clone)]
pub(super) struct AttemptTruth {
    pub(super) token: ClaimToken,
    pub(super) run: usize,
    pub(super) file: usize,
    pub(super) round: u32,
    pub(super) number: AttemptNumber,
    pub(super) began: Duration,
    /// The file when the attempt began, as reported.
    pub(super) fingerprint: Option<Fingerprint>,
    /// When and how it will end, as things stand.
    pub(super) planned: (Duration, AttemptEnd),
    pub(super) over: Option<(Duration, AttemptEnd)>,
    /// When its run learned of its end.
    pub(super) known_at: Option<Duration>,
    /// What its settlement made of its item, once that is durable.
    pub(super) recorded: Option<Recorded>,
    pub(super) is_start_reported: bool,
    pub(super) is_end_reported: bool,
}

/// How an attempt ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AttemptEnd {
    /// Reported to its run.
    Reported(AttemptOutcome),
    /// The orchestrator loses sight of it; it stays at work.
    LostSight,
    /// Its run is dead.
    CutOff,
}

/// What became of an item by a settlement.
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

    /// The outcome that its run knows.
    pub(super) fn known_outcome(&self) -> Option<&AttemptOutcome> {
        match &self.over {
            Some((_, AttemptEnd::Reported(outcome))) if self.known_at.is_some() => Some(outcome),
            _ => None,
        }
    }
}
