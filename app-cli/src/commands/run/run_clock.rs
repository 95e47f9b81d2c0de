//! Measures the elapsed time of a run, without suspensions.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct RunClock {
    started_at: Instant,
    pauses: Mutex<Pauses>,
}

#[derive(Debug, Default)]
struct Pauses {
    total: Duration,
    /// `None` if the clock is running.
    since: Option<Instant>,
}

impl RunClock {
    pub(super) fn start(now: Instant) -> Self {
        Self { started_at: now, pauses: Mutex::default() }
    }

    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        let pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let until = pauses.since.unwrap_or(now);
        until.saturating_duration_since(self.started_at).saturating_sub(pauses.total)
    }

    /// Begins a pause; does nothing if the clock is already paused.
    pub(super) fn pause(&self, now: Instant) {
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner).since.get_or_insert(now);
    }

    /// Ends the pause; does nothing if the clock is running.
    pub(super) fn resume(&self, now: Instant) {
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = pauses.since.take() {
            pauses.total += now.saturating_duration_since(since);
        }
    }

    /// Subtracts a past pause of this length from the elapsed time.
    pub(super) fn skip(&self, length: Duration) {
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner).total += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_do_not_count() {
        let start = Instant::now();
        let clock = RunClock::start(start);
        clock.pause(start + 2 * SECOND);
        clock.pause(start + 3 * SECOND);
        assert_eq!(clock.elapsed(start + 60 * SECOND), 2 * SECOND);
        clock.resume(start + 60 * SECOND);
        clock.resume(start + 61 * SECOND);
        assert_eq!(clock.elapsed(start + 63 * SECOND), 5 * SECOND);
        clock.skip(4 * SECOND);
        assert_eq!(clock.elapsed(start + 63 * SECOND), SECOND);
    }
}
