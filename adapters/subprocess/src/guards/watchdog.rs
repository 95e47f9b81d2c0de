//! Decides what to do about a guard that does not report in time that its process has ended.
//!
//! A guard enforces the timeout of its process itself. A guard that is suspended, by a signal, a
//! debugger or a freezer, enforces nothing. So the run sets its own deadlines, which are later than
//! those that a healthy guard enforces.

use std::time::Duration;

/// The time that a suspended guard has to react to SIGCONT, in addition to the grace time. If the
/// guard is still suspended after that, the run kills it.
const STOPPED_TIMEOUT: Duration = Duration::from_secs(2);

/// The time limit for a guard to end its process, in addition to the grace time. A healthy guard
/// takes less: at most 30 s until it reports that the process survives SIGKILL, and at most 4 s to
/// remove temporary files.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(40);

/// The time limit for a guard to carry out a request to kill, including at most 4 s to remove
/// temporary files. After it, the run itself kills the guard and the guard's process.
const KILL_REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// The maximum time to wait for a killed guard to disappear. Only a guard that is blocked in the
/// kernel takes longer.
const DEATH_TIMEOUT: Duration = Duration::from_secs(30);

/// If the run notices an expired deadline with a longer delay than this, the run or the machine was
/// suspended. The guard may have been suspended too, so its deadlines start again.
const SUSPENSION_THRESHOLD: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Continue,
    Kill,
    /// Stop waiting for a killed guard that does not disappear.
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
    /// The time at which a healthy guard begins to end its process.
    limit: Duration,
    grace: Duration,
    /// The time for which a guard may stay silent after the grace time, before it is killed.
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

    /// Returns the measure to take at `now`, if any. `is_stopped` tells whether a signal or a
    /// debugger has stopped the guard.
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

    /// Returns the measures against a guard that never reports, with their times in seconds.
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
