//! The probe: the one attempt that may start while starts are held, to find out whether the cause
//! is gone.

use std::time::Duration;

use crate::item::ClaimToken;
use crate::time::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe {
    /// No probe may start before this time.
    Waiting(Timestamp),
    /// The next claim becomes the probe.
    Due,
    /// The probe was handed to the orchestrator.
    InHand(ClaimToken),
    Started(ClaimToken, Timestamp),
}

impl Probe {
    pub(super) fn after(delay: Duration, now: Timestamp) -> Self {
        Self::Waiting(now.saturating_add(delay))
    }

    pub(super) fn is(self, token: ClaimToken) -> bool {
        matches!(self, Self::InHand(probe) | Self::Started(probe, _) if probe == token)
    }

    /// If the delay of the probe is over, makes the probe due and returns true. A remaining delay
    /// above `max_delay` shows that the clock was set back, and counts as over.
    pub(super) fn become_due(&mut self, max_delay: Duration, now: Timestamp) -> bool {
        let Self::Waiting(until) = *self else { return false };
        let is_over = now >= until || until > now.saturating_add(max_delay);
        if is_over {
            *self = Self::Due;
        }
        is_over
    }

    pub(super) fn on_started(&mut self, token: ClaimToken, now: Timestamp) -> bool {
        let is_probe = self.is(token);
        if is_probe {
            *self = Self::Started(token, now);
        }
        is_probe
    }

    /// Handles an attempt that does not show whether the cause is gone, for instance because the
    /// attempt was recalled. If the attempt was the probe, the next claim becomes the probe.
    pub(super) fn on_no_proof(&mut self, token: ClaimToken) {
        if self.is(token) {
            *self = Self::Due;
        }
    }

    /// Returns the token of the probe if it has run for `time`, or if the clock was set back to
    /// before its start.
    pub(super) fn that_runs(self, time: Duration, now: Timestamp) -> Option<ClaimToken> {
        let Self::Started(token, since) = self else { return None };
        (now < since || now >= since.saturating_add(time)).then_some(token)
    }

    /// While the probe waits, returns the time at which the probe becomes due. While the probe
    /// runs, returns the time at which it has run for `time`. Otherwise returns `None`.
    pub(super) fn next_change(self, time: Duration) -> Option<Timestamp> {
        match self {
            Self::Waiting(until) => Some(until),
            Self::Started(_, since) => Some(since.saturating_add(time)),
            Self::Due | Self::InHand(_) => None,
        }
    }
}
