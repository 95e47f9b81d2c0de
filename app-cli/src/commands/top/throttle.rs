//! Limits how often something expensive is read.

use std::time::{Duration, Instant};

/// The pause after a read, divided by the duration of the read. Short reads thus take less than 2 %
/// of the time.
const PAUSE_PER_COST: u32 = 50;

/// The maximum pause after a slow read, unless the interval is longer.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// Decides when something may be read again.
#[derive(Debug)]
pub(super) struct Throttle {
    /// The minimum time between two reads.
    interval: Duration,
    due: Instant,
}

impl Throttle {
    /// Creates a throttle that permits the first read immediately.
    pub(super) fn every(interval: Duration, now: Instant) -> Self {
        Self { interval, due: now }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due <= now
    }

    pub(super) fn record(&mut self, began: Instant, ended: Instant) {
        let cost = ended.saturating_duration_since(began);
        self.due = ended + self.interval.max(cost.saturating_mul(PAUSE_PER_COST).min(MAX_PAUSE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expensive_read_is_repeated_less_often() {
        let began = Instant::now();
        let at = |millis| began + Duration::from_millis(millis);
        let mut throttle = Throttle::every(Duration::from_secs(1), began);
        assert!(throttle.is_due(began));
        throttle.record(began, at(2));
        assert!(!throttle.is_due(at(1001)) && throttle.is_due(at(1002)), "the interval");
        throttle.record(began, at(100));
        assert!(!throttle.is_due(at(5099)) && throttle.is_due(at(5100)), "50 times the duration");
        throttle.record(began, at(2000));
        assert!(!throttle.is_due(at(11_999)) && throttle.is_due(at(12_000)), "at most 10 s");
    }
}
