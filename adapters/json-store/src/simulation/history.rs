//! Short lists of operations and their expected queues.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::item::ClaimToken;
use autoproc_domain::ports::StorageError;
use autoproc_domain::queue::Transaction;
use autoproc_domain::request::{
    AnswerNeeded, Enqueue, ExchangeRequest, NewItem, Remove, RequestId, Requeue, Scope, Selector, Settlement, Verdict,
};
use autoproc_domain::{FilePath, FileQueue, RunId, Timestamp};

use super::flawed::{Flaw, FlawedDisk};
use crate::disk::fake::FakeDisk;
use crate::engine::Mode;
use crate::engine::{Engine, Limits, Settings};
use crate::request::{PendingRequest, Request, Unfenced};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Enqueue,
    Exchange,
    Requeue,
    Remove,
    Checkpoint,
    /// Another process adds a file and closes its handle.
    OneShot,
    /// Another run adds a file and dies.
    Second,
    BlindAppend,
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
        Self::BlindAppend,
    ];
}

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

pub(super) fn engine(disk: FakeDisk, flaw: Option<Flaw>, mode: Mode) -> Engine<FlawedDisk> {
    engine_with(disk, flaw, mode, Limits::default())
}

pub(super) fn engine_with(disk: FakeDisk, flaw: Option<Flaw>, mode: Mode, limits: Limits) -> Engine<FlawedDisk> {
    let settings = Settings {
        base: PathBuf::from("/"),
        lock_timeout: Duration::from_secs(60),
        limits,
        mode,
        on_notice: Arc::new(|_| {}),
    };
    Engine::new(FlawedDisk::new(disk, flaw), settings)
}

pub(super) fn transact<T: Request>(engine: &mut Engine<FlawedDisk>, request: T) -> Result<T::Reply, StorageError> {
    let (pending, mut receiver) = PendingRequest::new(request, now());
    engine.change(vec![Box::new(pending)]);
    receiver.try_recv().expect("the engine answers every change before it returns")
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000)
}

/// The processes that execute a history, and the queue that they must have produced.
pub(super) struct Processes {
    disk: FakeDisk,
    flaw: Option<Flaw>,
    run: Engine<FlawedDisk>,
    files: usize,
    pub(super) model: FileQueue,
}

impl Processes {
    pub(super) fn new(disk: FakeDisk, flaw: Option<Flaw>) -> Self {
        let run = engine(disk.clone(), flaw, Mode::Service);
        Self { disk, flaw, run, files: 0, model: FileQueue::new() }
    }

    /// Executes an operation. Returns the queue that it must produce, and whether it succeeded.
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
            Operation::Requeue => self.by_the_run(Requeue::AllFailed),
            Operation::Remove => {
                let first = self.model.get_pending().first().map(|item| Selector::Id(item.id));
                self.by_the_run(Remove(first.into_iter().collect()))
            }
            Operation::Checkpoint => (self.model.clone(), self.run.close()),
            Operation::OneShot => self.by_another(engine(self.disk.clone(), self.flaw, Mode::Command), true),
            Operation::Second => self.by_another(engine(self.disk.clone(), self.flaw, Mode::Service), false),
            Operation::BlindAppend => {
                self.by_another(engine_with(self.disk.clone(), self.flaw, Mode::Command, Limits::ZERO), true)
            }
        }
    }

    pub(super) fn read_again(&mut self) -> Result<FileQueue, StorageError> {
        if let Ok(queue) = self.run.locked(|run| run.fresh_queue().cloned()) {
            return Ok(queue);
        }
        self.run = engine(self.disk.clone(), self.flaw, Mode::Service);
        self.run.locked(|run| run.fresh_queue().cloned())
    }

    fn by_the_run<T: Request>(&mut self, request: T) -> (FileQueue, Result<(), StorageError>) {
        let expected = expect(&self.model, &request);
        let done = transact(&mut self.run, request);
        (expected, done.map(drop))
    }

    fn by_another(&mut self, mut other: Engine<FlawedDisk>, closes: bool) -> (FileQueue, Result<(), StorageError>) {
        let request = self.addition();
        let expected = expect(&self.model, &request);
        let done = transact(&mut other, request).map(drop);
        if closes && done.is_ok() {
            // Closing may fail, because no acknowledged change depends on it.
            let _ = other.close();
        }
        (expected, done)
    }

    fn addition(&mut self) -> Enqueue {
        self.files += 1;
        addition(&format!("/file-{}", self.files))
    }

    fn exchange(&self) -> Unfenced {
        let run = RunId::new("run");
        let settlements = self.model.processing().filter_map(|item| {
            let number = item.claim.as_ref()?.number;
            let verdict = Verdict::Fail { timed_out: false, error: "exit status 1".into() };
            Some(Settlement { token: ClaimToken { item: item.id, number }, verdict })
        });
        let settlements = settlements.collect();
        Unfenced(ExchangeRequest { run, id: RequestId::default(), settlements, limit: 1, scope: Scope::Queue })
    }
}

pub(super) fn addition(file: &str) -> Enqueue {
    let file_path = FilePath::new(file).expect("a path");
    Enqueue { items: vec![NewItem::new(file_path)], answer: AnswerNeeded::Later, ..Enqueue::default() }
}

pub(super) fn expect<T: Transaction>(queue: &FileQueue, request: &T) -> FileQueue {
    let mut queue = queue.clone();
    request.perform(&mut queue, now()).expect("a request that the domain accepts");
    queue
}
