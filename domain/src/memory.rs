//! A store that keeps the queue in memory. The queue is lost when the process exits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use async_trait::async_trait;

use crate::item::{QueueItem, RunId};
use crate::ports::{Begun, Runs, Storage, StorageError};
use crate::queue::{FileQueue, LatestExchanges, Transaction};
use crate::request::{
    Cancel, Clear, Enqueue, ExchangeRequest, Hold, RecoverRequest, Remove, Reprioritise, Requeue, Scope, Selector,
};
use crate::run_info::{DeadRun, LiveRun, RunInfo};
use crate::time::Timestamp;
use crate::view::{Cancelled, Counts, Enqueued, Exchanged, Page, PageRequest, RecoveredItem};

/// A handle to a queue in memory. Clones share the queue. A run is alive until [`end`](Runs::end)
/// is called.
#[derive(Debug, Default)]
pub struct MemoryStorage {
    shared: Arc<Mutex<Shared>>,
    seen: AtomicU64,
}

#[derive(Debug, Default)]
struct Shared {
    queue: FileQueue,
    alive: BTreeMap<RunId, RunInfo>,
    /// Runs that ended while they held claims.
    dead: BTreeMap<RunId, RunInfo>,
    latest: LatestExchanges,
    version: u64,
    waiting: Vec<Waker>,
}

impl MemoryStorage {
    /// Creates a handle to an empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Transactions are atomic, so the queue is consistent even if a panic has poisoned the
        // lock.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn transact<T: Transaction>(&self, request: &T, now: Timestamp) -> Result<T::Reply, StorageError> {
        self.transact_on(&mut self.lock(), request, now)
    }

    fn transact_on<T: Transaction>(
        &self,
        shared: &mut Shared,
        request: &T,
        now: Timestamp,
    ) -> Result<T::Reply, StorageError> {
        let performed = request.perform(&mut shared.queue, now)?;
        if !performed.events.is_empty() {
            shared.version += 1;
            shared.waiting.drain(..).for_each(Waker::wake);
        }
        self.seen.store(shared.version, Ordering::Relaxed);
        Ok(performed.reply)
    }

    fn read<T>(&self, read: impl FnOnce(&FileQueue) -> T) -> T {
        let shared = self.lock();
        self.seen.store(shared.version, Ordering::Relaxed);
        read(&shared.queue)
    }
}

impl Clone for MemoryStorage {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), seen: AtomicU64::default() }
    }
}

#[async_trait]
impl Storage for MemoryStorage {
    async fn enqueue(&self, request: Enqueue, now: Timestamp) -> Result<Vec<Enqueued>, StorageError> {
        self.transact(&request, now)
    }

    async fn exchange(&self, request: ExchangeRequest, now: Timestamp) -> Result<Exchanged, StorageError> {
        let mut shared = self.lock();
        if !shared.alive.contains_key(&request.run) {
            return Err(StorageError::LeaseLost { run: request.run });
        }
        if let Some(answer) = shared.latest.answer(&request) {
            return Ok(answer);
        }
        let answer = self.transact_on(&mut shared, &request, now)?;
        shared.latest.record(&request, &answer);
        Ok(answer)
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

    async fn recover(&self, mut request: RecoverRequest, now: Timestamp) -> Result<Vec<RecoveredItem>, StorageError> {
        let mut shared = self.lock();
        request.runs.retain(|run| !shared.alive.contains_key(run));
        let recovered = self.transact_on(&mut shared, &request, now)?;
        shared.dead.retain(|run, _| !request.runs.contains(run));
        Ok(recovered)
    }

    async fn page(&self, request: PageRequest) -> Result<Page, StorageError> {
        Ok(self.read(|queue| queue.page(&request)))
    }

    async fn peek(&self, now: Timestamp) -> Result<Option<QueueItem>, StorageError> {
        Ok(self.read(|queue| queue.peek(now).cloned()))
    }

    async fn find(&self, which: Selector) -> Result<Option<QueueItem>, StorageError> {
        Ok(self.read(|queue| queue.find(&which).cloned()))
    }

    async fn counts(&self, scope: Scope) -> Result<Counts, StorageError> {
        Ok(self.read(|queue| queue.counts_in(&scope)))
    }

    async fn changed(&self) {
        let seen = self.seen.load(Ordering::Relaxed);
        std::future::poll_fn(|context| {
            let mut shared = self.lock();
            if shared.version != seen {
                return Poll::Ready(());
            }
            shared.waiting.retain(|waker| !waker.will_wake(context.waker()));
            shared.waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

#[async_trait]
impl Runs for MemoryStorage {
    async fn begin(&self, run: RunInfo) -> Result<Begun, StorageError> {
        let mut shared = self.lock();
        let others = shared.live_runs();
        shared.alive.insert(run.id.clone(), run);
        Ok(Begun::without_lease(others))
    }

    async fn end(&self, run: RunId) -> Result<Vec<LiveRun>, StorageError> {
        let mut shared = self.lock();
        shared.latest.forget(&run);
        let is_holder = shared.queue.processing().any(|item| item.claim.as_ref().is_some_and(|claim| claim.run == run));
        let ended = shared.alive.remove(&run).filter(|_| is_holder);
        shared.dead.extend(ended.map(|info| (run, info)));
        Ok(shared.live_runs())
    }

    async fn live(&self) -> Result<Vec<LiveRun>, StorageError> {
        Ok(self.lock().live_runs())
    }

    async fn dead(&self) -> Result<Vec<DeadRun>, StorageError> {
        let located =
            |info: &RunInfo| DeadRun { location: Some(info.location.clone()), ..DeadRun::gone(info.id.clone()) };
        Ok(self.lock().dead.values().map(located).collect())
    }
}

impl Shared {
    fn live_runs(&self) -> Vec<LiveRun> {
        self.alive.values().map(|info| LiveRun { info: info.clone(), heard_of: None }).collect()
    }
}
