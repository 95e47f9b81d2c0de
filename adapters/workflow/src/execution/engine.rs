//! What all executions of a run share, and how an attempt is begun.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use autoproc_domain::ItemId;
use autoproc_domain::ports::{Attempt, AttemptOutcome, Clock, StopSignal};
use sha2::{Digest as _, Sha256};

use super::chronicle::{Chronicle, OnTrouble, Places};
use super::error::ExecutionError;
use super::event::{Carrier, Event, EventKind, Subject, Values};
use super::folder::{Executions, Found};
use super::inputs::{Inputs, file_scope};
use super::journal::{Journal, VERSION};
use super::plan::Plan;
use super::process::Making;
use super::program::Programs;
use super::runner::StepRunner;
use super::scratch::Scratch;
use super::state::{ExecutionState, ExecutionStatus};
use super::walk::Walk;
use crate::expression::Scope;

/// What is executed, and how.
#[derive(Debug)]
pub struct WorkflowRun {
    /// The workflow, checked.
    pub plan: Plan,
    /// The bytes of its file: an execution is taken up only with the same ones.
    pub source: Vec<u8>,
    /// Its inputs.
    pub inputs: Inputs,
    /// The programs behind its commands and tasks.
    pub programs: Programs,
    /// The folder steps are started in, and relative ones are meant from.
    pub project_dir: PathBuf,
    /// Whether executions that an earlier run has left are begun anew.
    pub from_start: bool,
}

/// What the world offers to it.
pub struct Equipment {
    /// Runs processes.
    pub runner: Arc<dyn StepRunner>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where executions are kept; none are where `None`.
    pub executions: Option<Executions>,
    /// Where steps are given their inputs, where no executions are kept.
    pub scratch_dir: PathBuf,
    /// Where they are told of.
    pub places: Places,
    /// Is told, once, that they cannot be told of.
    pub on_trouble: OnTrouble,
}

/// Hears of every state an execution gets into.
pub(crate) type OnState = Box<dyn Fn(&ExecutionState) + Send + Sync>;

pub(crate) struct Engine {
    pub(crate) plan: Plan,
    pub(crate) runner: Arc<dyn StepRunner>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) chronicle: Chronicle,
    workflow_hash: String,
    inputs: Inputs,
    programs: Programs,
    project_dir: PathBuf,
    from_start: bool,
    executions: Option<Executions>,
    scratch_dir: PathBuf,
    on_state: Option<OnState>,
    put_away: AtomicUsize,
}

impl Engine {
    pub(crate) fn new(run: WorkflowRun, equipment: Equipment, on_state: Option<OnState>) -> Self {
        let WorkflowRun { plan, source, inputs, programs, project_dir, from_start } = run;
        let Equipment { runner, clock, executions, scratch_dir, places, on_trouble } = equipment;
        let chronicle = Chronicle::new(places, on_trouble);
        let workflow_hash = hash_of(&source);
        let put_away = AtomicUsize::new(0);
        Self {
            plan,
            runner,
            clock,
            chronicle,
            workflow_hash,
            inputs,
            programs,
            project_dir,
            from_start,
            executions,
            scratch_dir,
            on_state,
            put_away,
        }
    }

    /// Begins an execution, or takes up what an earlier attempt has left of it.
    ///
    /// # Errors
    /// The attempt's outcome, where neither can be done.
    pub(crate) fn begin<'e>(&'e self, attempt: Attempt, stop: &'e dyn StopSignal) -> Result<Walk<'e>, AttemptOutcome> {
        let subject = self.subject(&attempt)?;
        let item = attempt.token.item;
        let found = self.find(&attempt, &subject).map_err(|error| unusable(&error))?;
        let journal = self.journal(item, found.as_ref()).map_err(|error| unmet(&error, false))?;
        let (state, event) = match found {
            Some(Found { mut state, .. }) => {
                let event = self.resumed(&attempt, &state);
                state.apply(&event);
                (state, event)
            }
            None => self.started(&attempt, subject),
        };
        let scope = scope_of(&state, &attempt);
        let scratch = Scratch::new(self.scratch_of(item));
        let mut walk = Walk {
            engine: self,
            stop,
            attempt,
            state,
            scope,
            journal,
            scratch,
            spent: Duration::ZERO,
            usage: None,
            stderr_tail: Box::default(),
        };
        walk.journal.as_mut().map_or(Ok(()), |journal| journal.append(&event)).map_err(|error| unmet(&error, false))?;
        self.tell(&walk.state, &event);
        Ok(walk)
    }

    pub(crate) fn tell(&self, state: &ExecutionState, event: &Event) {
        self.chronicle.tell(state, event);
        if let Some(on_state) = &self.on_state {
            on_state(state);
        }
    }

    /// Waits for a process while others are shown that it runs.
    pub(crate) async fn showing<T>(&self, state: &ExecutionState, running: impl Future<Output = T>) -> T {
        let mut running = pin!(running);
        while let Some(wait) = self.chronicle.show(state) {
            tokio::select! {
                biased;
                over = &mut running => return over,
                () = tokio::time::sleep(wait) => {}
            }
        }
        running.await
    }

    pub(crate) fn making<'m>(
        &'m self,
        attempt: &'m Attempt,
        state: &'m ExecutionState,
        scope: &'m Scope,
    ) -> Making<'m> {
        Making {
            plan: &self.plan,
            programs: &self.programs,
            project_dir: &self.project_dir,
            attempt,
            inputs: &state.subject.inputs,
            scope,
        }
    }

    /// Keeps the journal of an execution that ended well among those that are over. That it or old ones stay where they are
    /// is no failure of it.
    pub(crate) fn put_away(&self, item: ItemId) {
        let Some(executions) = &self.executions else { return };
        match executions.put_away(item) {
            Ok(()) => {
                let _ = executions.prune(self.put_away.fetch_add(1, Ordering::Relaxed));
            }
            Err(error) => {
                self.chronicle.complain(format_args!("cannot put away the journal of item {item}: {error}"));
            }
        }
    }

    fn subject(&self, attempt: &Attempt) -> Result<Subject, AttemptOutcome> {
        let file = &attempt.file_path;
        let inputs = self.inputs.for_file(self.plan.workflow(), file).map_err(|error| unmet(&error, true))?;
        Ok(Subject {
            version: VERSION.to_owned(),
            workflow_id: self.plan.workflow().id.clone(),
            workflow_hash: self.workflow_hash.clone(),
            item_id: attempt.token.item.get(),
            file_path: file.text().into_owned(),
            file_path_bytes: file.exact_hex(),
            inputs,
        })
    }

    /// What an earlier attempt left, where it is of the same subject and may be used. A claim number that does not grow
    /// is another queue's, which gave the same numbers to other files. One that is over may be used by a later attempt of
    /// the file, of which there is one only where the queue has not heard that it is over.
    fn find(&self, attempt: &Attempt, subject: &Subject) -> Result<Option<Found>, ExecutionError> {
        let Some(executions) = &self.executions else { return Ok(None) };
        let found = match executions.find(attempt.token.item) {
            // Whoever wants to begin anew does not mind what cannot be read.
            Err(_) if self.from_start => None,
            found => found?,
        };
        Ok(found.filter(|Found { state, is_put_away, .. }| {
            let is_same = Subject { version: state.subject.version.clone(), ..subject.clone() } == state.subject;
            let is_ours = state.carrier.run_id == attempt.run.as_str();
            let is_earlier = state.carrier.claim < attempt.token.number.get();
            let is_over = *is_put_away || state.status == ExecutionStatus::Completed;
            let is_unheard_of = state.carrier.attempt < attempt.number.get();
            is_same && is_earlier && (!is_over || is_unheard_of) && (is_ours || !self.from_start)
        }))
    }

    fn journal(&self, item: ItemId, found: Option<&Found>) -> io::Result<Option<Journal>> {
        let Some(executions) = &self.executions else { return Ok(None) };
        let journal = match found {
            Some(found) => executions.take_up(item, found),
            None => executions.create(item),
        };
        journal.map(Some)
    }

    fn started(&self, attempt: &Attempt, subject: Subject) -> (ExecutionState, Event) {
        let kind = EventKind::WorkflowStarted {
            subject: Box::new(subject),
            carrier: carrier(attempt),
            steps_total: self.plan.steps_total(),
            first: self.plan.first().map(|phase| phase.id.clone()),
        };
        let event = Event { at: self.clock.now(), kind };
        let state = ExecutionState::begin(&event).expect("the event is a beginning");
        (state, event)
    }

    fn resumed(&self, attempt: &Attempt, state: &ExecutionState) -> Event {
        let rerun = self.plan.to_rerun(state);
        Event { at: self.clock.now(), kind: EventKind::WorkflowResumed { carrier: carrier(attempt), rerun } }
    }

    fn scratch_of(&self, item: ItemId) -> PathBuf {
        self.executions.as_ref().map_or_else(|| self.scratch_dir.clone(), |executions| executions.scratch(item))
    }
}

fn carrier(attempt: &Attempt) -> Carrier {
    Carrier { run_id: attempt.run.to_string(), claim: attempt.token.number.get(), attempt: attempt.number.get() }
}

/// What expressions may refer to at the point an execution has reached.
pub(crate) fn scope_of(state: &ExecutionState, attempt: &Attempt) -> Scope {
    let mut scope = file_scope(&attempt.file_path.text());
    set_all(&mut scope, &state.subject.inputs);
    state.entered.iter().for_each(|phase| scope.enter_phase(phase));
    for (name, outputs) in &state.step_outputs {
        scope.record_step(&name.phase, &name.step, &outputs.values, outputs.stdout.as_deref());
    }
    scope
}

fn set_all(scope: &mut Scope, inputs: &Values) {
    for (name, value) in inputs {
        scope.set(name, value);
    }
}

/// Damage does not mend itself; what the system refused it may grant later.
fn unusable(error: &ExecutionError) -> AttemptOutcome {
    unmet(error, !matches!(error, ExecutionError::Io { .. }))
}

fn unmet(error: &dyn std::fmt::Display, permanent: bool) -> AttemptOutcome {
    AttemptOutcome::Unmet { reason: error.to_string().into(), permanent }
}

/// What tells one workflow file from another.
pub(crate) fn hash_of(source: &[u8]) -> String {
    Sha256::digest(source).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
