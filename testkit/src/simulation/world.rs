//! The world of one simulation: who is in it, and how its time passes.

mod strikes;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::RunId;
use autoproc_domain::ports::{Storage, StorageError};
use autoproc_domain::processor::{AutonomousProcessor, Ports, ProcessingResult, ProcessorError, RunConfig, StoppedBy};

use super::checks;
use super::disturbance::When;
use super::executor::{Executor, Polled};
use super::plan::PlannedFile;
use super::witness::Witness;
use super::{Plan, Setup, Summary};
use crate::{Jitter, MemoryPlace, ScriptedGate, ScriptedOrchestrator, ScriptedStop, StopFile, VirtualClock};

/// More polls than this without an end are a run that turns in circles; an honest simulation takes some thousand.
const MAX_POLLS: u64 = 100_000;
/// More runs than this do not bring the queue to its end; an honest simulation takes a dozen.
const MAX_RUNS: usize = 200;
/// Whoever found the store locked or full asks again after this.
const PATIENCE_OF_ADDERS: Duration = Duration::from_secs(1);
/// Whoever begins runs does so within so many seconds after the last one, at first. The pauses grow: a run that does not
/// wait for backoffs would else be begun a thousand times while a clock that was set back catches up.
const MAX_PAUSE_BETWEEN_RUNS: u64 = 5;

/// Whose future it is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Actor {
    Run(RunId),
    /// Somebody who adds a file, or clears the disk.
    Helper,
}

type Ran = Result<ProcessingResult, ProcessorError>;

/// How a run ended.
#[derive(Debug)]
pub(super) enum RunEnd {
    Returned(Ran),
    Killed,
}

/// What there is to check in the end.
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) place: MemoryPlace,
    pub(super) orchestrator: Arc<ScriptedOrchestrator>,
    pub(super) witness: Arc<Witness>,
    /// Every run that ended, and when.
    pub(super) ended: BTreeMap<RunId, (Duration, RunEnd)>,
    pub(super) clock: VirtualClock,
    setup: Setup,
    jitter: Arc<Jitter>,
    stop_file: StopFile,
    gate: ScriptedGate,
    /// How many holds and blindnesses there were, and how many of these last; since when none does.
    holds: usize,
    blindnesses: Rc<Cell<usize>>,
    sighted_since: Rc<Cell<Duration>>,
    stops: BTreeMap<RunId, Arc<ScriptedStop>>,
    executor: Executor<Actor, Option<Ran>>,
    /// When to begin the next run, where none runs and there is work.
    next_run_at: Option<Duration>,
}

impl World {
    pub(super) fn new(mut plan: Plan, setup: Setup) -> Self {
        let (clock, place, gate) = (VirtualClock::new(), MemoryPlace::new(), ScriptedGate::new());
        let jitter = Arc::new(Jitter::from(plan.random.split()));
        let orchestrator = ScriptedOrchestrator::new(clock.clone(), plan.scripts()).with_jitter(jitter.clone());
        Self {
            witness: Arc::new(Witness::new(clock.clone(), place.clone(), gate.clone())),
            orchestrator: Arc::new(orchestrator),
            plan,
            place,
            ended: BTreeMap::new(),
            clock,
            setup,
            jitter,
            stop_file: StopFile::new(),
            gate,
            holds: 0,
            blindnesses: Rc::default(),
            sighted_since: Rc::default(),
            stops: BTreeMap::new(),
            executor: Executor::new(),
            next_run_at: None,
        }
    }

    /// Plays until every file has ended and nothing more will happen.
    pub(super) fn play(mut self) -> Result<Summary, String> {
        for file in self.plan.files.clone() {
            self.start_adder(file);
        }
        self.begin_run();
        while self.step()? {
            self.witness.verdict()?;
            if self.executor.polls > MAX_POLLS || self.stops.len() > MAX_RUNS {
                return Err(format!("no end after {} polls and {} runs", self.executor.polls, self.stops.len()));
            }
        }
        checks::check(&self)?;
        Ok(self.summary())
    }

    /// One thing happens. Says whether anything more can.
    fn step(&mut self) -> Result<bool, String> {
        self.strike();
        match self.executor.poll_one(&mut self.plan.random) {
            Polled::NobodyIsReady => {}
            Polled::Ended(Actor::Run(run), Some(ran)) => {
                self.leaves_nothing_behind(&run, &ran)?;
                self.note_end(run, RunEnd::Returned(ran));
                return Ok(true);
            }
            Polled::GoesOn | Polled::Ended(..) => return Ok(true),
        }
        let is_over = self.executor.tasks.is_empty() && !self.begin_if_there_is_work();
        if is_over {
            return Ok(self.let_late_disturbances_strike());
        }
        self.pass_time()
    }

    fn pass_time(&mut self) -> Result<bool, String> {
        let now = self.clock.elapsed();
        let next_disturbance = self.plan.disturbances.iter().filter_map(|disturbance| match disturbance.when {
            When::At(point) => Some(point.saturating_sub(now)),
            When::AfterPolls(_) => None,
        });
        let next_run = self.next_run_at.map(|point| point.saturating_sub(now));
        let next = next_disturbance.chain(next_run).chain(self.clock.next_timer_in()).min();
        let span = next.ok_or_else(|| "everybody waits, and nothing will ever happen".to_owned())?;
        self.clock.advance(span);
        if self.next_run_at.is_some_and(|point| point <= self.clock.elapsed()) {
            self.next_run_at = None;
            self.begin_run();
        }
        Ok(true)
    }

    /// Disturbances that wait for polls which never come strike in the quiet.
    fn let_late_disturbances_strike(&mut self) -> bool {
        let any = !self.plan.disturbances.is_empty();
        for disturbance in &mut self.plan.disturbances {
            disturbance.when = When::AfterPolls(0);
        }
        any
    }

    /// Whoever watches over the queue begins a run where none runs and there is work. Says whether there is.
    fn begin_if_there_is_work(&mut self) -> bool {
        let has_work = self.place.queue().counts().live() > 0;
        if has_work && self.next_run_at.is_none() {
            let longer = (self.stops.len() as u64 / 10).pow(4);
            let pause = self.plan.random.below(MAX_PAUSE_BETWEEN_RUNS) + longer;
            self.next_run_at = Some(self.clock.elapsed() + Duration::from_secs(pause));
        }
        has_work
    }

    fn open(&self) -> Arc<dyn Storage> {
        (self.setup.open)(&self.place, self.jitter.clone())
    }

    fn start_adder(&mut self, file: PlannedFile) {
        let (storage, clock, witness) = (self.open(), self.clock.clone(), self.witness.clone());
        self.executor.start(Actor::Helper, async move {
            clock.sleep(file.comes_at).await;
            while let Err(error) = storage.enqueue(vec![file.new.clone()], witness.wall()).await {
                let is_temporary = matches!(error, StorageError::Busy { .. } | StorageError::Full(_));
                assert!(is_temporary, "an addition failed: {error}");
                clock.sleep(PATIENCE_OF_ADDERS).await;
            }
            witness.note_added(file.new.file_path);
            None
        });
    }

    fn begin_run(&mut self) {
        let run = RunId::new(format!("run-{}", self.stops.len() + 1));
        let stop = Arc::new(self.stop_file.signal_for_a_run());
        self.stops.insert(run.clone(), stop.clone());
        let ports = Ports {
            storage: self.open(),
            clock: Arc::new(self.clock.clone()),
            orchestrator: self.orchestrator.clone(),
            stop,
            gate: Arc::new(self.gate.clone()),
            observer: self.witness.clone(),
        };
        let config = RunConfig {
            run: run.clone(),
            jobs: self.plan.jobs,
            timeout: self.plan.timeout,
            retry: (self.setup.policy)(self.plan.retry.clone()),
            wait_for_backoff: self.plan.wait_for_backoff,
            halt: self.plan.halt,
        };
        let processor = AutonomousProcessor::new(ports, config);
        self.executor.start(Actor::Run(run), async move { Some(processor.run().await) });
    }

    /// A run that found the queue empty has finished what others left that were dead by then, where it could prove it.
    fn leaves_nothing_behind(&self, run: &RunId, ran: &Ran) -> Result<(), String> {
        let found_it_empty = matches!(ran, Ok(ProcessingResult { stopped_by: StoppedBy::QueueEmpty, .. }));
        let died_before = |holder: &RunId| self.ended.get(holder).is_some_and(|(at, _)| *at < self.clock.elapsed());
        let could_prove_it = self.blindnesses.get() == 0 && self.sighted_since.get() < self.clock.elapsed();
        let queue = self.place.queue();
        let left = queue.processing().find(|item| item.claim.as_ref().is_some_and(|claim| died_before(&claim.run)));
        match left.filter(|_| found_it_empty && could_prove_it) {
            Some(item) => Err(format!("{run} found the queue empty and left what a dead run held: {item:?}")),
            None => Ok(()),
        }
    }

    fn note_end(&mut self, run: RunId, end: RunEnd) {
        self.ended.insert(run, (self.clock.elapsed(), end));
    }

    fn summary(&self) -> Summary {
        let was_stopped = |end: &RunEnd| {
            matches!(end, RunEnd::Returned(Ok(ProcessingResult { stopped_by: StoppedBy::Request(_), .. })))
        };
        let was_halted = |end: &RunEnd| {
            matches!(end, RunEnd::Returned(Ok(ProcessingResult { stopped_by: StoppedBy::TooManyFailed, .. })))
        };
        Summary {
            files: self.plan.files.len(),
            attempts: self.orchestrator.records().len(),
            runs: self.ended.len(),
            kills: self.ended.values().filter(|(_, end)| matches!(end, RunEnd::Killed)).count(),
            stops: self.ended.values().filter(|(_, end)| was_stopped(end)).count(),
            halts: self.ended.values().filter(|(_, end)| was_halted(end)).count(),
            ..self.witness.summary()
        }
    }
}

impl Actor {
    fn run(&self) -> Option<&RunId> {
        match self {
            Self::Run(run) => Some(run),
            Self::Helper => None,
        }
    }
}
