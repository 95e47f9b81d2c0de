//! Stores a queue in a folder.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::ports::{Begun, Runs, Storage, StorageError};
use autoproc_domain::request::{
    Cancel, Clear, Enqueue, ExchangeRequest, Hold, RecoverRequest, Remove, Reprioritise, Requeue, Scope, Selector,
};
use autoproc_domain::run_info::{DeadRun, LiveRun, RunInfo};
use autoproc_domain::view::{Cancelled, Counts, Enqueued, Exchanged, Page, PageRequest, RecoveredItem};
use autoproc_domain::{QueueItem, RunId, Timestamp};

use crate::disk::RealDisk;
use crate::engine::{Engine, Limits, Mode, Settings};
use crate::error::{failed, gone, in_folder};
use crate::request::{PendingRequest, Request};
use crate::worker::Worker;

/// The configuration of a [`JsonStore`].
#[derive(Clone)]
pub struct StoreConfig {
    /// The folder of the store's files; the first change creates it.
    pub state_dir: PathBuf,
    /// The base folder of relative paths in the store's files. The original Python program writes
    /// such paths.
    pub base: PathBuf,
    /// The maximum wait for the store's lock. After this time, the call fails with an error that
    /// names the lock's holder.
    pub lock_timeout: Duration,
    /// Whether the handle serves a single command or a run.
    pub mode: Mode,
    /// Receives human-readable messages about repairs and anomalies.
    pub on_notice: Arc<dyn Fn(&str) + Send + Sync>,
}

/// A handle to the queue in a folder and to its runs.
///
/// Opening accesses no file; the first call does. Reading needs neither the lock nor write
/// permission. The [`Mode`] determines which thread a call blocks.
///
/// Dropping the handle waits for the handle's thread, and releases the locks of the runs that the
/// handle began. These runs then count as dead. A run must make its exchanges through the handle
/// that began the run. Runs have no lease.
///
/// In [`Mode::Command`], if the snapshot is longer than 32 KiB, the store usually appends an
/// addition to the journal without reading the queue. The addition must have
/// [`AnswerNeeded::Later`](autoproc_domain::request::AnswerNeeded::Later).
pub struct JsonStore {
    config: StoreConfig,
    allow_network_fs: bool,
    worker: Mutex<Option<Arc<Worker<RealDisk>>>>,
}

impl JsonStore {
    /// Returns a handle to the store in a folder, which need not exist yet.
    #[must_use]
    pub fn open(config: StoreConfig) -> Self {
        Self { config, allow_network_fs: false, worker: Mutex::new(None) }
    }

    /// Permits changes to a store on a network file system. By default, these changes are refused,
    /// because locks and syncs are unreliable there.
    #[must_use]
    pub fn allowing_network_fs(self, allow_network_fs: bool) -> Self {
        Self { allow_network_fs, ..self }
    }

    fn started_worker(&self) -> Option<Arc<Worker<RealDisk>>> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
                .map_err(|source| failed("cannot start the store's thread", source))?,
        };
        Ok(Arc::clone(worker.insert(Arc::new(started))))
    }

    async fn transact<T: Request>(&self, request: T, now: Timestamp) -> Result<T::Reply, StorageError> {
        let (pending, receiver) = PendingRequest::new(request, now);
        self.worker()?.change(Box::new(pending));
        self.located(receiver.await.unwrap_or_else(|_| Err(gone())))
    }

    async fn ask<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Engine<RealDisk>) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        self.located(self.worker()?.ask(call).await)
    }

    fn located<T>(&self, answer: Result<T, StorageError>) -> Result<T, StorageError> {
        answer.map_err(|error| in_folder(error, &self.config.state_dir))
    }
}

#[async_trait]
impl Storage for JsonStore {
    async fn enqueue(&self, request: Enqueue, now: Timestamp) -> Result<Vec<Enqueued>, StorageError> {
        self.transact(request, now).await
    }

    async fn exchange(&self, request: ExchangeRequest, now: Timestamp) -> Result<Exchanged, StorageError> {
        self.transact(request, now).await
    }

    async fn requeue(&self, request: Requeue, now: Timestamp) -> Result<usize, StorageError> {
        self.transact(request, now).await
    }

    async fn reprioritise(&self, request: Reprioritise, now: Timestamp) -> Result<QueueItem, StorageError> {
        self.transact(request, now).await
    }

    async fn hold(&self, request: Hold, now: Timestamp) -> Result<usize, StorageError> {
        self.transact(request, now).await
    }

    async fn cancel(&self, request: Cancel, now: Timestamp) -> Result<Cancelled, StorageError> {
        self.transact(request, now).await
    }

    async fn remove(&self, request: Remove, now: Timestamp) -> Result<usize, StorageError> {
        self.transact(request, now).await
    }

    async fn clear(&self, request: Clear, now: Timestamp) -> Result<Counts, StorageError> {
        self.transact(request, now).await
    }

    async fn recover(&self, request: RecoverRequest, now: Timestamp) -> Result<Vec<RecoveredItem>, StorageError> {
        self.ask(move |engine| engine.recover(request, now)).await
    }

    async fn page(&self, request: PageRequest) -> Result<Page, StorageError> {
        self.ask(move |engine| Ok(engine.view()?.page(&request))).await
    }

    async fn peek(&self, now: Timestamp) -> Result<Option<QueueItem>, StorageError> {
        self.ask(move |engine| Ok(engine.view()?.peek(now).cloned())).await
    }

    async fn find(&self, which: Selector) -> Result<Option<QueueItem>, StorageError> {
        self.ask(move |engine| Ok(engine.view()?.find(&which).cloned())).await
    }

    async fn counts(&self, scope: Scope) -> Result<Counts, StorageError> {
        self.ask(move |engine| Ok(engine.view()?.counts_in(&scope))).await
    }

    async fn changed(&self) {
        // If the thread cannot be started, the next transaction reports the error.
        if let Ok(worker) = self.worker() {
            worker.changed().await;
        }
    }

    async fn close(&self) -> Result<(), StorageError> {
        match self.started_worker() {
            Some(worker) => self.located(worker.ask(Engine::close).await),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Runs for JsonStore {
    async fn begin(&self, run: RunInfo) -> Result<Begun, StorageError> {
        self.ask(move |engine| engine.begin_run(&run)).await.map(Begun::without_lease)
    }

    async fn end(&self, run: RunId) -> Result<Vec<LiveRun>, StorageError> {
        self.ask(move |engine| engine.end_run(&run)).await
    }

    async fn live(&self) -> Result<Vec<LiveRun>, StorageError> {
        self.ask(|engine| engine.live_runs()).await
    }

    async fn dead(&self) -> Result<Vec<DeadRun>, StorageError> {
        self.ask(Engine::dead_runs).await
    }
}
