//! Compares a store with a model on random requests.
//!
//! Several simulated processes use the store, each with its own handle.

use autoproc_domain::ports::{DeadRun, Runs, Storage};
use autoproc_domain::request::{AnswerNeeded, Enqueue, ExchangeRequest, Scope, Selector};
use autoproc_domain::view::{EnqueueOutcome, Enqueued, PageRequest};
use autoproc_domain::{FilePath, ItemId, QueueItem, RunId, Status, Timestamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use super::client::{info, infos};
use super::expect::{Check, Fault, holds, same};
use super::model::Model;
use super::numbering::Numbering;
use super::{Effort, StorageFixture};
use crate::strategies::{EPOCH, Resolver, SymbolicRequest, clock_steps, file_paths, symbolic_request};
use crate::{Answer, AnyRequest};

pub(super) const NAME: &str = "differs_from_the_rules";

const PROCESSES: usize = 3;
/// Every smaller history needs a new store.
const MAX_SHRINK_STEPS: u32 = 2000;

#[derive(Debug, Clone)]
enum Step {
    Request(SymbolicRequest),
    AddForLater(SymbolicRequest),
    AskAgain,
    Page(Vec<Status>, Option<Index>, Option<usize>),
    Find(FilePath),
    Peek,
    EndRun,
    Reopen,
    Die,
}

#[derive(Debug, Clone)]
struct Move {
    process: usize,
    clock: i64,
    step: Step,
}

fn moves(steps: usize) -> impl Strategy<Value = Vec<Move>> {
    let step = prop_oneof![
        20 => symbolic_request().prop_map(Step::Request),
        2 => symbolic_request().prop_map(Step::AddForLater),
        2 => Just(Step::AskAgain),
        2 => (subsequence(Status::ALL.to_vec(), 0..3), option::of(any::<Index>()), option::of(0..4_usize))
            .prop_map(|(statuses, after, limit)| Step::Page(statuses, after, limit)),
        1 => file_paths().prop_map(Step::Find),
        2 => Just(Step::Peek),
        1 => Just(Step::EndRun),
        2 => Just(Step::Reopen),
        2 => Just(Step::Die),
    ];
    let made = (0..PROCESSES, clock_steps(), step).prop_map(|(process, clock, step)| Move { process, clock, step });
    vec(made, 1..=steps)
}

/// Compares the store with the model on random histories. The error describes the smallest failing
/// history.
pub(super) fn run<F: StorageFixture>(factory: impl Fn() -> F, effort: Effort) -> Result<(), String> {
    let config = Config {
        cases: effort.cases,
        max_shrink_iters: MAX_SHRINK_STEPS,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&moves(effort.steps.max(1)), |moves| {
        let fixture = factory();
        Game::new(&fixture).play(&moves).map_err(|fault| TestCaseError::fail(fault.to_string()))
    });
    outcome.map_err(|error| match error {
        TestError::Fail(reason, moves) => format!("{reason}; the smallest history that shows it: {moves:#?}"),
        TestError::Abort(reason) => format!("aborted: {reason}"),
    })
}

struct Process<S> {
    store: Option<S>,
    run: Option<RunId>,
    /// The latest exchange request twice: with the model's ids, then with the store's ids.
    latest: Option<(ExchangeRequest, ExchangeRequest)>,
}

struct Game<'a, F: StorageFixture> {
    fixture: &'a F,
    processes: Vec<Process<F::Store>>,
    model: Model,
    numbering: Numbering,
    /// Each scope, with the model's ids and with the store's ids. A run must pass the same `Arc` in
    /// all requests.
    scopes: Vec<(Scope, Scope)>,
    resolver: Resolver,
    runs_begun: usize,
    now: Timestamp,
}

impl<'a, F: StorageFixture> Game<'a, F> {
    fn new(fixture: &'a F) -> Self {
        let process = || Process { store: Some(fixture.open()), run: None, latest: None };
        Self {
            fixture,
            processes: std::iter::repeat_with(process).take(PROCESSES).collect(),
            model: Model::default(),
            numbering: Numbering::default(),
            scopes: Vec::new(),
            // This run never begins. Requests that name it have no effect.
            resolver: Resolver::with_runs(vec![RunId::new("never-begun")]),
            runs_begun: 0,
            now: EPOCH,
        }
    }

    fn play(mut self, moves: &[Move]) -> Check {
        for Move { process, clock, step } in moves {
            self.now = Timestamp::from_micros(self.now.as_micros().saturating_add(*clock));
            self.fixture.set_clock(self.now);
            self.step(*process, step)?;
            self.compare_queue((process + 1) % PROCESSES)?;
        }
        self.close()
    }

    fn step(&mut self, process: usize, step: &Step) -> Check {
        match step {
            Step::Request(request) => self.request(process, request, AnswerNeeded::Now),
            Step::AddForLater(request) => self.request(process, request, AnswerNeeded::Later),
            Step::AskAgain => self.ask_again(process),
            Step::Page(statuses, after, limit) => self.page(process, statuses, *after, *limit),
            Step::Find(path) => self.find(process, &Selector::Path(path.clone())),
            Step::Peek => self.peek(process),
            Step::EndRun => self.end_run(process),
            Step::Reopen if self.processes[process].run.is_none() => {
                self.reopen(process);
                Ok(())
            }
            Step::Reopen | Step::Die => {
                self.die(process);
                Ok(())
            }
        }
    }

    fn store(&self, process: usize) -> &F::Store {
        self.processes[process].store.as_ref().expect("a process has a handle between steps")
    }

    fn request(&mut self, process: usize, symbolic: &SymbolicRequest, answer: AnswerNeeded) -> Check {
        let run = match symbolic {
            SymbolicRequest::Exchange { .. } => self.run_of(process)?,
            _ => RunId::new("never-begun"),
        };
        let request = match self.resolver.resolve_for(&run, symbolic, &self.model.queue) {
            AnyRequest::Enqueue(request) => AnyRequest::Enqueue(Enqueue { answer, ..request }),
            request => request,
        };
        let asked = self.translated(&request);
        if let (AnyRequest::Exchange(request), AnyRequest::Exchange(asked)) = (&request, &asked) {
            self.processes[process].latest = Some((request.clone(), asked.clone()));
        }
        self.compare(process, &request, asked)
    }

    fn ask_again(&mut self, process: usize) -> Check {
        let Some((request, asked)) = self.processes[process].latest.clone() else { return Ok(()) };
        self.compare(process, &AnyRequest::Exchange(request), AnyRequest::Exchange(asked))
    }

    fn compare(&mut self, process: usize, request: &AnyRequest, asked: AnyRequest) -> Check {
        let wanted = self.model.answer(request, self.now);
        let found = self.fixture.block_on(asked.ask(self.store(process), self.now))?;
        self.resolver.record_claims(&self.model.queue);
        let found = self.numbering.answer(found, &wanted)?;
        same(&format!("the answer to {request:?}"), &known(request, found, &wanted), &wanted)
    }

    /// Translates the model's ids and claim numbers to those of the store.
    fn translated(&mut self, request: &AnyRequest) -> AnyRequest {
        let translated = self.numbering.request(request.clone());
        let AnyRequest::Exchange(translated) = translated else { return translated };
        let is_same = |(known, _): &&(Scope, Scope)| match (known, &translated.scope) {
            (Scope::Items(known), Scope::Items(ids)) => std::sync::Arc::ptr_eq(known, ids),
            _ => false,
        };
        let known = self.scopes.iter().find(is_same).map(|(_, scope)| scope.clone());
        let scope = known.unwrap_or_else(|| {
            let scope = self.numbering.scope(&translated.scope);
            self.scopes.push((translated.scope.clone(), scope.clone()));
            scope
        });
        AnyRequest::Exchange(ExchangeRequest { scope, ..translated })
    }

    fn run_of(&mut self, process: usize) -> Result<RunId, Fault> {
        if let Some(run) = &self.processes[process].run {
            return Ok(run.clone());
        }
        self.runs_begun += 1;
        let host = if process == 0 { "far" } else { "run" };
        let run = info(&format!("{host}-{}", self.runs_begun));
        let begun = self.fixture.block_on(self.store(process).begin(run.clone()))?;
        same("the other live runs when a run begins", &infos(begun.others), &self.model.begin(run.clone()))?;
        self.resolver.add_run(run.id.clone());
        self.processes[process].run = Some(run.id.clone());
        Ok(run.id)
    }

    fn end_run(&mut self, process: usize) -> Check {
        let Some(run) = self.leave_run(process) else { return Ok(()) };
        let left = self.fixture.block_on(self.store(process).end(run.clone()))?;
        same("the remaining live runs when a run ends", &infos(left), &self.model.end(&run))
    }

    fn leave_run(&mut self, process: usize) -> Option<RunId> {
        self.processes[process].latest = None;
        self.processes[process].run.take()
    }

    fn reopen(&mut self, process: usize) {
        drop(self.processes[process].store.take());
        self.processes[process].store = Some(self.fixture.open());
    }

    fn die(&mut self, process: usize) {
        let store = self.processes[process].store.take().expect("a process has a handle between steps");
        if let Some(run) = self.leave_run(process) {
            self.fixture.kill(store, &run);
            self.model.kill(&run);
        }
        self.processes[process].store = Some(self.fixture.open());
    }

    fn page(&mut self, process: usize, statuses: &[Status], after: Option<Index>, limit: Option<usize>) -> Check {
        let items: Vec<_> = self.model.queue.items().collect();
        let after = after.filter(|_| !items.is_empty()).map(|index| *index.get(&items));
        let request = |after| PageRequest { statuses: statuses.to_vec(), after, limit };
        let wanted = request(after.map(autoproc_domain::queue::ClaimKey::of));
        let asked = request(after.map(|item| self.numbering.place(item)));
        let found = self.fixture.block_on(self.store(process).page(asked))?;
        let subject = format!("the answer to {wanted:?}");
        let wanted = self.model.queue.page(&wanted);
        same(&subject, &self.numbering.page(found, &wanted)?, &wanted)
    }

    fn find(&mut self, process: usize, which: &Selector) -> Check {
        let asked = self.numbering.selector(which.clone());
        let found = self.fixture.block_on(self.store(process).find(asked))?;
        let wanted = self.model.queue.find(which).cloned();
        self.same_item(&format!("the item named {which:?}"), found, wanted.as_ref())
    }

    fn peek(&mut self, process: usize) -> Check {
        let found = self.fixture.block_on(self.store(process).peek(self.now))?;
        let wanted = self.model.queue.peek(self.now).cloned();
        self.same_item("the next claim", found, wanted.as_ref())
    }

    fn same_item(&mut self, subject: &str, found: Option<QueueItem>, wanted: Option<&QueueItem>) -> Check {
        let found = match (found, wanted) {
            (Some(found), Some(wanted)) => Some(self.numbering.item(found, wanted)?),
            (found, _) => found,
        };
        same(subject, &found.as_ref(), &wanted)
    }

    fn compare_queue(&mut self, process: usize) -> Check {
        let (counts, page) = (self.model.queue.counts(), self.model.queue.page(&PageRequest::default()));
        same("the counts", &self.fixture.block_on(self.store(process).counts(Scope::Queue))?, &counts)?;
        let found = self.fixture.block_on(self.store(process).page(PageRequest::default()))?;
        let scoped = self.fixture.block_on(self.store(process).counts(every_other(&found.items)))?;
        same("the whole queue", &self.numbering.page(found, &page)?, &page)?;
        same("the counts of a scope", &scoped, &self.model.queue.counts_in(&every_other(&page.items)))?;
        let alive = infos(self.fixture.block_on(self.store(process).live())?);
        same("the live runs", &alive, &self.model.alive.values().cloned().collect())?;
        self.compare_dead_runs(process)
    }

    fn compare_dead_runs(&self, process: usize) -> Check {
        let found = self.fixture.block_on(self.store(process).dead())?;
        let worked_there = |DeadRun { run, location, .. }: &DeadRun| {
            let known = self.model.begun.get(run).map(|info| &info.location);
            location.is_none() || location.as_ref() == known
        };
        holds(&format!("{found:?} have the locations that they registered"), found.iter().all(worked_there))?;
        let dead = found.into_iter().map(|dead| dead.run).collect();
        let (least, most) = (self.model.dead_with_claims(), self.model.may_be_named_dead());
        let is_right = least.is_subset(&dead) && dead.is_subset(&most);
        holds(&format!("the dead runs {dead:?} include {least:?} and are among {most:?}"), is_right)
    }

    /// Checks that the queue survives the reopening of the store.
    fn close(mut self) -> Check {
        for process in 0..PROCESSES {
            self.end_run(process)?;
            self.processes[process].store = None;
        }
        self.processes[0].store = Some(self.fixture.open());
        self.compare_queue(0)?;
        for number in 0..self.model.queue.next_number() {
            self.find(0, &Selector::Id(ItemId::new(number)))?;
        }
        Ok(())
    }
}

/// Replaces `Accepted` with the expected outcome, if the request allows `Accepted`.
fn known(request: &AnyRequest, found: Answer, wanted: &Answer) -> Answer {
    match (request, found, wanted) {
        (AnyRequest::Enqueue(request), Answer::Enqueued(found), Answer::Enqueued(wanted))
            if request.answer == AnswerNeeded::Later =>
        {
            let accepted = Enqueued { outcome: EnqueueOutcome::Accepted, item: None };
            let known =
                found.iter().zip(wanted).map(|(found, wanted)| if *found == accepted { *wanted } else { *found });
            let has_same_length = found.len() == wanted.len();
            Answer::Enqueued(if has_same_length { known.collect() } else { found })
        }
        (_, found, _) => found,
    }
}

fn every_other(items: &[QueueItem]) -> Scope {
    items.iter().step_by(2).map(|item| item.id).collect()
}
