//! Replaces the PostgreSQL store in a program without that feature.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::item::{AttemptNumber, ClaimNumber};
use autoproc_domain::ports::{
    History, LiveRun, Location, Observer, RecordedEvent, Runs, StopLevel, StopSignal, Storage, StorageError,
};
use autoproc_domain::{FileQueue, ItemId, RunId, Timestamp};
use autoproc_subprocess::{AttemptLogs, Guards};
use autoproc_workflow::execution::SharedJournals;

use crate::console::Console;
use crate::error::CliError;
use crate::maintenance::Finding;
use crate::store_choice::StoreChoice;
use crate::stored_output::StoredOutput;

/// A queue in a database. There is no value of this type.
pub(crate) struct Server(Infallible);

pub(crate) struct Migrated {
    pub(crate) before: Option<i32>,
    pub(crate) now: i32,
}

pub(crate) struct HistorySize {
    pub(crate) runs: u64,
    pub(crate) events: u64,
}

/// The outputs of attempts in a database. There is no value of this type.
#[derive(Clone)]
pub(crate) struct OutputStore(Infallible);

impl OutputStore {
    pub(super) fn store(&self, _: AttemptLogs, _: u64) {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "the methods of the server with PostgreSQL are async")]
    pub(crate) async fn of(&self, _: ItemId) -> Result<Vec<StoredOutput>, CliError> {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "the methods of the server with PostgreSQL are async")]
    pub(crate) async fn prune(&self, _: Duration) -> Result<(), CliError> {
        match self.0 {}
    }
}

pub(crate) struct RunPlace {
    pub(crate) run: RunId,
    pub(crate) host: Box<str>,
    pub(crate) project: PathBuf,
}

#[expect(dead_code, reason = "only a database keeps the host and the path of the file")]
pub(crate) struct CopiedOutput {
    pub(crate) item: ItemId,
    pub(crate) attempt: AttemptNumber,
    pub(crate) claim: ClaimNumber,
    pub(crate) at: Timestamp,
    pub(crate) host: Box<str>,
    pub(crate) file: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) ending: Vec<u8>,
}

pub(crate) struct CopiedExecution {
    pub(crate) item: ItemId,
    pub(crate) claim: ClaimNumber,
    pub(crate) run: RunId,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) events: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StopTarget {
    AllRuns,
    Host(Box<str>),
    Run(RunId),
}

impl StopTarget {
    pub(crate) fn includes(&self, run: &LiveRun) -> bool {
        match self {
            Self::AllRuns => true,
            Self::Host(host) => run.info.location.host == *host,
            Self::Run(id) => run.info.id == *id,
        }
    }
}

/// A locked queue in a database. There is no value of this type.
pub(crate) struct LockedDatabase<'s>(Infallible, PhantomData<&'s ()>);

#[expect(clippy::unused_async, reason = "the methods of the server with PostgreSQL are async")]
impl LockedDatabase<'_> {
    pub(super) async fn is_empty(&self) -> Result<bool, StorageError> {
        match self.0 {}
    }

    pub(super) async fn queue(&self) -> Result<FileQueue, StorageError> {
        match self.0 {}
    }

    pub(super) async fn add_queue(&self, _: &FileQueue) -> Result<(), StorageError> {
        match self.0 {}
    }

    pub(super) async fn next_events(&mut self, _: usize) -> Result<Vec<RecordedEvent>, StorageError> {
        match self.0 {}
    }

    pub(super) async fn add_events(&self, _: &[RecordedEvent]) -> Result<(), StorageError> {
        match self.0 {}
    }

    pub(super) async fn run_places(&self) -> Result<Vec<RunPlace>, StorageError> {
        match self.0 {}
    }

    pub(super) async fn add_run_places(&self, _: &[RunPlace]) -> Result<(), StorageError> {
        match self.0 {}
    }

    pub(super) async fn next_outputs(&mut self, _: usize) -> Result<Vec<CopiedOutput>, StorageError> {
        match self.0 {}
    }

    pub(super) async fn add_outputs(&self, _: &[CopiedOutput]) -> Result<u64, StorageError> {
        match self.0 {}
    }

    pub(super) async fn next_executions(&mut self, _: usize) -> Result<Vec<CopiedExecution>, StorageError> {
        match self.0 {}
    }

    pub(super) async fn add_execution(&self, _: &CopiedExecution) -> Result<bool, StorageError> {
        match self.0 {}
    }

    pub(super) async fn commit(self) -> Result<(), StorageError> {
        match self.0 {}
    }
}

impl Server {
    pub(crate) fn open(choice: &StoreChoice, _: Option<Duration>, _: &Console) -> Result<Self, CliError> {
        let error = CliError::config(format!("{}: this autoproc was built without PostgreSQL", choice.named_by));
        // Without this call, `secret` would be unused: only the store parses the address.
        let _ = choice.url.secret();
        Err(error.with_hint("build it with the feature `postgres`, or use the queue of a folder"))
    }

    pub(super) fn storage(&self) -> Arc<dyn Storage> {
        match self.0 {}
    }

    pub(super) fn runs(&self) -> Arc<dyn Runs> {
        match self.0 {}
    }

    pub(super) fn history(&self) -> Arc<dyn History> {
        match self.0 {}
    }

    pub(super) fn event_log(&self, _: &Arc<Console>) -> Arc<dyn Observer> {
        match self.0 {}
    }

    pub(super) fn journals(&self, _: Location) -> Arc<dyn SharedJournals> {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "the methods of the server with PostgreSQL are async")]
    pub(super) async fn unfinished_executions(&self) -> Result<Vec<ItemId>, StorageError> {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "the store on PostgreSQL has the same methods")]
    pub(super) async fn place_of_run(&self, _: &RunId) -> Result<Option<RunPlace>, StorageError> {
        match self.0 {}
    }

    pub(crate) fn outputs(&self) -> OutputStore {
        match self.0 {}
    }

    pub(super) fn bound(&self, _: Arc<Guards>) {
        match self.0 {}
    }

    pub(super) fn stop_requests(&self, _: &RunId) -> Arc<dyn StopSignal> {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "the methods of the server with PostgreSQL are async")]
    pub(crate) async fn request_stop(&self, _: StopLevel, _: StopTarget) -> Result<(), StorageError> {
        match self.0 {}
    }

    pub(crate) fn place(&self) -> String {
        match self.0 {}
    }

    pub(crate) fn schema(&self) -> &str {
        match self.0 {}
    }

    pub(crate) fn address(&self) -> String {
        match self.0 {}
    }

    pub(crate) fn option(&self) -> String {
        match self.0 {}
    }

    pub(crate) fn option_elsewhere(&self) -> String {
        match self.0 {}
    }

    pub(crate) fn is_named_by_option(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn local_name(&self) -> String {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "the methods of the server with PostgreSQL are async")]
    pub(crate) async fn reach(&self) -> Result<(), CliError> {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "the methods of the server with PostgreSQL are async")]
    pub(super) async fn lock_for_copy(&self, _: Duration) -> Result<LockedDatabase<'_>, CliError> {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "the methods of the server with PostgreSQL are async")]
    pub(crate) async fn migrate(&self) -> Result<Migrated, CliError> {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "the methods of the server with PostgreSQL are async")]
    pub(crate) async fn findings(&self) -> Vec<Finding> {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "the store on PostgreSQL has the same methods")]
    pub(crate) async fn prunable_history(&self, _: Duration) -> Result<HistorySize, StorageError> {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "the store on PostgreSQL has the same methods")]
    pub(crate) async fn prune_history(&self, _: Duration) -> Result<HistorySize, StorageError> {
        match self.0 {}
    }
}
