//! Runs the rollback and the steps of `on_error`.

use std::io;

use autoproc_domain::ports::AttemptOutcome;
use autoproc_domain::request::Verdict;

use super::event::{EventKind, Failure};
use super::executor::{EarlyEnd, Executor, failed};
use super::state::ExecutionState;
use crate::definition::{Phase, Step};
use crate::expression::holds;

impl Executor<'_> {
    /// True if the retry policy allows no further attempt.
    pub(super) fn is_for_good(&self, outcome: &AttemptOutcome) -> bool {
        matches!(self.engine.run.retry.judge(outcome, self.attempt.number), Verdict::Fail { .. })
    }

    /// Runs the rollback if the workflow has one, no rollback has begun, and the attempt is not
    /// retried. Otherwise returns the failure as an error.
    pub(super) async fn roll_back(&mut self, place: String, cause: AttemptOutcome) -> Result<(), EarlyEnd> {
        let outcome = failed(&place, cause.clone());
        let has_rollback = self.engine.run.plan.workflow().rollback.is_some();
        if !has_rollback || self.state.rollback_cause().is_some() || !self.is_for_good(&outcome) {
            return Err(EarlyEnd::Failed { place, cause });
        }
        let output_tail = std::mem::take(&mut self.output_tail);
        self.record(EventKind::RollbackStarted { failure: Failure::of(&place, outcome.to_string()) })?;
        let ended = self.run_steps().await;
        if self.output_tail.is_empty() {
            self.output_tail = output_tail;
        }
        ended
    }

    /// Tries each step of `on_error` once. A failed step does not prevent the next step, but an
    /// abort does.
    ///
    /// # Errors
    /// If the end of a process could not be observed.
    pub(super) async fn after_error(&mut self, place: &str, outcome: &AttemptOutcome) -> io::Result<()> {
        let engine = self.engine;
        let Some(phase) = &engine.run.plan.workflow().on_error else { return Ok(()) };
        let failure = failure_of(&self.state, place, outcome);
        let output_tail = std::mem::take(&mut self.output_tail);
        self.renew_allowance();
        for step in phase.steps.iter().filter(|step| engine.run.programs.can_run(step)) {
            if step.condition.as_ref().is_some_and(|condition| !holds(&condition.value, &self.scope).unwrap_or(false)) {
                continue;
            }
            match self.error_step(&failure, phase, step).await {
                Ok(()) => {}
                Err(EarlyEnd::Lost(error)) => return Err(error),
                Err(_) => break,
            }
        }
        self.output_tail = output_tail;
        Ok(())
    }

    pub(super) fn renew_allowance(&mut self) {
        self.allowance = self.spent.saturating_add(self.attempt.timeout);
        self.deadline = self.engine.equipment.clock.now().saturating_add(self.attempt.timeout);
    }

    async fn error_step(&mut self, failure: &Failure, phase: &Phase, step: &Step) -> Result<(), EarlyEnd> {
        let outcome = self.one_try_after(Some(failure), phase, step).await?.outcome;
        let error = (outcome != AttemptOutcome::Succeeded).then(|| outcome.to_string());
        self.record(EventKind::ErrorStepEnded { step: step.id.clone(), error })
    }
}

fn failure_of(state: &ExecutionState, place: &str, outcome: &AttemptOutcome) -> Failure {
    let cause = state.rollback_cause().cloned();
    cause.unwrap_or_else(|| Failure::of(place, outcome.to_string()))
}
