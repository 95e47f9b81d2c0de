//! How far an execution is.

use std::time::Duration;

use autoproc_domain::Timestamp;

use super::state::{ExecutionState, ExecutionStatus};

/// How far an execution is.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgressReport {
    /// The workflow.
    pub workflow_id: String,
    /// What the execution is about.
    pub status: ExecutionStatus,
    /// How many of its steps are over, of a hundred; 100 where it ended well.
    pub percent: f64,
    /// The phase it is in, or was in last.
    pub current_phase: Option<String>,
    /// The step that is under way.
    pub current_task: Option<String>,
    /// How many steps are over.
    pub steps_over: usize,
    /// How many there are.
    pub steps_total: usize,
    /// The time since it began; until it ended well, or failed, where it did.
    pub elapsed: Duration,
    /// The time it may still take, were the steps to come like those behind; none where none is.
    pub estimate: Option<Duration>,
}

impl ProgressReport {
    /// The report on a state at a moment.
    #[must_use]
    pub fn of(state: &ExecutionState, now: Timestamp) -> Self {
        Self {
            workflow_id: state.subject.workflow_id.clone(),
            status: state.status,
            percent: Self::percent_of(state),
            current_phase: state.current_phase.clone(),
            current_task: state.current_step.clone(),
            steps_over: state.steps_over,
            steps_total: state.steps_total,
            elapsed: until(state, now).saturating_since(state.started_at),
            estimate: estimate(state),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a share of a hundred needs no more digits than a float has")]
    pub(crate) fn percent_of(state: &ExecutionState) -> f64 {
        if state.status == ExecutionStatus::Completed {
            return 100.0;
        }
        let share = state.steps_over as f64 / state.steps_total.max(1) as f64;
        (share * 1000.0).round() / 10.0
    }
}

fn until(state: &ExecutionState, now: Timestamp) -> Timestamp {
    match state.status {
        ExecutionStatus::Running => now,
        ExecutionStatus::Completed | ExecutionStatus::Failed => state.updated_at,
    }
}

/// Steps that were skipped took no time and tell nothing of the others. Of one that has failed nobody knows when it will be
/// taken up.
fn estimate(state: &ExecutionState) -> Option<Duration> {
    if state.status != ExecutionStatus::Running {
        return None;
    }
    let times: Vec<_> = state.history.iter().map(|record| record.elapsed).filter(|time| !time.is_zero()).collect();
    let count = u32::try_from(times.len()).ok().filter(|count| *count > 0)?;
    let left = u32::try_from(state.steps_total.saturating_sub(state.steps_over)).ok()?;
    (times.iter().sum::<Duration>() / count).checked_mul(left)
}
