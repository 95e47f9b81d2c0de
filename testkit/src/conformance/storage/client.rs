//! A blocking client of a store, for the checks.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::fingerprint::Completion;
use autoproc_domain::item::ClaimToken;
use autoproc_domain::ports::{Begun, DeadRun, Lease, LiveRun, RunInfo, Runs, Storage, StorageError};
use autoproc_domain::request::{
    Cancel, Enqueue, ExchangeRequest, Hold, NewItem, RequestId, Requeue, Scope, Selector, Settlement, Verdict,
};
use autoproc_domain::view::{Cancelled, EnqueueOutcome, Enqueued, Exchanged, PageRequest};
use autoproc_domain::{FilePath, Priority, QueueItem, Recipe, RunId, Timestamp};

use super::StorageFixture;
use super::expect::Fault;
use crate::location_on;
use crate::strategies::EPOCH;

pub(super) struct Client<'a, F: StorageFixture> {
    fixture: &'a F,
    store: F::Store,
    last_request: Cell<RequestId>,
    lease: RefCell<Option<Arc<dyn Lease>>>,
}

impl<'a, F: StorageFixture> Client<'a, F> {
    pub(super) fn open(fixture: &'a F) -> Self {
        Self { fixture, store: fixture.open(), last_request: Cell::default(), lease: RefCell::default() }
    }

    pub(super) fn with_run(fixture: &'a F, run: &str) -> Result<Self, StorageError> {
        let client = Self::open(fixture);
        client.begin(run)?;
        Ok(client)
    }

    pub(super) fn store(&self) -> &F::Store {
        &self.store
    }

    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.fixture.block_on(future)
    }

    pub(super) fn wait_at<T>(&self, now: Timestamp, future: impl Future<Output = T>) -> T {
        self.fixture.set_clock(now);
        self.fixture.block_on(future)
    }

    pub(super) fn kill(self, run: &str) {
        self.fixture.kill(self.store, &RunId::new(run));
    }

    pub(super) fn add(&self, files: &[(&str, i32)]) -> Result<Vec<EnqueueOutcome>, Fault> {
        self.add_at(files, at(0))
    }

    pub(super) fn add_at(&self, files: &[(&str, i32)], now: Timestamp) -> Result<Vec<EnqueueOutcome>, Fault> {
        Ok(outcomes(&self.enqueue(Enqueue::new(batch(files)), now)?))
    }

    pub(super) fn enqueue(&self, request: Enqueue, now: Timestamp) -> Result<Vec<Enqueued>, StorageError> {
        self.wait_at(now, self.store.enqueue(request, now))
    }

    pub(super) fn request(&self, run: &str, settlements: &[(ClaimToken, Verdict)], limit: usize) -> ExchangeRequest {
        self.last_request.set(self.last_request.get().next());
        let settlement =
            |(token, verdict): &(ClaimToken, Verdict)| Settlement { token: *token, verdict: verdict.clone() };
        ExchangeRequest {
            run: RunId::new(run),
            id: self.last_request.get(),
            settlements: settlements.iter().map(settlement).collect(),
            limit,
            scope: Scope::Queue,
        }
    }

    pub(super) fn ask(&self, request: &ExchangeRequest, now: Timestamp) -> Result<Exchanged, StorageError> {
        self.wait_at(now, self.store.exchange(request.clone(), now))
    }

    pub(super) fn exchange(
        &self,
        run: &str,
        settlements: &[(ClaimToken, Verdict)],
        limit: usize,
        now: Timestamp,
    ) -> Result<Exchanged, StorageError> {
        self.ask(&self.request(run, settlements, limit), now)
    }

    pub(super) fn claim(&self, run: &str, limit: usize, now: Timestamp) -> Result<Vec<ClaimToken>, StorageError> {
        Ok(tokens(&self.exchange(run, &[], limit, now)?))
    }

    pub(super) fn claim_one(&self, run: &str, now: Timestamp) -> Result<ClaimToken, Fault> {
        let tokens = self.claim(run, 1, now)?;
        tokens.first().copied().ok_or_else(|| Fault::new("no item was claimed although one is due"))
    }

    pub(super) fn claim_paths(&self, run: &str, limit: usize, now: Timestamp) -> Result<Vec<String>, StorageError> {
        Ok(claimed_paths(&self.exchange(run, &[], limit, now)?))
    }

    pub(super) fn settle(
        &self,
        run: &str,
        token: ClaimToken,
        verdict: Verdict,
        now: Timestamp,
    ) -> Result<Exchanged, StorageError> {
        self.exchange(run, &[(token, verdict)], 0, now)
    }

    pub(super) fn add_ended(&self, run: &str, file: &str, verdict: Verdict) -> Result<(), Fault> {
        self.add(&[(file, i32::MAX)])?;
        let token = self.claim_one(run, at(0))?;
        self.settle(run, token, verdict, at(0))?;
        Ok(())
    }

    pub(super) fn requeue(&self, selection: Requeue) -> Result<usize, StorageError> {
        self.wait_at(at(9), self.store.requeue(selection, at(9)))
    }

    pub(super) fn hold(&self, files: &[&str], is_held: bool) -> Result<usize, StorageError> {
        let request = Hold { which: files.iter().map(|file| path(file)).collect(), is_held };
        self.wait_at(at(9), self.store.hold(request, at(9)))
    }

    pub(super) fn cancel(&self, files: &[&str]) -> Result<Cancelled, StorageError> {
        let request = Cancel(files.iter().map(|file| path(file)).collect());
        self.wait_at(at(9), self.store.cancel(request, at(9)))
    }

    pub(super) fn find(&self, file: &str) -> Result<Option<QueueItem>, StorageError> {
        self.wait(self.store.find(path(file)))
    }

    pub(super) fn item(&self, file: &str) -> Result<QueueItem, Fault> {
        self.find(file)?.ok_or_else(|| Fault::new(format!("{file} is not in the queue")))
    }

    pub(super) fn all(&self) -> Result<Vec<QueueItem>, StorageError> {
        Ok(self.wait(self.store.page(PageRequest::default()))?.items)
    }

    pub(super) fn paths(&self) -> Result<Vec<String>, StorageError> {
        Ok(self.all()?.into_iter().map(|item| item.file_path.to_string()).collect())
    }

    pub(super) fn begin(&self, run: &str) -> Result<Vec<RunInfo>, StorageError> {
        let Begun { others, lease } = self.wait(self.store.begin(info(run)))?;
        self.lease.replace(lease);
        Ok(infos(others))
    }

    pub(super) fn lease(&self) -> Option<Arc<dyn Lease>> {
        self.lease.borrow().clone()
    }

    pub(super) fn end(&self, run: &str) -> Result<Vec<RunInfo>, StorageError> {
        Ok(infos(self.wait(self.store.end(RunId::new(run)))?))
    }

    pub(super) fn live(&self) -> Result<Vec<RunInfo>, StorageError> {
        Ok(infos(self.wait(self.store.live())?))
    }

    pub(super) fn dead(&self) -> Result<Vec<DeadRun>, StorageError> {
        let mut dead = self.wait(self.store.dead())?;
        dead.sort_unstable_by(|one, other| one.run.cmp(&other.run));
        Ok(dead)
    }

    pub(super) fn dead_names(&self) -> Result<Vec<String>, StorageError> {
        Ok(self.dead()?.into_iter().map(|dead| dead.run.to_string()).collect())
    }
}

impl<F: StorageFixture> Debug for Client<'_, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// Returns the registrations, sorted by run id. The port guarantees no order.
pub(super) fn infos(runs: Vec<LiveRun>) -> Vec<RunInfo> {
    let mut infos: Vec<_> = runs.into_iter().map(|run| run.info).collect();
    infos.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    infos
}

/// Returns a registration with different numbers in all fields. Runs named `far…` are on a second
/// host.
pub(super) fn info(run: &str) -> RunInfo {
    RunInfo {
        id: RunId::new(run),
        started_at: at(7),
        jobs: 2,
        max_attempts: 4,
        timeout: Duration::from_millis(300_500),
        recipe: Some(Recipe::new([1, 2, 3, 4, 5, 6, 7, 8])),
        work: Some("wc -l '{}' \u{1b}".into()),
        location: location_on(if run.starts_with("far") { "far" } else { "here" }),
    }
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(EPOCH.as_micros() + seconds * 1_000_000)
}

pub(super) fn path(file: &str) -> Selector {
    Selector::Path(file_path(file))
}

pub(super) fn file_path(file: &str) -> FilePath {
    FilePath::new(file).expect("the checks name valid paths")
}

pub(super) fn new_item(file: &str) -> NewItem {
    NewItem::new(file_path(file))
}

pub(super) fn batch(files: &[(&str, i32)]) -> Vec<NewItem> {
    files.iter().map(|(file, rank)| new_item(file).with_priority(Priority::new(*rank))).collect()
}

pub(super) fn outcomes(enqueued: &[Enqueued]) -> Vec<EnqueueOutcome> {
    enqueued.iter().map(|enqueued| enqueued.outcome).collect()
}

pub(super) fn tokens(exchanged: &Exchanged) -> Vec<ClaimToken> {
    exchanged.claims.iter().map(|(token, _)| *token).collect()
}

pub(super) fn claimed_paths(exchanged: &Exchanged) -> Vec<String> {
    exchanged.claims.iter().map(|(_, item)| item.file_path.to_string()).collect()
}

pub(super) fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

pub(super) fn completed() -> Verdict {
    Verdict::Complete(Completion::default())
}

pub(super) fn failed() -> Verdict {
    Verdict::Fail { timed_out: false, error: "exit status 1".into() }
}

pub(super) fn timed_out() -> Verdict {
    Verdict::Fail { timed_out: true, error: "timed out after 300 s".into() }
}

pub(super) fn retry_after(seconds: u64) -> Verdict {
    Verdict::Retry { backoff: Duration::from_secs(seconds), error: "exit status 1".into() }
}
