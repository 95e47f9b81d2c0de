//! A handle as a check uses it: short names, and no futures.

use std::time::Duration;

use autoproc_domain::command::{ExchangeRequest, NewItem, Selector, Settlement, Verdict};
use autoproc_domain::item::ClaimToken;
use autoproc_domain::ports::{LiveRun, RunInfo, Storage, StorageError};
use autoproc_domain::view::{EnqueueOutcome, Exchanged, PageRequest};
use autoproc_domain::{FilePath, Priority, QueueItem, RunId, Timestamp};

use super::StorageFixture;
use super::expect::Fault;
use crate::strategies::EPOCH;

/// One handle of a fixture.
pub(super) struct Desk<'a, F: StorageFixture> {
    fixture: &'a F,
    store: F::Store,
}

impl<'a, F: StorageFixture> Desk<'a, F> {
    pub(super) fn open(fixture: &'a F) -> Self {
        Self { fixture, store: fixture.open() }
    }

    /// A handle with a run of this name that has begun.
    pub(super) fn with_run(fixture: &'a F, run: &str) -> Result<Self, StorageError> {
        let desk = Self::open(fixture);
        desk.begin(run)?;
        Ok(desk)
    }

    pub(super) fn store(&self) -> &F::Store {
        &self.store
    }

    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.fixture.block_on(future)
    }

    pub(super) fn kill(self, run: &str) {
        self.fixture.kill(self.store, &RunId::new(run));
    }

    pub(super) fn add(&self, files: &[(&str, i32)]) -> Result<Vec<EnqueueOutcome>, StorageError> {
        self.add_at(files, at(0))
    }

    pub(super) fn add_at(&self, files: &[(&str, i32)], now: Timestamp) -> Result<Vec<EnqueueOutcome>, StorageError> {
        self.wait(self.store.enqueue(batch(files), now))
    }

    pub(super) fn exchange(
        &self,
        run: &str,
        settlements: &[(ClaimToken, Verdict)],
        limit: usize,
        now: Timestamp,
    ) -> Result<Exchanged, StorageError> {
        let settlement =
            |(token, verdict): &(ClaimToken, Verdict)| Settlement { token: *token, verdict: verdict.clone() };
        let settlements = settlements.iter().map(settlement).collect();
        let request = ExchangeRequest { run: RunId::new(run), settlements, limit };
        self.wait(self.store.exchange(request, now))
    }

    pub(super) fn claim(&self, run: &str, limit: usize, now: Timestamp) -> Result<Vec<ClaimToken>, StorageError> {
        let claims = self.exchange(run, &[], limit, now)?.claims;
        Ok(claims.into_iter().map(|(token, _)| token).collect())
    }

    /// Claims the one item that is due.
    pub(super) fn claim_one(&self, run: &str, now: Timestamp) -> Result<ClaimToken, Fault> {
        let tokens = self.claim(run, 1, now)?;
        tokens.first().copied().ok_or_else(|| Fault::new("an item is due, and none was claimed"))
    }

    /// The paths claimed, in the order of the answer.
    pub(super) fn claim_paths(&self, run: &str, limit: usize, now: Timestamp) -> Result<Vec<String>, StorageError> {
        let claims = self.exchange(run, &[], limit, now)?.claims;
        Ok(claims.into_iter().map(|(_, item)| item.file_path.to_string()).collect())
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

    /// Adds a file, claims it for a run and settles the claim so.
    pub(super) fn add_ended(&self, run: &str, file: &str, verdict: Verdict) -> Result<(), Fault> {
        self.add(&[(file, i32::MAX)])?;
        let token = self.claim_one(run, at(0))?;
        self.settle(run, token, verdict, at(0))?;
        Ok(())
    }

    pub(super) fn find(&self, file: &str) -> Result<Option<QueueItem>, StorageError> {
        self.wait(self.store.find(path(file)))
    }

    /// The item of this path, which must be there.
    pub(super) fn item(&self, file: &str) -> Result<QueueItem, Fault> {
        self.find(file)?.ok_or_else(|| Fault::new(format!("{file} is not in the queue")))
    }

    pub(super) fn all(&self) -> Result<Vec<QueueItem>, StorageError> {
        Ok(self.wait(self.store.page(PageRequest::default()))?.items)
    }

    /// The paths of all items, in claim order.
    pub(super) fn paths(&self) -> Result<Vec<String>, StorageError> {
        Ok(self.all()?.into_iter().map(|item| item.file_path.to_string()).collect())
    }

    pub(super) fn begin(&self, run: &str) -> Result<Vec<RunInfo>, StorageError> {
        Ok(infos(self.wait(self.store.begin_run(info(run)))?))
    }

    pub(super) fn end(&self, run: &str) -> Result<Vec<RunInfo>, StorageError> {
        Ok(infos(self.wait(self.store.end_run(RunId::new(run)))?))
    }

    pub(super) fn live_runs(&self) -> Result<Vec<RunInfo>, StorageError> {
        Ok(infos(self.wait(self.store.live_runs())?))
    }

    /// The dead runs by name, in the names' order.
    pub(super) fn dead_runs(&self) -> Result<Vec<RunId>, StorageError> {
        let mut dead = self.wait(self.store.dead_runs())?;
        dead.sort_unstable();
        Ok(dead)
    }
}

/// The port says nothing of the order of runs, so they are sorted by name.
pub(super) fn infos(runs: Vec<LiveRun>) -> Vec<RunInfo> {
    let mut infos: Vec<_> = runs.into_iter().map(|run| run.info).collect();
    infos.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    infos
}

/// What the run of this name says of itself; no two of its numbers are equal, so that a mixed-up one shows.
pub(super) fn info(run: &str) -> RunInfo {
    RunInfo {
        id: RunId::new(run),
        started_at: at(7),
        jobs: 2,
        max_attempts: 4,
        timeout: Duration::from_millis(300_500),
    }
}

/// The time this many seconds after the start.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(EPOCH.as_micros() + seconds * 1_000_000)
}

pub(super) fn path(file: &str) -> Selector {
    Selector::Path(file_path(file))
}

pub(super) fn file_path(file: &str) -> FilePath {
    FilePath::new(file).expect("the checks name usable paths")
}

pub(super) fn batch(files: &[(&str, i32)]) -> Vec<NewItem> {
    let new = |(file, rank): &(&str, i32)| NewItem { file_path: file_path(file), priority: Priority::new(*rank) };
    files.iter().map(new).collect()
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
