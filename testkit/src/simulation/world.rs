//! The world of one simulation.

mod driving;
mod operations;
mod orchestrating;
mod people;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ports::{BackPressure, Clock, Location, StopLevel};
use autoproc_domain::{ItemId, RunId, Timestamp};

use super::attempts::AttemptTruth;
use super::lacks::Lacks;
use super::plan::{Plan, TERMS};
use super::run::{RunEnd, SimulatedRun};
use super::schedule::{Happening, Schedule};
use super::snapshot::{Seen, snapshot};
use super::{Setup, Store, Summary};
use crate::strategies::EPOCH;
use crate::{MemoryDatabase, Random, VirtualClock};

/// The maximum number of events. A correct simulation has a few hundred.
const MAX_HAPPENINGS: u64 = 20_000;
const MAX_TRACE: usize = 600;
/// The maximum number of runs. A correct simulation has about a dozen.
pub(super) const MAX_RUNS: usize = 200;
/// The names of the hosts. Without leases, all runs are on `here`.
pub(super) const HOSTS: [&str; 2] = ["here", "far"];

#[derive(Debug, Clone, Default)]
pub(super) struct FileTruth {
    pub(super) id: Option<ItemId>,
    /// The modification time of the file, in nanoseconds.
    pub(super) version: i64,
    /// The index of the running attempt.
    pub(super) at_work: Option<usize>,
    pub(super) ended_round: u32,
    /// The last round in which a missing program or folder counted as a failure.
    pub(super) struck_round: u32,
    pub(super) cancelled_round: u32,
    pub(super) cancelled_at: Option<Duration>,
    /// The time since which the file has been pending and not held.
    pub(super) waiting_since: Option<Duration>,
    /// The file must be claimable at this elapsed time, and later.
    pub(super) due_at: Duration,
    /// The next attempt must not begin before this elapsed time.
    pub(super) backoff_until: Duration,
}

#[allow(clippy::struct_excessive_bools, reason = "each flag states a separate fact")]
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) setup: Setup,
    pub(super) random: Random,
    pub(super) clock: VirtualClock,
    pub(super) now: Duration,
    pub(super) wall: Timestamp,
    pub(super) database: MemoryDatabase,
    pub(super) store: Arc<dyn Store>,
    pub(super) schedule: Schedule,
    pub(super) happenings: u64,
    pub(super) runs: Vec<SimulatedRun>,
    pub(super) files: Vec<FileTruth>,
    pub(super) attempts: Vec<AttemptTruth>,
    /// The items after the last transaction. The queue then had the version `queue_version`.
    pub(super) queue: Vec<Seen>,
    pub(super) queue_version: u64,
    pub(super) stop_file: Option<StopLevel>,
    pub(super) locations: [Location; 2],
    /// The current back-pressure. It lasts until all faults that cause it have ended.
    pub(super) pressure: Option<BackPressure>,
    pub(super) pressures: usize,
    pub(super) lacks: Lacks,
    pub(super) blindnesses: usize,
    pub(super) is_full: bool,
    pub(super) clock_was_set: bool,
    /// True if a stop signal was also sent to the attempts of a run.
    pub(super) was_terminated: bool,
    pub(super) is_run_due: bool,
    pub(super) summary: Summary,
    /// The last events, inputs and actions. Recorded only when a failing seed is repeated.
    trace: Option<VecDeque<String>>,
}

impl World {
    pub(super) fn new(plan: Plan, setup: Setup) -> Self {
        let clock = VirtualClock::new();
        let database =
            if plan.has_leases { MemoryDatabase::with_leases(clock.clone(), TERMS) } else { MemoryDatabase::new() };
        Self {
            setup,
            random: plan.random.clone(),
            store: (setup.open)(&database),
            clock,
            now: Duration::ZERO,
            wall: EPOCH,
            database,
            schedule: Schedule::default(),
            happenings: 0,
            runs: Vec::new(),
            files: vec![FileTruth::default(); plan.files.len()],
            attempts: Vec::new(),
            queue: Vec::new(),
            queue_version: 0,
            stop_file: None,
            locations: HOSTS.map(setup.location),
            pressure: None,
            pressures: 0,
            lacks: Lacks::default(),
            blindnesses: 0,
            is_full: false,
            clock_was_set: false,
            was_terminated: false,
            is_run_due: false,
            summary: Summary { files: plan.files.len(), ..Summary::default() },
            plan,
            trace: None,
        }
    }

    pub(super) fn traced(self) -> Self {
        Self { trace: Some(VecDeque::new()), ..self }
    }

    /// Simulates until nothing more happens, and then checks the final state.
    pub(super) fn play(&mut self) -> Result<Summary, String> {
        for (file, planned) in self.plan.files.iter().enumerate() {
            self.schedule.add(&mut self.random, planned.added_at, Happening::Add(file));
        }
        self.plan_faults();
        self.schedule.add(&mut self.random, Duration::ZERO, Happening::BeginRun);
        self.is_run_due = true;
        while self.step()? {}
        self.check_end()?;
        Ok(self.summarise())
    }

    pub(super) fn into_trace(self) -> Vec<String> {
        self.trace.unwrap_or_default().into()
    }

    fn step(&mut self) -> Result<bool, String> {
        self.happenings += 1;
        if self.happenings > MAX_HAPPENINGS || self.runs.len() > MAX_RUNS {
            return Err(format!("no end after {} events and {} runs", self.happenings, self.runs.len()));
        }
        self.strike_by_count()?;
        self.let_a_run_begin();
        let Some((at, what)) = self.schedule.pop() else {
            return self.strike_what_is_left();
        };
        self.pass_time(at)?;
        self.happen(what)?;
        Ok(true)
    }

    fn pass_time(&mut self, at: Duration) -> Result<(), String> {
        if at > self.now {
            self.check_idleness(at)?;
            self.check_cancelled_attempts(at)?;
            self.clock.advance(at.saturating_sub(self.now));
            self.now = at;
            self.wall = self.clock.now();
        }
        Ok(())
    }

    fn happen(&mut self, what: Happening) -> Result<(), String> {
        self.trace(|now| format!("{now:?} {what:?}"));
        match what {
            Happening::Add(file) => self.add(file),
            Happening::Strike(fault) => self.strike(fault),
            Happening::BeginRun => {
                self.is_run_due = false;
                self.begin_run()
            }
            Happening::Commit(run, number) => self.commit(run, number),
            Happening::Answer(run, number) => self.answer(run, number),
            Happening::StopKnown(run) => self.stop_known(run),
            Happening::GateKnown(run) => self.gate_known(run),
            Happening::LeaseEnds(run) => self.lease_ends(run),
            Happening::Wake(run, wait) => self.wake(run, wait),
            Happening::Changed(run) => self.changed(run),
            Happening::Begin(run) => self.begin_attempts(run),
            Happening::GiveBack(run, token) => {
                self.give_back(run, token);
                Ok(())
            }
            Happening::End(attempt) => {
                self.end_attempt(attempt);
                Ok(())
            }
            Happening::Deliver(run) => self.deliver(run),
            Happening::GateOpens => {
                self.open_gate();
                Ok(())
            }
            Happening::Processes => {
                self.free_processes();
                Ok(())
            }
            Happening::Program => {
                self.restore_program();
                Ok(())
            }
            Happening::Sight => {
                self.blindnesses -= 1;
                Ok(())
            }
            Happening::Room => {
                self.is_full = false;
                self.database.set_full(false);
                Ok(())
            }
            Happening::Reconnect(run) => {
                self.reconnect(run);
                Ok(())
            }
            Happening::Unhold(file) => self.unhold(file),
        }
    }

    pub(super) fn trace(&mut self, line: impl FnOnce(Duration) -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push_back(line(self.now));
            if trace.len() > MAX_TRACE {
                trace.pop_front();
            }
        }
    }

    pub(super) fn later(&mut self, span: Duration, what: Happening) {
        self.schedule.add(&mut self.random, self.now.saturating_add(span), what);
    }

    /// Returns a random duration, usually zero, so that events coincide.
    pub(super) fn latency(&mut self) -> Duration {
        match self.random.below(8) {
            0..=4 => Duration::ZERO,
            5 | 6 => Duration::from_millis(self.random.below(20)),
            _ => Duration::from_millis(self.random.below(400)),
        }
    }

    pub(super) fn up_to(&mut self, millis: u64) -> Duration {
        Duration::from_millis(self.random.below(millis + 1))
    }

    pub(super) fn wall(&self) -> Timestamp {
        self.wall
    }

    pub(super) fn file_of(&self, id: ItemId) -> Option<usize> {
        self.files.iter().position(|file| file.id == Some(id))
    }

    pub(super) fn run_of(&self, id: &RunId) -> Option<usize> {
        self.runs.iter().position(|run| run.id == *id)
    }

    /// Records the changes of a transaction. Returns the previous queue if anything changed.
    pub(super) fn observe_queue(&mut self) -> Option<Vec<Seen>> {
        let version = self.database.version();
        if version == self.queue_version {
            return None;
        }
        self.queue_version = version;
        let before = std::mem::replace(&mut self.queue, self.database.inspect(snapshot));
        let (now, wall) = (self.now, self.wall());
        for index in 0..self.queue.len() {
            let after = &self.queue[index];
            let earlier = before.iter().find(|earlier| earlier.id == after.id);
            let Some(file) = self.file_of(after.id).or_else(|| self.identify(index)) else { continue };
            let (after, truth) = (&self.queue[index], &mut self.files[file]);
            let due = after.backoff.map_or(Duration::ZERO, |backoff| backoff.not_before.saturating_since(wall));
            match earlier {
                _ if !after.is_waiting() => truth.waiting_since = None,
                Some(earlier) if earlier.is_waiting() && earlier.round == after.round => {
                    if earlier.backoff != after.backoff {
                        truth.due_at = now.saturating_add(due);
                        truth.backoff_until = truth.backoff_until.min(truth.due_at);
                        self.summary.cut_waits += 1;
                    }
                }
                _ => (truth.waiting_since, truth.due_at) = (Some(now), now.saturating_add(due)),
            }
            if !after.status.is_live() {
                truth.ended_round = after.round;
                truth.cancelled_at = None;
            }
            if earlier.is_some_and(|earlier| earlier.round < after.round) {
                truth.backoff_until = now;
                self.summary.rounds += 1;
            }
        }
        self.announce_changes();
        Some(before)
    }

    fn identify(&mut self, index: usize) -> Option<usize> {
        let id = self.queue[index].id;
        let path = self.database.inspect(|queue| queue.get(id).map(|item| item.file_path.clone()))?;
        let file = self.plan.files.iter().position(|file| file.path == path)?;
        self.files[file].id = Some(id);
        Some(file)
    }

    fn summarise(&mut self) -> Summary {
        self.summary.attempts = self.attempts.len();
        self.summary.runs = self.runs.len();
        self.summary.kills = self.runs.iter().filter(|run| matches!(run.end, Some((_, RunEnd::Killed)))).count();
        self.summary.lost_leases = self.runs.iter().filter(|run| run.has_lost_its_lease).count();
        self.summary
    }
}
