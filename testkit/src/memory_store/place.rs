//! What the handles of a memory store share.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use autoproc_domain::command::{Command, ExchangeRequest, RecoverRequest};
use autoproc_domain::ports::{LiveRun, RunInfo, StorageError};
use autoproc_domain::queue::Transaction;
use autoproc_domain::{FileQueue, RunId, Timestamp};

use crate::MemoryStore;

/// Where a queue lives. Cloning it names the same place.
#[derive(Debug, Clone, Default)]
pub struct MemoryPlace(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    queue: FileQueue,
    alive: BTreeMap<RunId, RunInfo>,
    /// Runs that died without a word and were not recovered.
    traces: BTreeSet<RunId>,
    /// Every run that ever began; a name is used once.
    begun: BTreeSet<RunId>,
    version: u64,
    waiting: Vec<Waker>,
    busy_answers: usize,
    is_full: bool,
}

impl MemoryPlace {
    /// A place with an empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Another handle.
    #[must_use]
    pub fn open(&self) -> MemoryStore {
        MemoryStore::on(self.clone())
    }

    /// Ends a run's life without goodbye, as a crash does. Its claims stay until somebody recovers them.
    pub fn kill(&self, run: &RunId) {
        let mut held = self.lock();
        if held.alive.remove(run).is_some() {
            held.traces.insert(run.clone());
        }
    }

    /// The next so many transactions answer that somebody else holds the store.
    pub fn answer_busy(&self, transactions: usize) {
        self.lock().busy_answers = transactions;
    }

    /// Whether there is room for new items and claims. Settlements, and what makes room, always find some.
    pub fn set_full(&self, is_full: bool) {
        self.lock().is_full = is_full;
    }

    /// The queue as it is.
    #[must_use]
    pub fn queue(&self) -> FileQueue {
        self.lock().queue.clone()
    }

    /// Reaches past the rules into the queue, for stores that are to be broken on purpose.
    pub fn tamper<T>(&self, with: impl FnOnce(&mut FileQueue) -> T) -> T {
        let mut held = self.lock();
        let output = with(&mut held.queue);
        held.announce();
        output
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&FileQueue) -> T) -> (T, u64) {
        let held = self.lock();
        (look(&held.queue), held.version)
    }

    pub(super) fn transact<R: Transaction>(
        &self,
        request: &R,
        now: Timestamp,
    ) -> Result<(R::Reply, u64), StorageError> {
        self.lock().transact(request, now)
    }

    /// Recovers those of the runs that are dead, and forgets them.
    pub(super) fn recover(
        &self,
        mut request: RecoverRequest,
        now: Timestamp,
    ) -> Result<(<RecoverRequest as Transaction>::Reply, u64), StorageError> {
        let mut held = self.lock();
        request.runs.retain(|run| !held.alive.contains_key(run));
        let answer = held.transact(&request, now)?;
        held.traces.retain(|run| !request.runs.contains(run));
        Ok(answer)
    }

    pub(super) fn version(&self) -> u64 {
        self.lock().version
    }

    /// Wakes at the next change, or at once where the version is another one already.
    pub(super) fn wake_after(&self, version: u64, waker: &Waker) -> bool {
        let mut held = self.lock();
        let has_changed = held.version != version;
        if !has_changed && !held.waiting.iter().any(|waiting| waiting.will_wake(waker)) {
            held.waiting.push(waker.clone());
        }
        has_changed
    }

    pub(super) fn begin(&self, run: RunInfo) -> Vec<LiveRun> {
        let mut held = self.lock();
        assert!(held.begun.insert(run.id.clone()), "the run {} began twice; names are unique", run.id);
        let others = held.living();
        held.alive.insert(run.id.clone(), run);
        others
    }

    pub(super) fn end(&self, run: &RunId) -> Vec<LiveRun> {
        let mut held = self.lock();
        held.alive.remove(run);
        held.living()
    }

    pub(super) fn living(&self) -> Vec<LiveRun> {
        self.lock().living()
    }

    pub(super) fn dead(&self) -> Vec<RunId> {
        let held = self.lock();
        let claimants = held.queue.processing().filter_map(|item| Some(item.claim.as_ref()?.run.clone()));
        let dead: BTreeSet<_> = claimants.chain(held.traces.iter().cloned()).collect();
        dead.into_iter().filter(|run| !held.alive.contains_key(run)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // A panic elsewhere is that test's failure; the queue changes only by whole transactions.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn transact<R: Transaction>(&mut self, request: &R, now: Timestamp) -> Result<(R::Reply, u64), StorageError> {
        self.refuse(&request.clone().into())?;
        let performed = request.perform(&mut self.queue, now)?;
        if !performed.events.is_empty() {
            self.announce();
        }
        Ok((performed.reply, self.version))
    }

    fn living(&self) -> Vec<LiveRun> {
        self.alive.values().map(|info| LiveRun { info: info.clone(), owner: "this test".to_owned() }).collect()
    }

    fn announce(&mut self) {
        self.version += 1;
        self.waiting.drain(..).for_each(Waker::wake);
    }

    /// The answers somebody ordered in place of the rules'.
    fn refuse(&mut self, command: &Command) -> Result<(), StorageError> {
        if self.busy_answers > 0 {
            self.busy_answers -= 1;
            return Err(StorageError::Busy { holder: "this test".to_owned() });
        }
        let needs_room = match command {
            Command::Enqueue(_) => true,
            Command::Exchange(ExchangeRequest { limit, .. }) => *limit > 0,
            _ => false,
        };
        if self.is_full && needs_room {
            return Err(StorageError::Full(io::ErrorKind::StorageFull.into()));
        }
        Ok(())
    }
}
