//! The Storage port on a folder.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::command::{
    Clear, Enqueue, ExchangeRequest, NewItem, RecoverRequest, Remove, Reprioritise, Selection, Selector,
};
use autoproc_domain::event::Event;
use autoproc_domain::ports::{LiveRun, RunInfo, Storage, StorageError};
use autoproc_domain::queue::{Performed, Transaction};
use autoproc_domain::view::{Counts, EnqueueOutcome, Exchanged, Page, PageRequest, RecoveredItem};
use autoproc_domain::{FileQueue, Priority, QueueItem, RunId, Status, Timestamp};
use tokio::sync::oneshot;

use crate::disk::RealDisk;
use crate::engine::{Change, Engine, Limits, Settings};
use crate::error::in_folder;
use crate::worker::Worker;

/// The use of a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A single command: every change leaves a small queue as one readable file. A call blocks the thread that polls it,
    /// because a command has nothing else to do and a thread takes longer than most calls.
    Command,
    /// A run with many changes: they go to the journal, and [`JsonStore::close`] leaves the readable file. The handle has a
    /// thread of its own for blocking calls, so it works under any executor.
    Service,
}

/// The configuration of a handle.
#[derive(Clone)]
pub struct StoreConfig {
    /// The folder of the store's files. Created by the first change.
    pub state_dir: PathBuf,
    /// The folder that relative paths in files of the original program start from.
    pub base: PathBuf,
    /// How long to wait for the lock before failing with the name of its holder.
    pub lock_timeout: Duration,
    /// The use of the handle.
    pub mode: Mode,
    /// Receives messages about repairs and oddities, for a person.
    pub on_notice: Arc<dyn Fn(&str) + Send + Sync>,
}

/// The queue in a folder.
///
/// Opening touches no file; the first call does. Reading needs no lock and no permission to write. The [`Mode`] determines
/// which thread a call blocks. Dropping the handle waits for its thread, if it has one, and releases the locks of the runs
/// that it began.
pub struct JsonStore {
    config: StoreConfig,
    allow_network_fs: bool,
    worker: Mutex<Option<Arc<Worker<RealDisk>>>>,
}

impl JsonStore {
    /// A handle on the store in a folder that need not exist yet.
    #[must_use]
    pub fn open(config: StoreConfig) -> Self {
        Self { config, allow_network_fs: false, worker: Mutex::new(None) }
    }

    /// The same handle with permission to change a store on a network file system. By default it refuses, because locks and
    /// syncs are unreliable there.
    #[must_use]
    pub fn allowing_network_fs(self, allow_network_fs: bool) -> Self {
        Self { allow_network_fs, ..self }
    }

    /// Leaves a small queue as one readable file. Not required for durability.
    ///
    /// # Errors
    /// [`StorageError`]; the queue is unchanged.
    pub async fn close(&self) -> Result<(), StorageError> {
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match worker {
            Some(worker) => self.located(worker.ask(Engine::close).await),
            None => Ok(()),
        }
    }

    fn worker(&self) -> Result<Arc<Worker<RealDisk>>, StorageError> {
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(worker) = worker.as_ref() {
            return Ok(Arc::clone(worker));
        }
        let StoreConfig { state_dir, base, lock_timeout, mode, on_notice } = self.config.clone();
        let settings = Settings { base, lock_timeout, limits: Limits::default(), mode, on_notice };
        let disk = RealDisk::new(state_dir).allowing_network_fs(self.allow_network_fs);
        let started = match mode {
            Mode::Command => Worker::inline(Engine::new(disk, settings)),
            Mode::Service => Worker::start(move || Engine::new(disk, settings))
                .map_err(|source| StorageError::Io { action: "cannot start the store's thread".into(), source })?,
        };
        Ok(Arc::clone(worker.insert(Arc::new(started))))
    }

    async fn transact<T: Transaction>(&self, request: T, now: Timestamp) -> Result<T::Reply, StorageError> {
        let (pending, receiver) = PendingTransaction::new(request, now);
        self.worker()?.change(Box::new(pending));
        self.located(receiver.await.unwrap_or(Err(StorageError::Poisoned)))
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Engine<RealDisk>) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        self.located(self.worker()?.ask(question).await)
    }

    fn located<T>(&self, answer: Result<T, StorageError>) -> Result<T, StorageError> {
        answer.map_err(|error| in_folder(error, &self.config.state_dir))
    }
}

/// A transaction that waits for its commit.
pub(crate) struct PendingTransaction<T: Transaction> {
    request: T,
    now: Timestamp,
    reply: Option<Result<T::Reply, StorageError>>,
    sender: oneshot::Sender<Result<T::Reply, StorageError>>,
}

impl<T: Transaction> PendingTransaction<T> {
    /// A transaction and the receiver of its reply.
    pub(crate) fn new(request: T, now: Timestamp) -> (Self, oneshot::Receiver<Result<T::Reply, StorageError>>) {
        let (sender, receiver) = oneshot::channel();
        (Self { request, now, reply: None, sender }, receiver)
    }
}

impl<T: Transaction> Change for PendingTransaction<T> {
    fn perform(&mut self, queue: &mut FileQueue) -> Vec<Event> {
        match self.request.perform(queue, self.now) {
            Ok(Performed { events, reply }) => {
                self.reply = Some(Ok(reply));
                events
            }
            Err(rejection) => {
                self.reply = Some(Err(rejection.into()));
                Vec::new()
            }
        }
    }

    fn perform_blind(&mut self) -> Option<Vec<Event>> {
        let Performed { events, reply } = self.request.perform_unseen(self.now)?;
        self.reply = Some(Ok(reply));
        Some(events)
    }

    fn answer(self: Box<Self>, committed: Result<(), StorageError>) {
        let reply = self.reply.unwrap_or(Err(StorageError::Poisoned));
        // The caller may have stopped waiting; the transaction counts all the same.
        let _ = self.sender.send(committed.and(reply));
    }
}

#[async_trait]
impl Storage for JsonStore {
    async fn enqueue(&self, batch: Vec<NewItem>, now: Timestamp) -> Result<Vec<EnqueueOutcome>, StorageError> {
        self.transact(Enqueue(batch), now).await
    }

    async fn exchange(&self, request: ExchangeRequest, now: Timestamp) -> Result<Exchanged, StorageError> {
        self.transact(request, now).await
    }

    async fn requeue(&self, selection: Selection, now: Timestamp) -> Result<usize, StorageError> {
        self.transact(selection, now).await
    }

    async fn reprioritise(
        &self,
        which: Selector,
        priority: Priority,
        now: Timestamp,
    ) -> Result<QueueItem, StorageError> {
        self.transact(Reprioritise { which, priority }, now).await
    }

    async fn remove(&self, which: Vec<Selector>, now: Timestamp) -> Result<usize, StorageError> {
        self.transact(Remove(which), now).await
    }

    async fn clear(&self, statuses: Vec<Status>, now: Timestamp) -> Result<Counts, StorageError> {
        self.transact(Clear(statuses), now).await
    }

    async fn dead_runs(&self) -> Result<Vec<RunId>, StorageError> {
        self.ask(Engine::dead_runs).await
    }

    async fn recover(&self, request: RecoverRequest, now: Timestamp) -> Result<Vec<RecoveredItem>, StorageError> {
        self.ask(move |engine| engine.recover(request, now)).await
    }

    async fn begin_run(&self, run: RunInfo) -> Result<Vec<LiveRun>, StorageError> {
        self.ask(move |engine| engine.begin_run(&run)).await
    }

    async fn end_run(&self, run: RunId) -> Result<Vec<LiveRun>, StorageError> {
        self.ask(move |engine| engine.end_run(&run)).await
    }

    async fn live_runs(&self) -> Result<Vec<LiveRun>, StorageError> {
        self.ask(|engine| engine.live_runs()).await
    }

    async fn changed(&self) {
        // If the thread cannot be started, the next transaction reports it.
        if let Ok(worker) = self.worker() {
            worker.changed().await;
        }
    }

    async fn page(&self, request: PageRequest) -> Result<Page, StorageError> {
        self.ask(move |engine| Ok(engine.view()?.page(&request))).await
    }

    async fn counts(&self) -> Result<Counts, StorageError> {
        self.ask(|engine| Ok(engine.view()?.counts())).await
    }

    async fn find(&self, which: Selector) -> Result<Option<QueueItem>, StorageError> {
        self.ask(move |engine| Ok(engine.view()?.find(&which).cloned())).await
    }
}
