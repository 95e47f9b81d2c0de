//! The time during which an attempt ran, computed from its records.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use autoproc_domain::ports::{PastAttempt, PastEnd, PastRun};
use autoproc_domain::{RunId, Timestamp};

/// If the beginning of an attempt, computed from its end and its duration, is later than the
/// recorded beginning by more than this, the attempt was suspended for a while.
const MAX_LATENESS: Duration = Duration::from_secs(1);

/// The properties of a run that matter for its attempts.
pub(super) struct RunSpan {
    /// The time at which attempts without a recorded end count as ended, and attempts that died
    /// with the run.
    pub(super) until: Timestamp,
    pub(super) is_live: bool,
}

impl RunSpan {
    /// Returns the spans of runs. An attempt without an end counts as running until `now` if its
    /// run is in `live`.
    pub(super) fn of(runs: &[PastRun], live: &HashSet<RunId>, now: Timestamp) -> HashMap<RunId, Self> {
        let span = |run: &PastRun| {
            let is_live = live.contains(&run.id);
            Self { until: if is_live { now } else { run.last_event_at }, is_live }
        };
        runs.iter().map(|run| (run.id.clone(), span(run))).collect()
    }

    /// Returns the end of an attempt; `until` if it is unknown or the run died. `ended_at` is when
    /// the end was recorded, if that is known.
    pub(super) fn end(&self, attempt: &PastAttempt, ended_at: Option<Timestamp>) -> Timestamp {
        // If the run died, a later run recorded the end, so the recorded time is too late.
        ended_at.filter(|_| attempt.end != Some(PastEnd::Died)).unwrap_or(self.until)
    }
}

/// Returns the beginning of an attempt that ended at `to`: its end minus its duration, because
/// beginnings of short attempts are recorded together. If the attempt was suspended, or its
/// duration is unknown, returns the recorded beginning. `None` if no beginning is recorded.
pub(super) fn beginning(attempt: &PastAttempt, to: Timestamp) -> Option<Timestamp> {
    let recorded = attempt.started_at?;
    let Some(elapsed) = attempt.elapsed else { return Some(recorded) };
    let micros = i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX);
    let exact = Timestamp::from_micros(to.as_micros().saturating_sub(micros));
    Some(if exact.saturating_since(recorded) > MAX_LATENESS { recorded } else { exact })
}
