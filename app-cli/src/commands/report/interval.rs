//! The time during which an attempt ran, computed from its records.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use autoproc_domain::ports::{PastAttempt, PastEnd, PastRun};
use autoproc_domain::{RunId, Timestamp};

/// The maximum difference between the recorded beginning of an attempt and the computed one, which
/// is the end minus the duration. If the recorded beginning is earlier by more than this, the
/// attempt was suspended.
const MAX_LATENESS: Duration = Duration::from_secs(1);

/// The end of a run, for attempts whose own end is unknown.
pub(super) struct RunSpan {
    /// The assumed end of an attempt that died with the run or has no recorded end.
    pub(super) until: Timestamp,
    pub(super) is_live: bool,
}

impl RunSpan {
    /// Uses `now` as the end of a live run, and the last event as the end of any other run.
    pub(super) fn of(runs: &[PastRun], live: &HashSet<RunId>, now: Timestamp) -> HashMap<RunId, Self> {
        let span = |run: &PastRun| {
            let is_live = live.contains(&run.id);
            Self { until: if is_live { now } else { run.last_event_at }, is_live }
        };
        runs.iter().map(|run| (run.id.clone(), span(run))).collect()
    }

    /// Returns the end of an attempt: `ended_at`, or `until` if `ended_at` is `None` or the run
    /// died during the attempt.
    pub(super) fn end(&self, attempt: &PastAttempt, ended_at: Option<Timestamp>) -> Timestamp {
        // If the run died, a later run recorded the end, so the recorded time is too late.
        ended_at.filter(|_| attempt.end != Some(PastEnd::Died)).unwrap_or(self.until)
    }
}

/// Returns the beginning of an attempt that ended at `to`; `None` if no beginning is recorded.
/// Computes the beginning from the end and the duration, because a run records the beginnings of
/// short attempts together. If the attempt was suspended, returns the recorded beginning.
pub(super) fn beginning(attempt: &PastAttempt, to: Timestamp) -> Option<Timestamp> {
    let recorded = attempt.started_at?;
    let Some(elapsed) = attempt.elapsed else { return Some(recorded) };
    let micros = i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX);
    let exact = Timestamp::from_micros(to.as_micros().saturating_sub(micros));
    Some(if exact.saturating_since(recorded) > MAX_LATENESS { recorded } else { exact })
}
