//! The probe: a trial attempt while starts are held.

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

    /// Returns true if the probe became due. A delay above `max_delay` means that the clock was set
    /// back.
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

    /// If the probe proved nothing, the next claim becomes the probe.
    pub(super) fn on_no_proof(&mut self, token: ClaimToken) {
        if self.is(token) {
            *self = Self::Due;
        }
    }

    pub(super) fn that_runs(self, time: Duration, now: Timestamp) -> Option<ClaimToken> {
        let Self::Started(token, since) = self else { return None };
        (now < since || now >= since.saturating_add(time)).then_some(token)
    }

    pub(super) fn next_change(self, time: Duration) -> Option<Timestamp> {
        match self {
            Self::Waiting(until) => Some(until),
            Self::Started(_, since) => Some(since.saturating_add(time)),
            Self::Due | Self::InHand(_) => None,
        }
    }
}
