use std::time::Duration;

use autoproc_domain::Timestamp;

use super::outputs::LocatedOutput;
use super::state::{ExecutionState, ExecutionStatus};

/// The progress of an execution at some time.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgressReport {
    /// The id of the workflow.
    pub workflow_id: String,
    /// The status of the execution.
    pub status: ExecutionStatus,
    /// The percentage of steps that have ended or were skipped, with one decimal; 100 if the
    /// execution has completed.
    pub percent: f64,
    /// The id of the phase that was entered last, or `rollback` once a rollback has begun; `None`
    /// if no phase was entered.
    pub current_phase: Option<String>,
    /// The id of the running step, or of the step that was running when the run died, if any.
    pub current_task: Option<String>,
    /// The number of steps that have ended or were skipped.
    pub steps_over: usize,
    /// The number of steps in all phases of the workflow.
    pub steps_total: usize,
    /// The time from the start of the execution until now. It ends at the latest event if the
    /// execution is no longer running.
    pub elapsed: Duration,
    /// The expected time for the remaining steps, from the average duration of the steps that ran.
    /// `None` if no step ran, or if the execution is no longer running.
    pub estimate: Option<Duration>,
    /// The outputs for which the workflow gives a location. Empty until the execution has
    /// completed.
    pub outputs: Vec<LocatedOutput>,
}

impl ProgressReport {
    /// Returns the progress of an execution at `now`.
    #[must_use]
    pub fn of(state: &ExecutionState, now: Timestamp) -> Self {
        let until = if state.status == ExecutionStatus::Running { now } else { state.updated_at };
        Self { elapsed: until.saturating_since(state.started_at), ..Self::until_latest_event(state, estimate(state)) }
    }

    /// Returns the progress at the time of the execution's latest event, for an execution whose run
    /// has died.
    #[must_use]
    pub fn of_interrupted(state: &ExecutionState) -> Self {
        Self::until_latest_event(state, None)
    }

    fn until_latest_event(state: &ExecutionState, estimate: Option<Duration>) -> Self {
        Self {
            workflow_id: state.subject.workflow_id.clone(),
            status: state.status,
            percent: percent_of(state),
            current_phase: state.current_phase.clone(),
            current_task: state.current_step.clone(),
            steps_over: state.steps_over,
            steps_total: state.steps_total,
            elapsed: state.updated_at.saturating_since(state.started_at),
            estimate,
            outputs: state.outputs.clone(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a percentage needs no more digits than a float has")]
pub(super) fn percent_of(state: &ExecutionState) -> f64 {
    if state.status == ExecutionStatus::Completed {
        return 100.0;
    }
    let share = state.steps_over as f64 / state.steps_total.max(1) as f64;
    (share * 1000.0).round() / 10.0
}

fn estimate(state: &ExecutionState) -> Option<Duration> {
    if state.status != ExecutionStatus::Running {
        return None;
    }
    // Skipped steps have the duration zero, and do not count in the average.
    let times: Vec<_> = state.history.iter().map(|record| record.elapsed).filter(|time| !time.is_zero()).collect();
    let count = u32::try_from(times.len()).ok().filter(|count| *count > 0)?;
    let left = u32::try_from(state.steps_total.saturating_sub(state.steps_over)).ok()?;
    (times.iter().sum::<Duration>() / count).checked_mul(left)
}
