//! One history, through every crash and every failing call.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use autoproc_domain::FileQueue;
use autoproc_domain::command::Enqueue;

use super::crash::{power_cuts, survivors};
use super::disk::{Fault, SimDisk, World};
use super::history::{Actors, Operation, addition, engine, expect, transact};
use crate::store::Mode;

/// How far to go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Whether the process that opens after a crash is itself crashed at every call.
    pub(super) second_crash: bool,
}

/// What was tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) histories: u64,
    pub(super) fault_points: u64,
    pub(super) crash_states: u64,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { histories, fault_points, crash_states } = self;
        write!(f, "{histories} histories, {fault_points} fault points, {crash_states} crash states")
    }
}

/// A promise that was not kept, and the way there.
#[derive(Debug)]
pub(super) struct Violation(String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Puts histories through everything, and opens no disk twice of which the same is expected.
pub(super) struct Explorer {
    bounds: Bounds,
    history: Vec<Operation>,
    count: Count,
    seen: HashSet<u64>,
    seen_again: HashSet<u64>,
}

impl Explorer {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, history: Vec::new(), count: Count::default(), seen: HashSet::new(), seen_again: HashSet::new() }
    }

    pub(super) fn explore(&mut self, history: Vec<Operation>) -> Result<(), Violation> {
        self.history = history;
        self.count.histories += 1;
        let calls = self.crash_everywhere()?;
        for call in 0..calls {
            for fault in Fault::ALL {
                self.fail_at(call, fault)?;
            }
        }
        Ok(())
    }

    pub(super) fn count(&self) -> Count {
        self.count
    }

    /// The machine or the process dies before each call, and after the last.
    fn crash_everywhere(&mut self) -> Result<usize, Violation> {
        let disk = SimDisk::new(World::default()).with_trace();
        let mut actors = Actors::new(disk.clone());
        let mut stages = Vec::new();
        for (index, operation) in self.history.clone().iter().enumerate() {
            let from = disk.calls();
            let (expected, done) = actors.perform(*operation);
            done.map_err(|error| self.violation(&format!("operation {index} failed without a cause: {error}")))?;
            let before = std::mem::replace(&mut actors.model, expected.clone());
            stages.push((from..disk.calls(), [before, expected]));
        }
        let calls = disk.calls();
        let last = disk.world();
        let trace = disk.take_trace();
        for (span, allowed) in stages {
            for call in span {
                self.count.fault_points += 1;
                self.crash(&trace[call], &allowed, &format!("before call {call}"))?;
            }
        }
        self.crash(&last, &[actors.model.clone()], "after the last call")?;
        Ok(calls)
    }

    /// One call fails; the history goes on as far as it can, and then the power goes.
    fn fail_at(&mut self, call: usize, fault: Fault) -> Result<(), Violation> {
        self.count.fault_points += 1;
        let place = format!("with {fault:?} at call {call}");
        let disk = SimDisk::new(World::default()).with_fault(call, fault);
        let mut actors = Actors::new(disk.clone());
        // What was told as failed may have happened or not, until the next thing is acknowledged that builds on it.
        let mut allowed = vec![FileQueue::new()];
        for operation in &self.history.clone() {
            let (expected, done) = actors.perform(*operation);
            let before = actors.model.clone();
            if done.is_ok() {
                if *operation != Operation::Checkpoint {
                    allowed = vec![expected.clone()];
                }
                actors.model = expected;
                continue;
            }
            allowed.extend([before.clone(), expected.clone()]);
            self.crash(&disk.world(), &allowed, &place)?;
            if disk.is_dead() {
                return Ok(());
            }
            let found = actors.look_again().map_err(|error| self.violation(&format!("{place}: {error}")))?;
            if found != before && found != expected {
                return Err(self.violation(&format!("{place}: neither all nor nothing of it happened")));
            }
            actors.model = found;
        }
        drop(actors);
        self.crash(&disk.world(), &allowed, &place)
    }

    /// Everything that a crash may leave must open as one of the allowed queues, and go on.
    fn crash(&mut self, world: &World, allowed: &[FileQueue], place: &str) -> Result<(), Violation> {
        for left in power_cuts(world).into_iter().chain([survivors(world)]) {
            if self.seen.insert(print(&left, allowed)) {
                self.count.crash_states += 1;
                self.open_and_go_on(&left, allowed, place)?;
            }
        }
        Ok(())
    }

    fn open_and_go_on(&mut self, left: &World, allowed: &[FileQueue], place: &str) -> Result<(), Violation> {
        let found = self.open(&SimDisk::new(left.clone()), allowed, place)?;
        self.go_on(left, allowed, &found, addition("/after-the-crash"), place)?;
        // An answer that changes nothing promises all the same: what it says is there must stay.
        let known = found.items().next().map(|item| item.file_path.to_string());
        match known {
            Some(known) => self.go_on(left, allowed, &found, addition(&known), place),
            None => Ok(()),
        }
    }

    /// A fresh process adds a file, and is crashed at every call and after the last. Until it has its answer, whatever was
    /// allowed before is allowed still: nothing more was acknowledged.
    fn go_on(
        &mut self,
        left: &World,
        allowed: &[FileQueue],
        found: &FileQueue,
        request: Enqueue,
        place: &str,
    ) -> Result<(), Violation> {
        let disk = SimDisk::new(left.clone()).with_trace();
        let expected = expect(found, &request);
        let mut process = engine(disk.clone(), Mode::Service);
        transact(&mut process, request).map_err(|error| self.violation(&format!("{place}: cannot go on: {error}")))?;
        drop(process);
        let place = format!("{place}, and again after going on");
        let (last, trace) = (disk.world(), disk.take_trace());
        let allowed = [allowed, &[found.clone(), expected.clone()]].concat();
        if self.bounds.second_crash {
            for world in &trace {
                self.crash_again(world, &allowed, &place)?;
            }
        }
        self.crash_again(&last, &[expected], &place)
    }

    fn crash_again(&mut self, world: &World, allowed: &[FileQueue], place: &str) -> Result<(), Violation> {
        for left in power_cuts(world) {
            if self.seen_again.insert(print(&left, allowed)) {
                self.count.crash_states += 1;
                self.open(&SimDisk::new(left), allowed, place)?;
            }
        }
        Ok(())
    }

    fn open(&self, disk: &SimDisk, allowed: &[FileQueue], place: &str) -> Result<FileQueue, Violation> {
        let mut process = engine(disk.clone(), Mode::Service);
        let found = process.locked(|process| process.fresh_queue().cloned());
        match found {
            Ok(found) if allowed.contains(&found) => Ok(found),
            Ok(found) => Err(self.violation(&format!(
                "{place}: found {:?}, wanted one of {:?}",
                files(&found),
                allowed.iter().map(files).collect::<Vec<_>>()
            ))),
            Err(error) => Err(self.violation(&format!("{place}: does not open: {error}"))),
        }
    }

    fn violation(&self, what: &str) -> Violation {
        Violation(format!("{:?}: {what}", self.history))
    }
}

fn files(queue: &FileQueue) -> Vec<String> {
    queue.items().map(|item| format!("{} {} {}", item.file_path, item.status, item.attempts)).collect()
}

fn print(world: &World, allowed: &[FileQueue]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&world.inodes, &world.names, &world.durable_names, &world.unsynced_names).hash(&mut hasher);
    for queue in allowed {
        files(queue).hash(&mut hasher);
    }
    hasher.finish()
}
