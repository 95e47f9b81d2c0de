//! The state shared by all handles of a memory store.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use autoproc_domain::ports::{Begun, DeadRun, DeathEvidence, Lease, LeaseTerms, LiveRun, RunInfo, StorageError};
use autoproc_domain::queue::{LatestExchanges, Transaction};
use autoproc_domain::request::{AnswerNeeded, Enqueue, ExchangeRequest, RecoverRequest};
use autoproc_domain::view::{EnqueueOutcome, Enqueued, Exchanged, RecoveredItem};
use autoproc_domain::{FileQueue, RunId, Timestamp};

use super::MemoryStore;
use super::lease::{Leasing, MemoryLease};
use crate::VirtualClock;

/// A queue and its runs. All clones share the same queue.
#[derive(Debug, Clone, Default)]
pub struct MemoryDatabase(Arc<Mutex<Contents>>);

/// The message that is lost in an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// The request is lost, so the transaction does not happen.
    Request,
    /// The answer is lost, but the transaction happens.
    Answer,
}

#[derive(Debug, Default)]
struct Contents {
    queue: FileQueue,
    latest: LatestExchanges,
    /// Includes ended runs, because run ids must not be reused.
    runs: BTreeMap<RunId, Run>,
    leasing: Option<Leasing>,
    version: u64,
    waiting: Vec<Waker>,
    lease_waiting: Vec<Waker>,
    busy_answers: usize,
    outages: Vec<Outage>,
    is_full: bool,
    accepts_unread: bool,
}

#[derive(Debug)]
struct Run {
    info: RunInfo,
    begun_at: Duration,
    life: Life,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Alive,
    /// The lease is not renewed, and expires at this time.
    CutOff(Duration),
    Killed,
    Ended,
    Recovered,
}

impl MemoryDatabase {
    /// Creates an empty queue without leases. A killed run counts as dead immediately.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an empty queue with leases. The store renews the lease of a run until the run is
    /// [cut off](Self::cut_off).
    #[must_use]
    pub fn with_leases(clock: VirtualClock, terms: LeaseTerms) -> Self {
        let contents = Contents { leasing: Some(Leasing { clock, terms }), ..Contents::default() };
        Self(Arc::new(Mutex::new(contents)))
    }

    /// Opens another handle.
    #[must_use]
    pub fn open(&self) -> MemoryStore {
        MemoryStore::on(self.clone())
    }

    /// Simulates a crash of a run. The run keeps its claims until recovery. With leases, the run
    /// counts as dead only after its lease has expired.
    pub fn kill(&self, run: &RunId) {
        if self.lock().leasing.is_some() {
            self.cut_off(run);
        } else {
            self.change_life(run, Life::Killed);
        }
    }

    /// Stops the renewal of a run's lease.
    ///
    /// # Panics
    /// Panics if the database has no leases.
    pub fn cut_off(&self, run: &RunId) {
        let ends_at = {
            let contents = self.lock();
            let leasing = contents.leasing.as_ref().expect("a database with leases");
            let alive = contents.runs.get(run).filter(|run| run.life == Life::Alive);
            alive.map(|run| leasing.end_without_renewal(run.begun_at))
        };
        if let Some(ends_at) = ends_at {
            self.change_life(run, Life::CutOff(ends_at));
        }
    }

    /// Resumes the renewal of a run's lease if the lease has not expired.
    pub fn reconnect(&self, run: &RunId) {
        let mut contents = self.lock();
        if contents.lease_ends_at(run).is_some_and(|ends_at| contents.clock() < ends_at) {
            let now = contents.clock();
            contents.runs.entry(run.clone()).and_modify(|run| (run.life, run.begun_at) = (Life::Alive, now));
            contents.lease_waiting.drain(..).for_each(Waker::wake);
        }
    }

    /// Returns the time of the virtual clock at which the lease of a run expires. Returns `None`
    /// while the store renews the lease.
    #[must_use]
    pub fn lease_ends_at(&self, run: &RunId) -> Option<Duration> {
        self.lock().lease_ends_at(run)
    }

    /// Makes this many transactions fail as if another process held the store.
    pub fn answer_busy(&self, transactions: usize) {
        self.lock().busy_answers = transactions;
    }

    /// Makes the next transactions fail as if the store were unreachable, one for each outage.
    pub fn answer_unreachable(&self, outages: impl IntoIterator<Item = Outage>) {
        self.lock().outages = outages.into_iter().collect();
    }

    /// Sets whether the store is full. A full store refuses to add files. It also refuses an
    /// exchange that claims items, unless the exchange repeats an earlier one.
    pub fn set_full(&self, is_full: bool) {
        self.lock().is_full = is_full;
    }

    /// From now on, answers a request to add files with [`EnqueueOutcome::Accepted`] if the request
    /// allows this answer.
    pub fn accept_unread(&self) {
        self.lock().accepts_unread = true;
    }

    /// Returns a copy of the queue.
    #[must_use]
    pub fn queue(&self) -> FileQueue {
        self.inspect(FileQueue::clone)
    }

    /// Reads the queue. Injected failures have no effect on this method.
    pub fn inspect<T>(&self, read: impl FnOnce(&FileQueue) -> T) -> T {
        read(&self.lock().queue)
    }

    /// Changes the queue arbitrarily, for deliberately broken stores.
    pub fn tamper<T>(&self, with: impl FnOnce(&mut FileQueue) -> T) -> T {
        let mut contents = self.lock();
        let output = with(&mut contents.queue);
        contents.announce();
        output
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&FileQueue) -> T) -> Result<(T, u64), StorageError> {
        let mut contents = self.lock();
        contents.meet_order(false)?;
        Ok((read(&contents.queue), contents.version))
    }

    pub(super) fn transact<T: Transaction>(
        &self,
        request: &T,
        now: Timestamp,
    ) -> Result<(T::Reply, u64), StorageError> {
        self.lock().transact(request, now, false)
    }

    pub(super) fn enqueue(&self, request: &Enqueue, now: Timestamp) -> Result<(Vec<Enqueued>, u64), StorageError> {
        let mut contents = self.lock();
        let (mut reply, version) = contents.transact(request, now, true)?;
        if contents.accepts_unread && request.answer == AnswerNeeded::Later {
            reply.fill(Enqueued { outcome: EnqueueOutcome::Accepted, item: None });
        }
        Ok((reply, version))
    }

    pub(super) fn exchange(&self, request: &ExchangeRequest, now: Timestamp) -> Result<(Exchanged, u64), StorageError> {
        let mut contents = self.lock();
        // A repeated request needs no room, because its answer is already recorded.
        let needs_room = request.limit > 0 && contents.latest.answer(request).is_none();
        let outage = contents.meet_order(needs_room)?;
        if !contents.may_exchange(&request.run) {
            return Err(StorageError::LeaseLost { run: request.run.clone() });
        }
        let answer = match contents.latest.answer(request) {
            Some(answer) => answer,
            None => {
                let answer = contents.perform(request, now)?;
                contents.latest.record(request, &answer);
                answer
            }
        };
        contents.answer(answer, outage)
    }

    pub(super) fn recover(
        &self,
        mut request: RecoverRequest,
        now: Timestamp,
    ) -> Result<(Vec<RecoveredItem>, u64), StorageError> {
        let mut contents = self.lock();
        let outage = contents.meet_order(false)?;
        request.runs.retain(|run| !contents.is_alive(run));
        let reply = contents.perform(&request, now)?;
        for run in &request.runs {
            contents.runs.entry(run.clone()).and_modify(|run| run.life = Life::Recovered);
        }
        contents.answer(reply, outage)
    }

    pub(super) fn begin(&self, info: RunInfo) -> Result<Begun, StorageError> {
        let mut contents = self.lock();
        let outage = contents.meet_order(false)?;
        let (run, others, begun_at) = (info.id.clone(), contents.live(), contents.clock());
        let earlier = contents.runs.insert(run.clone(), Run { info, begun_at, life: Life::Alive });
        assert!(earlier.is_none(), "the run {run} began twice; names are unique");
        let leasing = contents.leasing.clone();
        let lease =
            leasing.map(|leasing| Arc::new(MemoryLease { database: self.clone(), run, leasing }) as Arc<dyn Lease>);
        Ok(contents.answer(Begun { others, lease }, outage)?.0)
    }

    pub(super) fn end(&self, run: &RunId) -> Result<Vec<LiveRun>, StorageError> {
        let mut contents = self.lock();
        let outage = contents.meet_order(false)?;
        if contents.is_alive(run) {
            contents.runs.entry(run.clone()).and_modify(|run| run.life = Life::Ended);
        }
        contents.latest.forget(run);
        let left = contents.live();
        Ok(contents.answer(left, outage)?.0)
    }

    pub(super) fn live(&self) -> Result<Vec<LiveRun>, StorageError> {
        let mut contents = self.lock();
        contents.meet_order(false)?;
        Ok(contents.live())
    }

    pub(super) fn dead(&self) -> Result<Vec<DeadRun>, StorageError> {
        let mut contents = self.lock();
        contents.meet_order(false)?;
        Ok(contents.dead())
    }

    /// Returns a number that grows with each change of the queue.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.lock().version
    }

    /// Returns true if the version has changed. Otherwise registers `waker` for the next change.
    pub(super) fn wake_after(&self, version: u64, waker: &Waker) -> bool {
        let mut contents = self.lock();
        let has_changed = contents.version != version;
        if !has_changed && !contents.waiting.iter().any(|waiting| waiting.will_wake(waker)) {
            contents.waiting.push(waker.clone());
        }
        has_changed
    }

    pub(super) async fn lease_changed(&self, run: &RunId, before: Option<Duration>) {
        poll_fn(|context| {
            let mut contents = self.lock();
            if contents.lease_ends_at(run) != before {
                return Poll::Ready(());
            }
            contents.lease_waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn change_life(&self, run: &RunId, life: Life) {
        let mut contents = self.lock();
        if contents.is_alive(run) {
            contents.runs.entry(run.clone()).and_modify(|run| run.life = life);
            contents.lease_waiting.drain(..).for_each(Waker::wake);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        // A poisoned lock is safe: transactions are atomic, and the test that panicked has failed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn transact<T: Transaction>(
        &mut self,
        request: &T,
        now: Timestamp,
        needs_room: bool,
    ) -> Result<(T::Reply, u64), StorageError> {
        let outage = self.meet_order(needs_room)?;
        let reply = self.perform(request, now)?;
        self.answer(reply, outage)
    }

    fn perform<T: Transaction>(&mut self, request: &T, now: Timestamp) -> Result<T::Reply, StorageError> {
        let performed = request.perform(&mut self.queue, now)?;
        if !performed.events.is_empty() {
            self.announce();
        }
        Ok(performed.reply)
    }

    fn answer<T>(&self, reply: T, outage: Option<Outage>) -> Result<(T, u64), StorageError> {
        if outage.is_some() { Err(unreachable()) } else { Ok((reply, self.version)) }
    }

    fn announce(&mut self) {
        self.version += 1;
        self.waiting.drain(..).for_each(Waker::wake);
    }

    /// Applies the next injected failure. After [`Outage::Answer`], the caller must still perform
    /// the transaction.
    fn meet_order(&mut self, needs_room: bool) -> Result<Option<Outage>, StorageError> {
        if self.busy_answers > 0 {
            self.busy_answers -= 1;
            return Err(StorageError::Busy { holder: "this test".to_owned() });
        }
        if self.is_full && needs_room {
            return Err(StorageError::Full(Box::new(io::Error::from(io::ErrorKind::StorageFull))));
        }
        let outage = (!self.outages.is_empty()).then(|| self.outages.remove(0));
        if outage == Some(Outage::Request) { Err(unreachable()) } else { Ok(outage) }
    }

    fn clock(&self) -> Duration {
        self.leasing.as_ref().map_or(Duration::ZERO, |leasing| leasing.clock.elapsed())
    }

    fn lease_ends_at(&self, run: &RunId) -> Option<Duration> {
        match self.runs.get(run)?.life {
            Life::CutOff(ends_at) => Some(ends_at),
            _ => None,
        }
    }

    fn may_exchange(&self, run: &RunId) -> bool {
        self.runs.get(run).is_some_and(|run| match run.life {
            Life::Alive => true,
            Life::CutOff(ends_at) => self.clock() < ends_at,
            Life::Killed | Life::Ended | Life::Recovered => false,
        })
    }

    fn is_alive(&self, run: &RunId) -> bool {
        self.runs.get(run).is_some_and(|run| self.lives(run))
    }

    fn lives(&self, run: &Run) -> bool {
        match run.life {
            Life::Alive => true,
            Life::CutOff(ends_at) => self.clock() <= ends_at,
            Life::Killed | Life::Ended | Life::Recovered => false,
        }
    }

    fn live(&self) -> Vec<LiveRun> {
        let live = self.runs.values().filter(|run| self.lives(run));
        live.map(|run| LiveRun { info: run.info.clone(), heard_of: self.heard_of(run) }).collect()
    }

    fn heard_of(&self, run: &Run) -> Option<Duration> {
        let leasing = self.leasing.as_ref()?;
        let ends_at = match run.life {
            Life::CutOff(ends_at) => ends_at,
            _ => leasing.end_without_renewal(run.begun_at),
        };
        Some((self.clock() + leasing.terms.lasts).saturating_sub(ends_at))
    }

    fn dead(&self) -> Vec<DeadRun> {
        let holds_a_claim =
            |id: &RunId| self.queue.processing().any(|item| item.claim.as_ref().is_some_and(|claim| claim.run == *id));
        let dead = self.runs.iter().filter(|(id, run)| match run.life {
            Life::Killed | Life::CutOff(_) => !self.lives(run),
            Life::Ended | Life::Recovered => holds_a_claim(id),
            Life::Alive => false,
        });
        dead.map(|(id, run)| self.dead_run(id, run)).collect()
    }

    fn dead_run(&self, id: &RunId, run: &Run) -> DeadRun {
        let evidence = match run.life {
            Life::CutOff(ends_at) => DeathEvidence::LeaseOver { since: self.clock().saturating_sub(ends_at) },
            _ => DeathEvidence::Gone,
        };
        DeadRun { run: id.clone(), location: Some(run.info.location.clone()), evidence }
    }
}

fn unreachable() -> StorageError {
    let source = io::Error::from(io::ErrorKind::ConnectionReset);
    StorageError::Unreachable { place: "the memory of this test".to_owned(), source: Box::new(source) }
}
