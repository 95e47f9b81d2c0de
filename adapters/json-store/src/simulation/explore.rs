//! Executes a history with a crash or fault at each call.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use autoproc_domain::FileQueue;
use autoproc_domain::request::Enqueue;

use super::crash::power_cuts;
use super::flawed::Flaw;
use super::history::{Operation, Processes, addition, engine, expect, transact};
use crate::disk::fake::{DiskImage, FakeDisk, Fault};
use crate::engine::Mode;

#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// True to crash the process that opens the disk after a crash.
    pub(super) second_crash: bool,
}

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

#[derive(Debug)]
pub(super) struct Violation(String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Simulates histories. Skips a disk that was already checked against the same allowed queues.
pub(super) struct Explorer {
    bounds: Bounds,
    flaw: Option<Flaw>,
    history: Vec<Operation>,
    count: Count,
    seen: HashSet<u64>,
    seen_again: HashSet<u64>,
}

impl Explorer {
    pub(super) fn new(bounds: Bounds, flaw: Option<Flaw>) -> Self {
        let (seen, seen_again) = (HashSet::new(), HashSet::new());
        Self { bounds, flaw, history: Vec::new(), count: Count::default(), seen, seen_again }
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

    /// Simulates a crash at each call. Returns the number of calls.
    fn crash_everywhere(&mut self) -> Result<usize, Violation> {
        let disk = FakeDisk::default().with_trace();
        let mut processes = Processes::new(disk.clone(), self.flaw);
        let mut stages = Vec::new();
        for (index, operation) in self.history.clone().iter().enumerate() {
            let from = disk.calls();
            let (expected, done) = processes.perform(*operation);
            done.map_err(|error| self.violation(&format!("operation {index} failed without a cause: {error}")))?;
            let before = std::mem::replace(&mut processes.model, expected.clone());
            stages.push((from..disk.calls(), [before, expected]));
        }
        let calls = disk.calls();
        let last = disk.image();
        let trace = disk.take_trace();
        for (span, allowed) in stages {
            for call in span {
                self.count.fault_points += 1;
                self.crash(&trace[call], &allowed, &format!("before call {call}"))?;
            }
        }
        self.crash(&last, &[processes.model.clone()], "after the last call")?;
        Ok(calls)
    }

    fn fail_at(&mut self, call: usize, fault: Fault) -> Result<(), Violation> {
        self.count.fault_points += 1;
        let place = format!("with {fault:?} at call {call}");
        let disk = FakeDisk::default().with_fault(call, fault);
        let mut processes = Processes::new(disk.clone(), self.flaw);
        // A failed change may or may not have happened. Both results are allowed until a later
        // change is acknowledged.
        let mut allowed = vec![FileQueue::new()];
        for operation in &self.history.clone() {
            let (expected, done) = processes.perform(*operation);
            let before = processes.model.clone();
            if done.is_ok() {
                if *operation != Operation::Checkpoint {
                    allowed = vec![expected.clone()];
                }
                processes.model = expected;
                continue;
            }
            allowed.extend([before.clone(), expected.clone()]);
            self.crash(&disk.image(), &allowed, &place)?;
            if disk.is_dead() {
                return Ok(());
            }
            let found = processes.read_again().map_err(|error| self.violation(&format!("{place}: {error}")))?;
            if found != before && found != expected {
                return Err(self.violation(&format!("{place}: neither all nor nothing of it happened")));
            }
            processes.model = found;
        }
        drop(processes);
        self.crash(&disk.image(), &allowed, &place)
    }

    fn crash(&mut self, image: &DiskImage, allowed: &[FileQueue], place: &str) -> Result<(), Violation> {
        for left in power_cuts(image).into_iter().chain([image.clone()]) {
            if self.seen.insert(hash(&left, allowed)) {
                self.count.crash_states += 1;
                self.open_and_change(&left, allowed, place)?;
            }
        }
        Ok(())
    }

    fn open_and_change(&mut self, left: &DiskImage, allowed: &[FileQueue], place: &str) -> Result<(), Violation> {
        let found = self.open(&FakeDisk::new(left.clone()), allowed, place)?;
        self.change(left, allowed, &found, addition("/after-the-crash"), place)?;
        // Adding a known file changes nothing, but after the reply the file must survive any crash.
        let known = found.items().next().map(|item| item.file_path.to_string());
        match known {
            Some(known) => self.change(left, allowed, &found, addition(&known), place),
            None => Ok(()),
        }
    }

    /// Adds a file in a new process, with a crash at each call.
    fn change(
        &mut self,
        left: &DiskImage,
        allowed: &[FileQueue],
        found: &FileQueue,
        request: Enqueue,
        place: &str,
    ) -> Result<(), Violation> {
        let disk = FakeDisk::new(left.clone()).with_trace();
        let expected = expect(found, &request);
        let mut process = engine(disk.clone(), self.flaw, Mode::Service);
        transact(&mut process, request)
            .map_err(|error| self.violation(&format!("{place}: cannot be changed: {error}")))?;
        drop(process);
        let place = format!("{place}, and again after a change");
        let (last, trace) = (disk.image(), disk.take_trace());
        let allowed = [allowed, &[found.clone(), expected.clone()]].concat();
        if self.bounds.second_crash {
            for image in &trace {
                self.crash_again(image, &allowed, &place)?;
            }
        }
        self.crash_again(&last, &[expected], &place)
    }

    fn crash_again(&mut self, image: &DiskImage, allowed: &[FileQueue], place: &str) -> Result<(), Violation> {
        for left in power_cuts(image) {
            if self.seen_again.insert(hash(&left, allowed)) {
                self.count.crash_states += 1;
                self.open(&FakeDisk::new(left), allowed, place)?;
            }
        }
        Ok(())
    }

    fn open(&self, disk: &FakeDisk, allowed: &[FileQueue], place: &str) -> Result<FileQueue, Violation> {
        let mut process = engine(disk.clone(), self.flaw, Mode::Service);
        let found = process.locked(|process| process.fresh_queue().cloned());
        match found {
            Ok(found) if allowed.contains(&found) => Ok(found),
            Ok(found) => Err(self.violation(&format!(
                "{place}: the queue has the files {:?}, but only these are allowed: {:?}",
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

fn hash(image: &DiskImage, allowed: &[FileQueue]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&image.inodes, &image.names, &image.durable_names, &image.unsynced_names).hash(&mut hasher);
    for queue in allowed {
        files(queue).hash(&mut hasher);
    }
    hasher.finish()
}
