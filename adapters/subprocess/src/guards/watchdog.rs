//! Decides what to do about a guard that does not report in time.
//!
//! A suspended guard cannot enforce the timeout of its process. So the run sets its own, later
//! deadlines.

use std::time::Duration;

/// The time for a suspended guard to react to SIGCONT, beyond the grace time. After it, the run
/// kills a guard that is still suspended.
const STOPPED_TIMEOUT: Duration = Duration::from_secs(2);

/// The time for a guard to end its process, beyond the grace time. A healthy guard waits at most
/// 30 s after SIGKILL, and needs at most 4 s to remove temporary files.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(40);

/// The time for a guard to kill its process. A healthy guard needs at most 4 s to remove temporary
/// files.
const KILL_REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// The maximum time to wait for a killed guard to disappear. Only a guard that is blocked in the
/// kernel takes longer.
const DEATH_TIMEOUT: Duration = Duration::from_secs(30);

/// The maximum delay until the run notices an expired deadline. A longer delay means that the run
/// or the machine was suspended. The deadlines of the guard then start again.
const SUSPENSION_THRESHOLD: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Continue,
    Kill,
    GiveUp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    ContinueStopped,
    KillStopped,
    Kill,
    GiveUp,
}

/// The deadlines by which a guard must end one process. All times are readings of one clock, which
/// the caller provides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watchdog {
    limit: Duration,
    grace: Duration,
    silence_timeout: Duration,
    step: Step,
}

impl Watchdog {
    pub(super) fn of_process(now: Duration, timeout: Duration, grace: Duration) -> Self {
        Self::new(now.saturating_add(timeout), grace, SILENCE_TIMEOUT)
    }

    pub(super) fn of_abort(now: Duration, grace: Duration) -> Self {
        Self::new(now, grace, SILENCE_TIMEOUT)
    }

    pub(super) fn of_kill(now: Duration) -> Self {
        Self::new(now, Duration::ZERO, KILL_REQUEST_TIMEOUT)
    }

    fn new(limit: Duration, grace: Duration, silence_timeout: Duration) -> Self {
        Self { limit, grace, silence_timeout, step: Step::ContinueStopped }
    }

    pub(super) fn due(&self) -> Duration {
        let end = self.limit.saturating_add(self.grace);
        match self.step {
            Step::ContinueStopped => self.limit,
            Step::KillStopped => end.saturating_add(STOPPED_TIMEOUT),
            Step::Kill => end.saturating_add(self.silence_timeout),
            Step::GiveUp => end.saturating_add(self.silence_timeout + DEATH_TIMEOUT),
        }
    }

    pub(super) fn expire(&mut self, now: Duration, is_stopped: impl FnOnce() -> bool) -> Option<Measure> {
        let late = now.checked_sub(self.due())?;
        if late > SUSPENSION_THRESHOLD && self.step != Step::ContinueStopped {
            (self.limit, self.step) = (now, Step::ContinueStopped);
            return None;
        }
        match self.step {
            Step::ContinueStopped => {
                // The grace time of the guard begins now, even if this check is late.
                (self.limit, self.step) = (now, Step::KillStopped);
                is_stopped().then_some(Measure::Continue)
            }
            Step::KillStopped if is_stopped() => {
                self.step = Step::GiveUp;
                Some(Measure::Kill)
            }
            Step::KillStopped => {
                self.step = Step::Kill;
                None
            }
            Step::Kill => {
                self.step = Step::GiveUp;
                Some(Measure::Kill)
            }
            Step::GiveUp => Some(Measure::GiveUp),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn measures(mut watchdog: Watchdog, is_stopped: bool) -> Vec<(u64, Measure)> {
        let mut measures = Vec::new();
        loop {
            let due = watchdog.due();
            if let Some(measure) = watchdog.expire(due, || is_stopped) {
                measures.push((due.as_secs(), measure));
                if measure == Measure::GiveUp {
                    return measures;
                }
            }
        }
    }

    #[test]
    fn a_stopped_guard_is_continued_and_then_killed() {
        let of_process = Watchdog::of_process(100 * SECOND, 300 * SECOND, 10 * SECOND);
        let expected = [(400, Measure::Continue), (412, Measure::Kill), (480, Measure::GiveUp)];
        assert_eq!(measures(of_process, true), expected);
        let expected = [(7, Measure::Continue), (9, Measure::Kill), (42, Measure::GiveUp)];
        assert_eq!(measures(Watchdog::of_kill(7 * SECOND), true), expected);
    }

    #[test]
    fn a_silent_guard_is_killed_later_than_it_reports_a_stuck_process() {
        let of_process = Watchdog::of_process(100 * SECOND, 300 * SECOND, 10 * SECOND);
        assert_eq!(measures(of_process, false), [(450, Measure::Kill), (480, Measure::GiveUp)]);
        let of_abort = Watchdog::of_abort(100 * SECOND, 10 * SECOND);
        assert_eq!(measures(of_abort, false), [(150, Measure::Kill), (180, Measure::GiveUp)]);
        assert_eq!(measures(Watchdog::of_kill(7 * SECOND), false), [(12, Measure::Kill), (42, Measure::GiveUp)]);
    }

    #[test]
    fn nothing_happens_before_a_deadline() {
        let mut watchdog = Watchdog::of_process(Duration::ZERO, 300 * SECOND, 10 * SECOND);
        assert_eq!(watchdog.expire(299 * SECOND, || true), None);
        assert_eq!(watchdog.due(), 300 * SECOND);
    }

    #[test]
    fn a_deadline_that_is_noticed_late_gives_the_guard_its_time_again() {
        let mut watchdog = Watchdog::of_process(Duration::ZERO, 300 * SECOND, 10 * SECOND);
        assert_eq!(watchdog.expire(300 * SECOND, || false), None);
        assert_eq!(watchdog.expire(3600 * SECOND, || true), None);
        assert_eq!(watchdog.expire(3600 * SECOND, || true), Some(Measure::Continue));
        assert_eq!(watchdog.due(), 3612 * SECOND);
        let mut late = Watchdog::of_process(Duration::ZERO, 300 * SECOND, 10 * SECOND);
        assert_eq!(late.expire(3600 * SECOND, || false), None);
        assert_eq!(late.due(), 3612 * SECOND);
    }

    #[test]
    fn a_timeout_beyond_all_times_never_expires() {
        let watchdog = Watchdog::of_process(SECOND, Duration::MAX, SECOND);
        assert_eq!(watchdog.due(), Duration::MAX);
    }
}
