//! A store in memory, exactly as strict as the rules, with or without leases.
//!
//! Every transaction is [`Transaction::perform`] under one lock. A [`MemoryDatabase`] is to its handles
//! what a folder is to a store of files: they see the same queue, and outlive one another.

mod database;
mod fixture;
mod lease;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use async_trait::async_trait;
use autoproc_domain::ports::{Begun, DeadRun, LiveRun, RunInfo, Runs, Storage, StorageError};
use autoproc_domain::queue::Transaction;
use autoproc_domain::request::{
    Cancel, Clear, Enqueue, ExchangeRequest, Hold, RecoverRequest, Remove, Reprioritise, Selection, Selector,
};
use autoproc_domain::view::{Cancelled, Counts, Enqueued, Exchanged, Page, PageRequest, RecoveredItem};
use autoproc_domain::{FileQueue, QueueItem, RunId, Timestamp};

use crate::Jitter;

pub use database::{MemoryDatabase, Outage};
pub use fixture::MemoryFixture;

/// The port lets `changed` end without cause; with jitter, it does once in this many times.
const SPURIOUS_CHANGE_ODDS: u64 = 8;

/// A handle on a [`MemoryDatabase`]. Dropping it ends no run: [`MemoryDatabase::kill`] does.
#[derive(Debug)]
pub struct MemoryStore {
    database: MemoryDatabase,
    /// The version of the queue that this handle last looked at.
    seen: AtomicU64,
    jitter: Arc<Jitter>,
}

impl MemoryStore {
    fn on(database: MemoryDatabase) -> Self {
        let seen = AtomicU64::new(database.version());
        Self { database, seen, jitter: Arc::new(Jitter::none()) }
    }

    /// The same handle, whose every method pauses before and after its work.
    #[must_use]
    pub fn with_jitter(self, jitter: Arc<Jitter>) -> Self {
        Self { jitter, ..self }
    }

    async fn transact<T: Transaction + Sync>(&self, request: T, now: Timestamp) -> Result<T::Reply, StorageError> {
        self.pausing(|| self.database.transact(&request, now)).await
    }

    /// A crash during the pause after the work leaves a transaction done and unanswered.
    async fn pausing<T>(&self, work: impl FnOnce() -> Result<(T, u64), StorageError>) -> Result<T, StorageError> {
        self.jitter.pause().await;
        let (reply, version) = work()?;
        self.seen.store(version, Ordering::Relaxed);
        self.jitter.pause().await;
        Ok(reply)
    }

    async fn read<T>(&self, read: impl FnOnce(&FileQueue) -> T) -> Result<T, StorageError> {
        self.pausing(|| self.database.read(read)).await
    }
}

#[async_trait]
impl Storage for MemoryStore {
    async fn enqueue(&self, request: Enqueue, now: Timestamp) -> Result<Vec<Enqueued>, StorageError> {
        self.pausing(|| self.database.enqueue(&request, now)).await
    }

    async fn exchange(&self, request: ExchangeRequest, now: Timestamp) -> Result<Exchanged, StorageError> {
        self.pausing(|| self.database.exchange(&request, now)).await
    }

    async fn requeue(&self, request: Selection, now: Timestamp) -> Result<usize, StorageError> {
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
        self.pausing(|| self.database.recover(request, now)).await
    }

    async fn page(&self, request: PageRequest) -> Result<Page, StorageError> {
        self.read(|queue| queue.page(&request)).await
    }

    async fn peek(&self, now: Timestamp) -> Result<Option<QueueItem>, StorageError> {
        self.read(|queue| queue.peek(now).cloned()).await
    }

    async fn find(&self, which: Selector) -> Result<Option<QueueItem>, StorageError> {
        self.read(|queue| queue.find(&which).cloned()).await
    }

    async fn counts(&self) -> Result<Counts, StorageError> {
        self.read(FileQueue::counts).await
    }

    async fn changed(&self) {
        if self.jitter.one_in(SPURIOUS_CHANGE_ODDS) {
            return;
        }
        std::future::poll_fn(|context| {
            let seen = self.seen.load(Ordering::Relaxed);
            if self.database.wake_after(seen, context.waker()) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

#[async_trait]
impl Runs for MemoryStore {
    async fn begin(&self, run: RunInfo) -> Result<Begun, StorageError> {
        self.jitter.pause().await;
        self.database.begin(run)
    }

    async fn end(&self, run: RunId) -> Result<Vec<LiveRun>, StorageError> {
        self.jitter.pause().await;
        self.database.end(&run)
    }

    async fn live(&self) -> Result<Vec<LiveRun>, StorageError> {
        self.jitter.pause().await;
        self.database.live()
    }

    async fn dead(&self) -> Result<Vec<DeadRun>, StorageError> {
        self.jitter.pause().await;
        self.database.dead()
    }
}
