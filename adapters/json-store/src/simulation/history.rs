//! Short lists of operations, and the queue that they should lead to.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::command::{Enqueue, ExchangeRequest, NewItem, Remove, Selection, Selector, Settlement, Verdict};
use autoproc_domain::item::ClaimToken;
use autoproc_domain::ports::StorageError;
use autoproc_domain::queue::Transaction;
use autoproc_domain::{FilePath, FileQueue, Priority, RunId, Timestamp};

use super::disk::SimDisk;
use crate::engine::{Engine, Limits, Settings};
use crate::store::{Mode, Pending};

/// What somebody does with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// The run adds a file.
    Enqueue,
    /// The run settles what it holds, as failed, and claims the next.
    Exchange,
    /// The run gives failed files another round.
    Requeue,
    /// The run takes out the first file that waits.
    Remove,
    /// The run leaves the queue as one file.
    Checkpoint,
    /// A command of another process adds a file and closes.
    OneShot,
    /// Another process adds a file and is gone.
    Second,
    /// A command adds a file to what it takes for a large queue, without loading it.
    Unseen,
}

impl Operation {
    pub(super) const ALL: [Self; 8] = [
        Self::Enqueue,
        Self::Exchange,
        Self::Requeue,
        Self::Remove,
        Self::Checkpoint,
        Self::OneShot,
        Self::Second,
        Self::Unseen,
    ];
}

/// Every history of this length.
pub(super) fn histories(length: usize) -> impl Iterator<Item = Vec<Operation>> {
    let kinds = Operation::ALL.len();
    let total = kinds.pow(u32::try_from(length).unwrap_or(u32::MAX));
    (0..total).map(move |mut number| {
        let operations = (0..length).map(|_| {
            let operation = Operation::ALL[number % kinds];
            number /= kinds;
            operation
        });
        operations.collect()
    })
}

pub(super) fn engine(disk: SimDisk, mode: Mode) -> Engine<SimDisk> {
    engine_for(disk, mode, Limits::default())
}

fn engine_for(disk: SimDisk, mode: Mode, limits: Limits) -> Engine<SimDisk> {
    let settings = Settings {
        base: PathBuf::from("/"),
        lock_timeout: Duration::from_secs(60),
        limits,
        mode,
        on_notice: Arc::new(|_| {}),
    };
    Engine::new(disk, settings)
}

/// One request through the engine's ordinary path.
pub(super) fn transact<T: Transaction>(engine: &mut Engine<SimDisk>, request: T) -> Result<T::Reply, StorageError> {
    let (pending, mut receiver) = Pending::new(request, now());
    engine.change(vec![Box::new(pending)]);
    receiver.try_recv().expect("the engine answers every change before it returns")
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000)
}

/// Those who act in a history, and the queue they should have made so far.
pub(super) struct Actors {
    disk: SimDisk,
    run: Engine<SimDisk>,
    files: usize,
    pub(super) model: FileQueue,
}

impl Actors {
    pub(super) fn new(disk: SimDisk) -> Self {
        let run = engine(disk.clone(), Mode::Service);
        Self { disk, run, files: 0, model: FileQueue::new() }
    }

    /// Carries out an operation; the answer is the queue it should lead to, and whether it was acknowledged.
    pub(super) fn perform(&mut self, operation: Operation) -> (FileQueue, Result<(), StorageError>) {
        match operation {
            Operation::Enqueue => {
                let request = self.addition();
                self.by_the_run(request)
            }
            Operation::Exchange => {
                let request = self.exchange();
                self.by_the_run(request)
            }
            Operation::Requeue => self.by_the_run(Selection::AllFailed),
            Operation::Remove => {
                let first = self.model.pending().next().map(|item| Selector::Id(item.id));
                self.by_the_run(Remove(first.into_iter().collect()))
            }
            Operation::Checkpoint => (self.model.clone(), self.run.close()),
            Operation::OneShot => self.by_another(engine(self.disk.clone(), Mode::Command), true),
            Operation::Second => self.by_another(engine(self.disk.clone(), Mode::Service), false),
            Operation::Unseen => self.by_another(engine_for(self.disk.clone(), Mode::Command, Limits::ZERO), true),
        }
    }

    /// What the run finds when it looks again, after a failure; in a new process where it can no longer look.
    pub(super) fn look_again(&mut self) -> Result<FileQueue, StorageError> {
        if let Ok(queue) = self.run.locked(|run| run.fresh_queue().cloned()) {
            return Ok(queue);
        }
        self.run = engine(self.disk.clone(), Mode::Service);
        self.run.locked(|run| run.fresh_queue().cloned())
    }

    fn by_the_run<T: Transaction>(&mut self, request: T) -> (FileQueue, Result<(), StorageError>) {
        let expected = expect(&self.model, &request);
        let done = transact(&mut self.run, request);
        (expected, done.map(drop))
    }

    fn by_another(&mut self, mut other: Engine<SimDisk>, closes: bool) -> (FileQueue, Result<(), StorageError>) {
        let request = self.addition();
        let expected = expect(&self.model, &request);
        let done = transact(&mut other, request).map(drop);
        if closes && done.is_ok() {
            // Closing promises nothing: what was acknowledged is durable without it.
            let _ = other.close();
        }
        (expected, done)
    }

    fn addition(&mut self) -> Enqueue {
        self.files += 1;
        addition(&format!("/file-{}", self.files))
    }

    fn exchange(&self) -> ExchangeRequest {
        let run = RunId::new("run");
        let settlements = self.model.processing().filter_map(|item| {
            let number = item.claim.as_ref()?.number;
            let verdict = Verdict::Fail { timed_out: false, error: "exit status 1".into() };
            Some(Settlement { token: ClaimToken { item: item.id, number }, verdict })
        });
        ExchangeRequest { run, settlements: settlements.collect(), limit: 1 }
    }
}

pub(super) fn addition(file: &str) -> Enqueue {
    let file_path = FilePath::new(file).expect("the simulation's names are paths");
    Enqueue(vec![NewItem { file_path, priority: Priority::default() }])
}

/// The queue that a request should lead to.
pub(super) fn expect<T: Transaction>(queue: &FileQueue, request: &T) -> FileQueue {
    let mut queue = queue.clone();
    request.perform(&mut queue, now()).expect("the simulation asks for nothing that is refused");
    queue
}
