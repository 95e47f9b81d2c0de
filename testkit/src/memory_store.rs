//! A store in memory that follows the contract of the port exactly.
//!
//! A [`MemoryStore`] is a handle to a [`MemoryDatabase`]. The database keeps the queue even while
//! no handle is open.

mod database;
mod fixture;
mod lease;

use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use async_trait::async_trait;
use autoproc_domain::ports::{Begun, DeadRun, LiveRun, RunInfo, Runs, Storage, StorageError};
use autoproc_domain::queue::Transaction;
use autoproc_domain::request::{
    Cancel, Clear, Enqueue, ExchangeRequest, Hold, RecoverRequest, Remove, Reprioritise, Requeue, Scope, Selector,
};
use autoproc_domain::view::{Cancelled, Counts, Enqueued, Exchanged, Page, PageRequest, RecoveredItem};
use autoproc_domain::{FileQueue, QueueItem, RunId, Timestamp};

pub use database::{MemoryDatabase, Outage};
pub use fixture::MemoryFixture;

/// A handle to a [`MemoryDatabase`]. Dropping the handle ends no run: call [`Runs::end`] or
/// [`MemoryDatabase::kill`].
#[derive(Debug)]
pub struct MemoryStore {
    database: MemoryDatabase,
    seen: AtomicU64,
}

impl MemoryStore {
    fn on(database: MemoryDatabase) -> Self {
        let seen = AtomicU64::new(database.version());
        Self { database, seen }
    }

    fn transact<T: Transaction>(&self, request: &T, now: Timestamp) -> Result<T::Reply, StorageError> {
        self.look(self.database.transact(request, now))
    }

    fn read<T>(&self, read: impl FnOnce(&FileQueue) -> T) -> Result<T, StorageError> {
        self.look(self.database.read(read))
    }

    fn look<T>(&self, answer: Result<(T, u64), StorageError>) -> Result<T, StorageError> {
        let (reply, version) = answer?;
        self.seen.store(version, Ordering::Relaxed);
        Ok(reply)
    }
}

#[async_trait]
impl Storage for MemoryStore {
    async fn enqueue(&self, request: Enqueue, now: Timestamp) -> Result<Vec<Enqueued>, StorageError> {
        self.look(self.database.enqueue(&request, now))
    }

    async fn exchange(&self, request: ExchangeRequest, now: Timestamp) -> Result<Exchanged, StorageError> {
        self.look(self.database.exchange(&request, now))
    }

    async fn requeue(&self, request: Requeue, now: Timestamp) -> Result<usize, StorageError> {
        self.transact(&request, now)
    }

    async fn reprioritise(&self, request: Reprioritise, now: Timestamp) -> Result<QueueItem, StorageError> {
        self.transact(&request, now)
    }

    async fn hold(&self, request: Hold, now: Timestamp) -> Result<usize, StorageError> {
        self.transact(&request, now)
    }

    async fn cancel(&self, request: Cancel, now: Timestamp) -> Result<Cancelled, StorageError> {
        self.transact(&request, now)
    }

    async fn remove(&self, request: Remove, now: Timestamp) -> Result<usize, StorageError> {
        self.transact(&request, now)
    }

    async fn clear(&self, request: Clear, now: Timestamp) -> Result<Counts, StorageError> {
        self.transact(&request, now)
    }

    async fn recover(&self, request: RecoverRequest, now: Timestamp) -> Result<Vec<RecoveredItem>, StorageError> {
        self.look(self.database.recover(request, now))
    }

    async fn page(&self, request: PageRequest) -> Result<Page, StorageError> {
        self.read(|queue| queue.page(&request))
    }

    async fn peek(&self, now: Timestamp) -> Result<Option<QueueItem>, StorageError> {
        self.read(|queue| queue.peek(now).cloned())
    }

    async fn find(&self, which: Selector) -> Result<Option<QueueItem>, StorageError> {
        self.read(|queue| queue.find(&which).cloned())
    }

    async fn counts(&self, scope: Scope) -> Result<Counts, StorageError> {
        self.read(|queue| queue.counts_in(&scope))
    }

    async fn changed(&self) {
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
        self.database.begin(run)
    }

    async fn end(&self, run: RunId) -> Result<Vec<LiveRun>, StorageError> {
        self.database.end(&run)
    }

    async fn live(&self) -> Result<Vec<LiveRun>, StorageError> {
        self.database.live()
    }

    async fn dead(&self) -> Result<Vec<DeadRun>, StorageError> {
        self.database.dead()
    }
}
