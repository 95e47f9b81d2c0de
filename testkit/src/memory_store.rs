//! A store in memory, exactly as strict as the rules.
//!
//! Every transaction goes through [`Transaction::perform`] under one lock. A [`MemoryPlace`] is what a folder is to a
//! store of files: handles opened on it see the same queue, and outlive one another.

mod fixture;
mod place;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use async_trait::async_trait;
use autoproc_domain::command::{
    Clear, Enqueue, ExchangeRequest, NewItem, RecoverRequest, Remove, Reprioritise, Selection, Selector,
};
use autoproc_domain::ports::{LiveRun, RunInfo, Storage, StorageError};
use autoproc_domain::queue::Transaction;
use autoproc_domain::view::{Counts, EnqueueOutcome, Exchanged, Page, PageRequest, RecoveredItem};
use autoproc_domain::{FileQueue, Priority, QueueItem, RunId, Status, Timestamp};

use crate::jitter::Jitter;

pub use place::MemoryPlace;

/// The port lets `changed` end without cause; where there is jitter, it does once in so many times.
const SPURIOUS_WAKE_ODDS: u64 = 8;

/// A handle on a [`MemoryPlace`]. Dropping it ends nothing: [`MemoryPlace::kill`] says which run died.
#[derive(Debug)]
pub struct MemoryStore {
    place: MemoryPlace,
    /// The version of the queue this handle last looked at.
    seen: AtomicU64,
    jitter: Arc<Jitter>,
}

impl MemoryStore {
    fn on(place: MemoryPlace) -> Self {
        let seen = AtomicU64::new(place.version());
        Self { place, seen, jitter: Arc::new(Jitter::none()) }
    }

    /// The same handle, whose every method gives way before and after it does its work.
    #[must_use]
    pub fn with_jitter(self, jitter: Arc<Jitter>) -> Self {
        Self { jitter, ..self }
    }

    async fn transact<R: Transaction + Sync>(&self, request: R, now: Timestamp) -> Result<R::Reply, StorageError> {
        self.pausing(|| self.place.transact(&request, now)).await
    }

    /// The pause after the work is where a crash leaves a transaction done and unanswered.
    async fn pausing<T>(&self, work: impl FnOnce() -> Result<(T, u64), StorageError>) -> Result<T, StorageError> {
        self.jitter.pause().await;
        let (reply, version) = work()?;
        self.seen.store(version, Ordering::Relaxed);
        self.jitter.pause().await;
        Ok(reply)
    }

    async fn read<T>(&self, look: impl FnOnce(&FileQueue) -> T) -> Result<T, StorageError> {
        self.pausing(|| Ok(self.place.read(look))).await
    }
}

#[async_trait]
impl Storage for MemoryStore {
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
        self.jitter.pause().await;
        Ok(self.place.dead())
    }

    async fn recover(&self, request: RecoverRequest, now: Timestamp) -> Result<Vec<RecoveredItem>, StorageError> {
        self.pausing(|| self.place.recover(request, now)).await
    }

    async fn begin_run(&self, run: RunInfo) -> Result<Vec<LiveRun>, StorageError> {
        self.jitter.pause().await;
        Ok(self.place.begin(run))
    }

    async fn end_run(&self, run: RunId) -> Result<Vec<LiveRun>, StorageError> {
        self.jitter.pause().await;
        Ok(self.place.end(&run))
    }

    async fn live_runs(&self) -> Result<Vec<LiveRun>, StorageError> {
        self.jitter.pause().await;
        Ok(self.place.living())
    }

    async fn changed(&self) {
        if self.jitter.one_in(SPURIOUS_WAKE_ODDS) {
            return;
        }
        std::future::poll_fn(|context| {
            let seen = self.seen.load(Ordering::Relaxed);
            if self.place.wake_after(seen, context.waker()) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    async fn page(&self, request: PageRequest) -> Result<Page, StorageError> {
        self.read(|queue| queue.page(&request)).await
    }

    async fn counts(&self) -> Result<Counts, StorageError> {
        self.read(FileQueue::counts).await
    }

    async fn find(&self, which: Selector) -> Result<Option<QueueItem>, StorageError> {
        self.read(|queue| queue.find(&which).cloned()).await
    }
}
