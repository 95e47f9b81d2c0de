//! The time interval of an attempt.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use autoproc_domain::ports::{PastAttempt, PastEnd, PastRun};
use autoproc_domain::{RunId, Timestamp};

/// The maximum difference between the recorded and the computed beginning of an attempt. A larger
/// difference means a suspended attempt.
const MAX_LATENESS: Duration = Duration::from_secs(1);

/// The end of a run, for attempts whose own end is unknown.
pub(super) struct RunSpan {
    /// The assumed end of attempts without a recorded end.
    pub(super) until: Timestamp,
    pub(super) is_live: bool,
}

impl RunSpan {
    pub(super) fn of(runs: &[PastRun], live: &HashSet<RunId>, now: Timestamp) -> HashMap<RunId, Self> {
        let span = |run: &PastRun| {
            let is_live = live.contains(&run.id);
            Self { until: if is_live { now } else { run.last_event_at }, is_live }
        };
        runs.iter().map(|run| (run.id.clone(), span(run))).collect()
    }

    pub(super) fn end(&self, attempt: &PastAttempt, ended_at: Option<Timestamp>) -> Timestamp {
        // If the run died, a later run recorded the end, so the recorded time is too late.
        ended_at.filter(|_| attempt.end != Some(PastEnd::Died)).unwrap_or(self.until)
    }
}

/// Computes the beginning of an attempt from its end `to` and its duration.
///
/// A run records the beginnings of short attempts together, so recorded beginnings are inexact. A
/// suspended attempt needs the recorded beginning.
pub(super) fn beginning(attempt: &PastAttempt, to: Timestamp) -> Option<Timestamp> {
    let recorded = attempt.started_at?;
    let Some(elapsed) = attempt.elapsed else { return Some(recorded) };
    let micros = i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX);
    let exact = Timestamp::from_micros(to.as_micros().saturating_sub(micros));
    Some(if exact.saturating_since(recorded) > MAX_LATENESS { recorded } else { exact })
}
