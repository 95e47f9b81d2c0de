//! Runs the steps of one attempt.

use std::io;
use std::path::Path;
use std::time::Duration;

use autoproc_domain::item::AttemptNumber;
use autoproc_domain::ports::{
    Attempt, AttemptOutcome, AttemptReport, ResourceUsage, StartFault, StopLevel, StopSignal,
};
use autoproc_domain::request::Verdict;
use autoproc_domain::{RetryPolicy, Timestamp};

use super::build_error::BuildError;
use super::decide::{Decision, decide};
use super::engine::Engine;
use super::event::{Event, EventKind, Failure, StepName, Values};
use super::outputs::{LocatedOutput, look_for, missing_required};
use super::process::{PreparedStep, ProcessBuilder};
use super::recording::Recording;
use super::runner::StepEnd;
use super::scope::{extend, scope_of};
use super::scratch::Scratch;
use super::state::ExecutionState;
use super::values::{parse_object, printed_text, read_values};
use crate::definition::{AfterFailure, Phase, ROLLBACK, Step, StepOutput};
use crate::expression::Scope;

pub(crate) struct Executor<'e> {
    pub(crate) engine: &'e Engine,
    pub(crate) stop: &'e dyn StopSignal,
    pub(crate) attempt: Attempt,
    /// The wall-clock time at which the attempt times out. The rollback and `on_error` get a new
    /// deadline.
    pub(crate) deadline: Timestamp,
    pub(crate) state: ExecutionState,
    pub(crate) scope: Scope,
    /// `None` if no journals are kept, or if the execution has completed.
    pub(crate) journal: Option<Recording>,
    pub(super) scratch: Scratch,
    pub(crate) spent: Duration,
    /// The value of `spent` at which the attempt times out.
    pub(crate) allowance: Duration,
    pub(crate) usage: Option<ResourceUsage>,
    /// The last lines of output of the latest failed try.
    pub(crate) output_tail: Box<str>,
}

pub(super) enum EarlyEnd {
    /// The attempt was aborted.
    Aborted,
    /// `place` is `PHASE` or `PHASE/STEP`.
    Failed { place: String, cause: AttemptOutcome },
    /// An event cannot be recorded.
    Unrecorded(io::Error),
    /// A process could not be observed to its end.
    Lost(io::Error),
    /// The machine lacks a resource to start the step. A later attempt repeats the step.
    Shortage { place: String, cause: AttemptOutcome },
}

pub(super) struct StepResult {
    pub(super) outcome: AttemptOutcome,
    values: Values,
    stdout: Option<String>,
}

impl StepResult {
    fn of(outcome: AttemptOutcome) -> Self {
        Self { outcome, values: Values::new(), stdout: None }
    }
}

impl Executor<'_> {
    /// Runs steps until the workflow or the attempt ends.
    ///
    /// # Errors
    /// If a process could not be observed to its end.
    pub(crate) async fn run(&mut self) -> io::Result<AttemptReport> {
        let ended = match self.run_steps().await {
            Err(EarlyEnd::Failed { place, cause }) => self.roll_back(place, cause).await,
            ended => ended,
        };
        let outcome = match ended {
            Ok(()) => AttemptOutcome::Succeeded,
            Err(EarlyEnd::Aborted) => AttemptOutcome::Aborted,
            Err(EarlyEnd::Failed { place, cause }) => self.fail(place, cause).await?,
            Err(EarlyEnd::Unrecorded(error)) => unrecorded(&error),
            Err(EarlyEnd::Shortage { place, cause }) => {
                AttemptOutcome::StepFailed { step: place.into(), cause: Box::new(cause) }
            }
            Err(EarlyEnd::Lost(error)) => return Err(error),
        };
        if let Some(journal) = &mut self.journal {
            journal.finish(self.stop).await;
        }
        self.engine.latest_state.offer_final(&self.state);
        let (usage, output_tail) = (self.usage, std::mem::take(&mut self.output_tail));
        Ok(AttemptReport { usage, output_tail, ..AttemptReport::new(outcome, self.spent) })
    }

    pub(super) async fn run_steps(&mut self) -> Result<(), EarlyEnd> {
        let engine = self.engine;
        loop {
            match decide(&engine.run.plan, &self.state, &self.scope) {
                Decision::Record(kind) => {
                    let failure = self.failure_in(&kind);
                    self.record(kind)?;
                    failure.map_or(Ok(()), Err)?;
                }
                Decision::Run { phase, step } => self.step(phase, step).await?,
                Decision::Stuck { place, error } => return Err(EarlyEnd::Failed { place, cause: unmet(error, true) }),
                Decision::Finish => return self.finish().await,
                Decision::RolledBack(failure) => return Err(rolled_back(&failure)),
            }
        }
    }

    async fn finish(&mut self) -> Result<(), EarlyEnd> {
        let run = &self.engine.run;
        let outputs = look_for(run.plan.workflow(), &self.scope, &run.project_dir);
        if let Some(error) = missing_required(run.plan.workflow(), &outputs) {
            return self.outputs_missing(error);
        }
        for LocatedOutput { name, path, .. } in outputs.iter().filter(|output| !output.is_found) {
            let file = self.attempt.file_path.text();
            (self.engine.equipment.on_warning)(&format!("{file}: the output `{name}` is missing: {path}"));
        }
        self.record(EventKind::WorkflowCompleted { outputs })?;
        if let Some(mut journal) = self.journal.take() {
            journal.finish(self.stop).await;
            self.engine.complete(self.attempt.token.item);
        }
        Ok(())
    }

    /// If the last phase was skipped, a retry cannot repeat that phase. The failure is then
    /// permanent.
    fn outputs_missing(&mut self, error: String) -> Result<(), EarlyEnd> {
        let phase = self.state.repeatable_phase().cloned();
        let cause = unmet(error.clone(), phase.is_none());
        let place = self.state.last_phase.clone().unwrap_or_default();
        self.record(EventKind::OutputsMissing { phase, error })?;
        Err(EarlyEnd::Failed { place, cause })
    }

    async fn fail(&mut self, place: String, cause: AttemptOutcome) -> io::Result<AttemptOutcome> {
        let outcome = failed(&place, cause);
        if self.is_for_good(&outcome) {
            self.after_error(&place, &outcome).await?;
        }
        let file = self.engine.run.file_fingerprint(self.attempt.file_path.as_path());
        Ok(match self.record(EventKind::WorkflowFailed { error: outcome.to_string(), file }) {
            Err(EarlyEnd::Unrecorded(error)) => unrecorded(&error),
            _ => outcome,
        })
    }

    pub(super) fn record(&mut self, kind: EventKind) -> Result<(), EarlyEnd> {
        let event = Event { at: self.engine.equipment.clock.now(), kind };
        if let Some(journal) = &mut self.journal {
            journal.append(&event).map_err(EarlyEnd::Unrecorded)?;
        }
        let is_again = !self.state.rerun.is_empty();
        self.state.apply(&event);
        match &event.kind {
            // The outputs of later steps take precedence over those of a repeated step, so the
            // scope is rebuilt in the original order.
            EventKind::StepCompleted { .. } if is_again => self.scope = scope_of(&self.state, &self.attempt),
            EventKind::RollbackStarted { .. } => self.renew_allowance(),
            kind => extend(&mut self.scope, kind),
        }
        self.engine.report(&self.state, &event);
        Ok(())
    }

    /// Makes the recorded events durable.
    async fn sync(&mut self) -> Result<(), EarlyEnd> {
        match &mut self.journal {
            Some(journal) if journal.is_shared() || !self.state.history.is_empty() => journal.sync(self.stop).await,
            _ => Ok(()),
        }
    }

    async fn step(&mut self, phase: &Phase, step: &Step) -> Result<(), EarlyEnd> {
        let name = StepName::of(phase, step);
        self.record(EventKind::StepStarted { name: name.clone() })?;
        self.sync().await?;
        let before = self.spent;
        let result = self.tries(phase, step).await?;
        let elapsed = self.spent.saturating_sub(before);
        if result.outcome == AttemptOutcome::Succeeded {
            let StepResult { values, stdout, .. } = result;
            return self.record(EventKind::StepCompleted { name, elapsed, values, stdout });
        }
        let (place, then, error) = (name.to_string(), phase.after_failed_step(), result.outcome.to_string());
        self.record(EventKind::StepFailed { name, elapsed, error, then })?;
        if then == AfterFailure::Fail {
            return Err(EarlyEnd::Failed { place, cause: result.outcome });
        }
        // The attempt continues. If it fails later, the report must not show the output of this
        // step.
        self.output_tail = Box::default();
        Ok(())
    }

    async fn tries(&mut self, phase: &Phase, step: &Step) -> Result<StepResult, EarlyEnd> {
        let policy = RetryPolicy { retries: step.retries, retry_timeouts: true, ..RetryPolicy::default() };
        for number in (1..).filter_map(AttemptNumber::new) {
            let result = self.one_try(phase, step).await?;
            if self.is_shortage(&result.outcome) {
                let place = StepName::of(phase, step).to_string();
                return Err(EarlyEnd::Shortage { place, cause: result.outcome });
            }
            match policy.judge(&result.outcome, number) {
                Verdict::Retry { backoff, .. } if backoff < self.time_left() => self.wait(backoff).await?,
                Verdict::Release => return Err(EarlyEnd::Aborted),
                _ => return Ok(result),
            }
        }
        unreachable!("a policy does not retry forever")
    }

    fn is_shortage(&self, outcome: &AttemptOutcome) -> bool {
        self.journal.is_some() && matches!(outcome, AttemptOutcome::CannotStart { fault: StartFault::Shortage, .. })
    }

    async fn wait(&mut self, span: Duration) -> Result<(), EarlyEnd> {
        tokio::select! {
            biased;
            _ = self.stop.raised_above(StopLevel::Draining) => Err(EarlyEnd::Aborted),
            () = tokio::time::sleep(span) => {
                self.spent += span;
                Ok(())
            }
        }
    }

    fn time_left(&self) -> Duration {
        self.allowance.saturating_sub(self.spent)
    }

    async fn one_try(&mut self, phase: &Phase, step: &Step) -> Result<StepResult, EarlyEnd> {
        let failure = self.state.rollback_cause().cloned();
        self.one_try_after(failure.as_ref(), phase, step).await
    }

    /// Runs one try. `failure` is the cause of the rollback or the `on_error` steps.
    pub(super) async fn one_try_after(
        &mut self,
        failure: Option<&Failure>,
        phase: &Phase,
        step: &Step,
    ) -> Result<StepResult, EarlyEnd> {
        if self.stop.request().level > StopLevel::Draining {
            return Err(EarlyEnd::Aborted);
        }
        self.output_tail = Box::default();
        let left = self.time_left();
        if left.is_zero() {
            return Ok(StepResult::of(AttemptOutcome::TimedOut { after: self.attempt.timeout }));
        }
        let timeout = step.timeout.map_or(left, |timeout| timeout.min(left));
        let builder = ProcessBuilder {
            run: &self.engine.run,
            attempt: &self.attempt,
            deadline: self.deadline,
            inputs: &self.state.subject.inputs,
            scope: &self.scope,
            failure,
        };
        match builder.build(phase, step, timeout, &mut self.scratch) {
            Ok(prepared) => {
                // No phase runs after the rollback or `on_error`, so no later step needs the values
                // of this step.
                let phase = failure.is_none().then_some(phase);
                self.execute(phase, step, prepared).await
            }
            Err(BuildError::Permanent(error)) if failure.is_none() => {
                Ok(StepResult::of(unmet(error + self.advice_on_missing_value(step), true)))
            }
            Err(error) => Ok(StepResult::of(error.outcome())),
        }
    }

    async fn execute(
        &mut self,
        phase: Option<&Phase>,
        step: &Step,
        prepared: PreparedStep,
    ) -> Result<StepResult, EarlyEnd> {
        let PreparedStep { process, output } = prepared;
        let running = self.engine.equipment.runner.run(process, self.stop);
        let end = self.engine.while_running(&self.state, running).await.map_err(EarlyEnd::Lost)?;
        Ok(self.result(phase, step, &output, end))
    }

    fn result(&mut self, phase: Option<&Phase>, step: &Step, output: &Path, end: StepEnd) -> StepResult {
        self.spent += end.elapsed;
        self.usage = sum(self.usage, end.usage);
        if end.outcome != AttemptOutcome::Succeeded {
            self.output_tail = end.output_tail;
            return StepResult::of(end.outcome);
        }
        let returned = returned(step, output, &end, self.engine.run.plan.is_stdout_used(step));
        let checked = returned.and_then(|(values, stdout)| {
            phase.map_or(Ok(()), |phase| self.check_needs(phase, step, &values))?;
            Ok((values, stdout))
        });
        match checked {
            Ok((values, stdout)) => StepResult { outcome: AttemptOutcome::Succeeded, values, stdout },
            Err(reason) => {
                self.output_tail = end.output_tail;
                StepResult::of(unmet(reason, false))
            }
        }
    }
}

impl Executor<'_> {
    fn failure_in(&self, kind: &EventKind) -> Option<EarlyEnd> {
        let (phase, reason) = match kind {
            EventKind::CheckpointFailed { phase, checkpoint, missing, blocking: true, then: AfterFailure::Fail } => {
                (phase, format!("the checkpoint {checkpoint} is not passed: missing or false: {}", missing.join(", ")))
            }
            EventKind::TransitionFailed { phase, error } => (phase, format!("no transition can be taken: {error}")),
            EventKind::ValuesMissing { phase, error } => (phase, format!("{error}{}", self.advice_on_phase(phase))),
            _ => return None,
        };
        Some(EarlyEnd::Failed { place: phase.clone(), cause: unmet(reason, false) })
    }
}

fn returned(
    step: &Step,
    output: &Path,
    end: &StepEnd,
    is_stdout_used: bool,
) -> Result<(Values, Option<String>), String> {
    let is_json = step.output == StepOutput::Json;
    let printed = (is_json || is_stdout_used).then(|| printed_text(&end.stdout, end.stdout_bytes)).transpose()?;
    let mut values = match &printed {
        Some(text) if is_json => {
            parse_object(text).map_err(|error| format!("its standard output is invalid: {error}"))?
        }
        _ => Values::new(),
    };
    values.extend(read_values(output)?);
    Ok((values, printed.filter(|_| is_stdout_used)))
}

fn rolled_back(failure: &Failure) -> EarlyEnd {
    let cause = unmet(format!("rolled back after {}", failure.error), true);
    EarlyEnd::Failed { place: ROLLBACK.to_owned(), cause }
}

pub(super) fn failed(place: &str, cause: AttemptOutcome) -> AttemptOutcome {
    AttemptOutcome::StepFailed { step: place.into(), cause: Box::new(cause) }
}

fn unmet(reason: String, permanent: bool) -> AttemptOutcome {
    AttemptOutcome::Unmet { reason: reason.into(), permanent }
}

pub(super) fn unrecorded(error: &io::Error) -> AttemptOutcome {
    unmet(format!("the execution cannot be recorded: {error}"), false)
}

fn sum(so_far: Option<ResourceUsage>, more: Option<ResourceUsage>) -> Option<ResourceUsage> {
    let (Some(a), Some(b)) = (so_far, more) else { return so_far.or(more) };
    let peak_memory = a.peak_memory.max(b.peak_memory);
    Some(ResourceUsage { user: a.user + b.user, system: a.system + b.system, peak_memory })
}
