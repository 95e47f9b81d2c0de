//! An attempt on an execution: asks what comes next, does it, and records it, until there is no more to do.

use std::io;
use std::time::Duration;

use autoproc_domain::RetryPolicy;
use autoproc_domain::command::Verdict;
use autoproc_domain::item::AttemptNumber;
use autoproc_domain::ports::{Attempt, AttemptOutcome, AttemptReport, ResourceUsage, StopLevel, StopSignal};

use super::answers::ScopeAnswers;
use super::decide::{Decision, after_failed_step, decide};
use super::engine::{Engine, scope_of};
use super::event::{Event, EventKind, StepName, Then, Values};
use super::journal::Journal;
use super::process::Made;
use super::runner::StepEnd;
use super::scratch::Scratch;
use super::state::ExecutionState;
use super::values::{parse_object, printed_text, read_values};
use crate::definition::{Phase, Step, StepOutput};
use crate::expression::Scope;

/// One attempt under way.
pub(crate) struct Walk<'e> {
    pub(crate) engine: &'e Engine,
    pub(crate) stop: &'e dyn StopSignal,
    pub(crate) attempt: Attempt,
    pub(crate) state: ExecutionState,
    pub(crate) scope: Scope,
    /// None where nothing is to outlive the process.
    pub(crate) journal: Option<Journal>,
    pub(crate) scratch: Scratch,
    /// What processes took so far, and the waits between them.
    pub(crate) spent: Duration,
    pub(crate) usage: Option<ResourceUsage>,
    /// The last words of the latest try, where it failed and that is not settled otherwise.
    pub(crate) stderr_tail: Box<str>,
}

/// Why a walk ends before its end.
pub(crate) enum Halt {
    /// By a stop: nothing more is recorded.
    Aborted,
    /// The attempt failed at a place.
    Failed { place: String, cause: AttemptOutcome },
    /// The execution cannot be recorded, so nothing more may be done.
    Unrecorded(io::Error),
    /// A process was lost sight of.
    Lost(io::Error),
}

/// How a step ended, with what it leaves for others.
struct StepResult {
    outcome: AttemptOutcome,
    values: Values,
    stdout: Option<String>,
}

impl StepResult {
    fn of(outcome: AttemptOutcome) -> Self {
        Self { outcome, values: Values::new(), stdout: None }
    }
}

impl Walk<'_> {
    /// Goes as far as it can.
    ///
    /// # Errors
    /// Where a process was lost sight of.
    pub(crate) async fn carry_on(&mut self) -> io::Result<AttemptReport> {
        let outcome = match self.go().await {
            Ok(()) => AttemptOutcome::Succeeded,
            Err(Halt::Aborted) => AttemptOutcome::Aborted,
            Err(Halt::Failed { place, cause }) => self.fail(place, cause),
            Err(Halt::Unrecorded(error)) => unrecorded(&error),
            Err(Halt::Lost(error)) => return Err(error),
        };
        self.engine.chronicle.show_at_last(&self.state);
        let (usage, stderr_tail) = (self.usage, std::mem::take(&mut self.stderr_tail));
        Ok(AttemptReport { outcome, elapsed: self.spent, usage, stderr_tail })
    }

    async fn go(&mut self) -> Result<(), Halt> {
        let engine = self.engine;
        loop {
            match decide(&engine.plan, &self.state, &ScopeAnswers(&self.scope)) {
                Decision::Record(kind) => {
                    let failure = failure_in(&kind);
                    self.record(kind)?;
                    failure.map_or(Ok(()), Err)?;
                }
                Decision::Run { phase, step } => self.step(phase, step).await?,
                Decision::Stuck { place, error } => return Err(Halt::Failed { place, cause: unmet(error, true) }),
                Decision::Finish => return self.finish(),
            }
        }
    }

    fn finish(&mut self) -> Result<(), Halt> {
        self.record(EventKind::WorkflowCompleted)?;
        if self.journal.take().is_some() {
            self.engine.put_away(self.attempt.token.item);
        }
        Ok(())
    }

    fn fail(&mut self, place: String, cause: AttemptOutcome) -> AttemptOutcome {
        let outcome = AttemptOutcome::StepFailed { step: place.into(), cause: Box::new(cause) };
        match self.record(EventKind::WorkflowFailed { error: outcome.to_string() }) {
            Err(Halt::Unrecorded(error)) => unrecorded(&error),
            _ => outcome,
        }
    }

    /// Writes down what has happened, then lets it count.
    fn record(&mut self, kind: EventKind) -> Result<(), Halt> {
        let event = Event { at: self.engine.clock.now(), kind };
        if let Some(journal) = &mut self.journal {
            journal.append(&event).map_err(Halt::Unrecorded)?;
        }
        let is_again = !self.state.rerun.is_empty();
        self.state.apply(&event);
        match &event.kind {
            // What later steps returned still counts as later.
            EventKind::StepCompleted { .. } if is_again => self.scope = scope_of(&self.state, &self.attempt),
            kind => learn(&mut self.scope, kind),
        }
        self.engine.tell(&self.state, &event);
        Ok(())
    }

    /// Makes what has happened durable. A disk may take its time, in which other attempts go on.
    async fn sync(&mut self) -> Result<(), Halt> {
        let Some(work) = self.journal.as_mut().and_then(Journal::sync) else { return Ok(()) };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(io::Error::other).flatten().map_err(Halt::Unrecorded)
    }

    async fn step(&mut self, phase: &Phase, step: &Step) -> Result<(), Halt> {
        // Steps that have finished are durable before the next one begins.
        if !self.state.history.is_empty() {
            self.sync().await?;
        }
        let name = StepName { phase: phase.id.clone(), step: step.id.clone() };
        self.record(EventKind::StepStarted { name: name.clone() })?;
        let before = self.spent;
        let result = self.tries(phase, step).await?;
        let elapsed = self.spent.saturating_sub(before);
        if result.outcome == AttemptOutcome::Succeeded {
            let StepResult { values, stdout, .. } = result;
            return self.record(EventKind::StepCompleted { name, elapsed, values, stdout });
        }
        let (then, error) = (after_failed_step(phase), result.outcome.to_string());
        self.record(EventKind::StepFailed { name, elapsed, error, then })?;
        let place = format!("{}/{}", phase.id, step.id);
        if then == Then::Fail {
            return Err(Halt::Failed { place, cause: result.outcome });
        }
        // They are none of whatever fails later.
        self.stderr_tail = Box::default();
        Ok(())
    }

    /// Tries a step until it succeeds or is not worth another try, with the waits that attempts have.
    async fn tries(&mut self, phase: &Phase, step: &Step) -> Result<StepResult, Halt> {
        let policy = RetryPolicy { retries: step.retries, retry_timeouts: true, ..RetryPolicy::default() };
        for number in (1..).filter_map(AttemptNumber::new) {
            let result = self.one_try(phase, step).await?;
            match policy.judge(&result.outcome, number) {
                Verdict::Retry { backoff, .. } if backoff < self.time_left() => self.wait(backoff).await?,
                Verdict::Release => return Err(Halt::Aborted),
                _ => return Ok(result),
            }
        }
        unreachable!("a policy does not retry for ever")
    }

    async fn wait(&mut self, span: Duration) -> Result<(), Halt> {
        tokio::select! {
            biased;
            _ = self.stop.raised_above(StopLevel::Draining) => Err(Halt::Aborted),
            () = tokio::time::sleep(span) => {
                self.spent += span;
                Ok(())
            }
        }
    }

    fn time_left(&self) -> Duration {
        self.attempt.timeout.saturating_sub(self.spent)
    }

    async fn one_try(&mut self, phase: &Phase, step: &Step) -> Result<StepResult, Halt> {
        if self.stop.request().level > StopLevel::Draining {
            return Err(Halt::Aborted);
        }
        self.stderr_tail = Box::default();
        let left = self.time_left();
        if left.is_zero() {
            return Ok(StepResult::of(AttemptOutcome::TimedOut { after: self.attempt.timeout }));
        }
        let timeout = step.timeout.map_or(left, |timeout| timeout.min(left));
        let making = self.engine.making(&self.attempt, &self.state, &self.scope);
        match making.make(phase, step, timeout, &mut self.scratch) {
            Ok(made) => self.carry_out(step, made).await,
            // The names stay what they are: another try would meet the same.
            Err(error) => Ok(StepResult::of(unmet(error, true))),
        }
    }

    async fn carry_out(&mut self, step: &Step, made: Made) -> Result<StepResult, Halt> {
        let Made { process, output, inputs } = made;
        let running = self.engine.runner.run(process, self.stop);
        let end = self.engine.showing(&self.state, running).await.map_err(Halt::Lost)?;
        let result = self.result(step, &output, end);
        inputs.iter().chain([&output]).for_each(|path| Scratch::discard(path));
        Ok(result)
    }

    fn result(&mut self, step: &Step, output: &std::path::Path, end: StepEnd) -> StepResult {
        self.spent += end.elapsed;
        self.usage = sum(self.usage, end.usage);
        if end.outcome != AttemptOutcome::Succeeded {
            self.stderr_tail = end.stderr_tail;
            return StepResult::of(end.outcome);
        }
        match returned(step, output, &end, self.engine.plan.is_stdout_used(step)) {
            Ok((values, stdout)) => StepResult { outcome: AttemptOutcome::Succeeded, values, stdout },
            Err(reason) => {
                self.stderr_tail = end.stderr_tail;
                StepResult::of(unmet(reason, false))
            }
        }
    }
}

/// What a step that ended well returned.
fn returned(
    step: &Step,
    output: &std::path::Path,
    end: &StepEnd,
    is_stdout_used: bool,
) -> Result<(Values, Option<String>), String> {
    let is_json = step.output == StepOutput::Json;
    let printed = (is_json || is_stdout_used).then(|| printed_text(&end.stdout, end.stdout_bytes)).transpose()?;
    let mut values = match &printed {
        Some(text) if is_json => parse_object(text).map_err(|error| format!("what it printed is {error}"))?,
        _ => Values::new(),
    };
    values.extend(read_values(output)?);
    Ok((values, printed.filter(|_| is_stdout_used)))
}

/// What later expressions may refer to.
fn learn(scope: &mut Scope, kind: &EventKind) {
    match kind {
        EventKind::PhaseStarted { phase } | EventKind::PhaseSkipped { phase, .. } => scope.enter_phase(phase),
        EventKind::StepCompleted { name, values, stdout, .. } => {
            scope.record_step(&name.phase, &name.step, values, stdout.as_deref());
        }
        _ => {}
    }
}

/// Whether an event that needed no process fails the attempt.
fn failure_in(kind: &EventKind) -> Option<Halt> {
    let (phase, reason) = match kind {
        EventKind::CheckpointFailed { phase, checkpoint, missing, blocking: true, then: Then::Fail } => {
            (phase, format!("checkpoint {checkpoint} is not passed: missing or false: {}", missing.join(", ")))
        }
        EventKind::TransitionFailed { phase, error } => (phase, format!("no transition can be taken: {error}")),
        _ => return None,
    };
    Some(Halt::Failed { place: phase.clone(), cause: unmet(reason, false) })
}

fn unmet(reason: String, permanent: bool) -> AttemptOutcome {
    AttemptOutcome::Unmet { reason: reason.into(), permanent }
}

fn unrecorded(error: &io::Error) -> AttemptOutcome {
    unmet(format!("the execution cannot be recorded: {error}"), false)
}

fn sum(so_far: Option<ResourceUsage>, more: Option<ResourceUsage>) -> Option<ResourceUsage> {
    let (Some(a), Some(b)) = (so_far, more) else { return so_far.or(more) };
    let peak_memory = a.peak_memory.max(b.peak_memory);
    Some(ResourceUsage { user: a.user + b.user, system: a.system + b.system, peak_memory })
}
