//! Random transactions on a store and on the rules, side by side.
//!
//! Three *seats* stand for three processes. Each has a handle and at most one run; it can close its handle and open
//! another, end its run, or die. After each step the seat's answer is compared, and another seat looks at the queue.

use autoproc_domain::command::{Command, ExchangeRequest, Selector};
use autoproc_domain::ports::{RunInfo, Storage};
use autoproc_domain::queue::ClaimKey;
use autoproc_domain::view::PageRequest;
use autoproc_domain::{FilePath, ItemId, RunId, Status, Timestamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use super::desk::{info, infos};
use super::expect::{Check, Fault, holds, same};
use super::model::{Model, ask};
use super::{Effort, StorageFixture};
use crate::strategies::{EPOCH, Resolver, SymbolicCommand, clock_steps, file_paths, symbolic_command};

/// The name under which violations are reported.
pub(super) const NAME: &str = "differs_from_the_rules";

/// Processes on the place.
const SEATS: usize = 3;
/// Smaller histories tried once one has failed; each is a place of its own, and real stores sync.
const MAX_SHRINK_STEPS: u32 = 2000;

/// One step of a history.
#[derive(Debug, Clone)]
enum Step {
    Command(SymbolicCommand),
    Page(Vec<Status>, Option<Index>, Option<usize>),
    Find(FilePath),
    EndRun,
    Reopen,
    Die,
}

#[derive(Debug, Clone)]
struct Move {
    seat: usize,
    clock: i64,
    step: Step,
}

fn moves(steps: usize) -> impl Strategy<Value = Vec<Move>> {
    let step = prop_oneof![
        20 => symbolic_command().prop_map(Step::Command),
        2 => (subsequence(Status::ALL.to_vec(), 0..3), option::of(any::<Index>()), option::of(0..4_usize))
            .prop_map(|(statuses, after, limit)| Step::Page(statuses, after, limit)),
        1 => file_paths().prop_map(Step::Find),
        1 => Just(Step::EndRun),
        2 => Just(Step::Reopen),
        2 => Just(Step::Die),
    ];
    vec((0..SEATS, clock_steps(), step).prop_map(|(seat, clock, step)| Move { seat, clock, step }), 1..=steps)
}

/// Plays histories until one differs; the answer tells the smallest that does.
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
        TestError::Abort(reason) => format!("given up: {reason}"),
    })
}

struct Seat<S> {
    /// `None` only while one handle makes room for the next.
    store: Option<S>,
    run: Option<RunId>,
}

struct Game<'a, F: StorageFixture> {
    fixture: &'a F,
    seats: Vec<Seat<F::Store>>,
    model: Model,
    resolver: Resolver,
    runs_begun: usize,
    now: Timestamp,
}

impl<'a, F: StorageFixture> Game<'a, F> {
    fn new(fixture: &'a F) -> Self {
        let seat = || Seat { store: Some(fixture.open()), run: None };
        Self {
            fixture,
            seats: std::iter::repeat_with(seat).take(SEATS).collect(),
            model: Model::default(),
            // A run that never began: commands may name it, and nothing must come of it.
            resolver: Resolver::with_runs(vec![RunId::new("nobody")]),
            runs_begun: 0,
            now: EPOCH,
        }
    }

    fn play(mut self, moves: &[Move]) -> Check {
        for Move { seat, clock, step } in moves {
            self.now = Timestamp::from_micros(self.now.as_micros().saturating_add(*clock));
            self.step(*seat, step)?;
            self.look((seat + 1) % SEATS)?;
        }
        self.close()
    }

    fn step(&mut self, seat: usize, step: &Step) -> Check {
        match step {
            Step::Command(command) => self.command(seat, command),
            Step::Page(statuses, after, limit) => self.page(seat, statuses, *after, *limit),
            Step::Find(path) => self.find(seat, &Selector::Path(path.clone())),
            Step::EndRun => self.end_run(seat),
            Step::Reopen if self.seats[seat].run.is_none() => {
                self.reopen(seat);
                Ok(())
            }
            Step::Reopen | Step::Die => {
                self.die(seat);
                Ok(())
            }
        }
    }

    fn store(&self, seat: usize) -> &F::Store {
        self.seats[seat].store.as_ref().expect("a seat has a handle between steps")
    }

    /// Claims and settlements are the seat's run's, which begins with the first of them.
    fn command(&mut self, seat: usize, symbolic: &SymbolicCommand) -> Check {
        let mut command = self.resolver.resolve(symbolic, &self.model.queue);
        if let Command::Exchange(request) = command {
            let run = self.run_of(seat)?;
            command = Command::Exchange(ExchangeRequest { run, ..request });
        }
        let wanted = self.model.answer(&command, self.now);
        let found = self.fixture.block_on(ask(self.store(seat), command.clone(), self.now))?;
        self.resolver.note_claims(&self.model.queue);
        same(&format!("the answer to {command:?}"), &found, &wanted)
    }

    fn run_of(&mut self, seat: usize) -> Result<RunId, Fault> {
        if let Some(run) = &self.seats[seat].run {
            return Ok(run.clone());
        }
        self.runs_begun += 1;
        let run = RunInfo { jobs: seat + 1, ..info(&format!("run-{}", self.runs_begun)) };
        let others = self.fixture.block_on(self.store(seat).begin_run(run.clone()))?;
        same("the others, told to a beginning run", &infos(others), &self.model.begin(run.clone()))?;
        self.resolver.add_run(run.id.clone());
        self.seats[seat].run = Some(run.id.clone());
        Ok(run.id)
    }

    fn end_run(&mut self, seat: usize) -> Check {
        let Some(run) = self.seats[seat].run.take() else { return Ok(()) };
        let left = self.fixture.block_on(self.store(seat).end_run(run.clone()))?;
        same("the runs left, told to an ending one", &infos(left), &self.model.end(&run))
    }

    fn reopen(&mut self, seat: usize) {
        drop(self.seats[seat].store.take());
        self.seats[seat].store = Some(self.fixture.open());
    }

    fn die(&mut self, seat: usize) {
        let store = self.seats[seat].store.take().expect("a seat has a handle between steps");
        if let Some(run) = self.seats[seat].run.take() {
            self.fixture.kill(store, &run);
            self.model.kill(&run);
        }
        self.seats[seat].store = Some(self.fixture.open());
    }

    fn page(&self, seat: usize, statuses: &[Status], after: Option<Index>, limit: Option<usize>) -> Check {
        let keys: Vec<_> = self.model.queue.items().map(ClaimKey::of).collect();
        let after = after.filter(|_| !keys.is_empty()).map(|index| *index.get(&keys));
        let request = PageRequest { statuses: statuses.to_vec(), after, limit };
        let page = self.fixture.block_on(self.store(seat).page(request.clone()))?;
        same(&format!("the answer to {request:?}"), &page, &self.model.queue.page(&request))
    }

    fn find(&self, seat: usize, which: &Selector) -> Check {
        let wanted = self.model.queue.find(which).cloned();
        let found = self.fixture.block_on(self.store(seat).find(which.clone()))?;
        same(&format!("the item named {which:?}"), &found, &wanted)
    }

    /// Everything a reader can see, through a seat that did not make the last step.
    fn look(&self, seat: usize) -> Check {
        let (counts, page) = (self.model.queue.counts(), self.model.queue.page(&PageRequest::default()));
        same("the counts", &self.fixture.block_on(self.store(seat).counts())?, &counts)?;
        same("the whole queue", &self.fixture.block_on(self.store(seat).page(PageRequest::default()))?, &page)?;
        let alive = infos(self.fixture.block_on(self.store(seat).live_runs())?);
        same("the living runs", &alive, &self.model.alive.values().cloned().collect())?;
        let dead = self.fixture.block_on(self.store(seat).dead_runs())?.into_iter().collect();
        let (least, most) = (self.model.dead_with_claims(), self.model.may_be_named_dead());
        let is_right = least.is_subset(&dead) && dead.is_subset(&most);
        holds(&format!("the dead runs {dead:?} hold {least:?} and are among {most:?}"), is_right)
    }

    /// The whole place is closed and opened again: the queue is still the same, and numbers on alike.
    fn close(mut self) -> Check {
        for seat in 0..SEATS {
            self.end_run(seat)?;
            self.seats[seat].store = None;
        }
        self.seats[0].store = Some(self.fixture.open());
        self.look(0)?;
        for number in 0..self.model.queue.next_id().get() {
            self.find(0, &Selector::Id(ItemId::new(number)))?;
        }
        Ok(())
    }
}
