//! Locks a queue while it is copied from or to another store.

mod events;
mod executions;
mod items;
mod outputs;

use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use autoproc_domain::FileQueue;
use autoproc_domain::item::ClaimNumber;
use autoproc_domain::ports::{LiveRun, RecordedEvent, StorageError};
use autoproc_domain::queue::Restore;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::connection::{self, within_timeout};
use crate::error::{Answer, Fault};
use crate::item_row::{bigint, damaged};
use crate::link::Link;
use crate::migration;
use crate::options::Options;
use crate::parameter::typed;
use crate::run_places::{RunPlace, run_place};
use crate::runs::{self, LOCK_REGISTRY};
use crate::store::PostgresStore;

pub use executions::CopiedExecution;
pub use outputs::CopiedOutput;

/// Prevents changes, but permits reading. Locks `numbering` first, as additions do, to avoid a
/// deadlock.
const LOCK_TABLES: &str = "lock table numbering, item, event in share row exclusive mode";

const IS_EMPTY: &str = "select not exists (select from item) and not exists (select from event) \
    and not exists (select from past_attempt) and not exists (select from attempt_output)";

const RUNS: &str = "select id, host, project from run order by id";
const ADD_RUNS: &str = include_str!("../sql/copy/add_runs.sql");

const NUMBERS: &str = "select next_number, \
    (select case when is_called then last_value + 1 else last_value end from claim_number) from numbering";

/// Raises the next numbers, so that none is assigned twice.
const SET_NUMBERS: &str = "update numbering set next_number = greatest(next_number, $1::bigint)";
const SET_CLAIM: &str = "select setval('claim_number', \
    greatest($1::bigint, (select case when is_called then last_value + 1 else last_value end from claim_number)), false)";

/// A queue that is locked for a copy: a transaction locks its tables, and no run is alive. Dropping
/// the value rolls the transaction back and closes the connection.
pub struct LockedQueue<'s> {
    link: Link,
    options: Options,
    /// The store must stay alive, because its thread drives the connection.
    _store: &'s PostgresStore,
    last_event: i64,
    last_output: outputs::Position,
    last_execution: i64,
}

impl std::fmt::Debug for LockedQueue<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LockedQueue").field("options", &self.options).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Locks the queue. Waits at most `timeout` for changes that are in progress. Until the
    /// returned value is dropped, no run begins and nothing changes.
    ///
    /// # Errors
    /// [`StorageError::Busy`] while a run is alive or another session holds a lock; other errors as
    /// for [`connect`](Self::connect).
    pub async fn lock_for_copy(&self, timeout: Duration) -> Result<LockedQueue<'_>, StorageError> {
        let options = self.shared().options.clone();
        let link = {
            let options = options.clone();
            self.spawn(async move { lock(&options, timeout).await.map_err(|fault| fault.into_storage(&options)) })
        };
        Ok(LockedQueue {
            link: link.await?,
            options,
            _store: self,
            last_event: 0,
            last_output: outputs::Position::before_all(),
            last_execution: i64::MIN,
        })
    }
}

async fn lock(options: &Options, timeout: Duration) -> Answer<Link> {
    let link = within_timeout(options, connection::connect(options)).await?;
    within_timeout(options, migration::require(&link, options)).await?;
    // The other store of a copy may be slow, so this session has no idle timeout.
    let begin = format!(
        "{}; set local idle_in_transaction_session_timeout to 0; set local lock_timeout to {}; {LOCK_REGISTRY}; {LOCK_TABLES}",
        link.begin_statement(),
        timeout.as_millis().clamp(1, i32::MAX as u128)
    );
    link.client().batch_execute(&begin).await?;
    match runs::live_of(link.client()).await?.first() {
        None => Ok(link),
        Some(LiveRun { info, .. }) => {
            Err(StorageError::Busy { holder: format!("the run {} of {}", info.id, info.location) }.into())
        }
    }
}

impl LockedQueue<'_> {
    /// True if the queue has no items, no history and no outputs.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    pub async fn is_empty(&self) -> Result<bool, StorageError> {
        let row = self.client().query_typed_one(IS_EMPTY, &[]).await;
        row.map(|row| row.get(0)).map_err(|error| self.error(error.into()))
    }

    /// Reads the whole queue.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    pub async fn queue(&self) -> Result<FileQueue, StorageError> {
        self.read_queue().await.map_err(|fault| self.error(fault))
    }

    async fn read_queue(&self) -> Answer<FileQueue> {
        let mut items = items::read(self.client()).await?;
        items.sort_unstable_by_key(|item| item.sequence);
        let row = self.client().query_typed_one(NUMBERS, &[]).await?;
        let (number, claim): (i64, i64) = (row.get(0), row.get(1));
        let mut restore = Restore::with_room(items.len());
        for item in items {
            restore.push(item).map_err(|refused| damaged(refused.reason.to_string()))?;
        }
        Ok(restore.finish(number.cast_unsigned(), ClaimNumber::new(claim.cast_unsigned())))
    }

    /// Adds the items of another queue. All of these items must be unclaimed. Raises the next
    /// numbers of this queue to at least those of the other queue.
    ///
    /// # Errors
    /// [`StorageError`] if the items cannot be added.
    pub async fn add_queue(&self, queue: &FileQueue) -> Result<(), StorageError> {
        self.write_queue(queue).await.map_err(|fault| self.error(fault))
    }

    async fn write_queue(&self, queue: &FileQueue) -> Answer<()> {
        items::write(self.client(), queue).await?;
        self.client().execute_typed(SET_NUMBERS, &[(&bigint(queue.next_number()), Type::INT8)]).await?;
        self.client().query_typed_one(SET_CLAIM, &[(&bigint(queue.next_claim().get()), Type::INT8)]).await?;
        Ok(())
    }

    /// Returns at most `limit` further events of the history, in the order in which they arrived.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    pub async fn next_events(&mut self, limit: usize) -> Result<Vec<RecordedEvent>, StorageError> {
        let read = events::read(self.client(), self.last_event, limit).await;
        let (last, events) = read.map_err(|fault| self.error(fault))?;
        self.last_event = last;
        Ok(events)
    }

    /// Adds events to the history.
    ///
    /// # Errors
    /// [`StorageError`] if the events cannot be added.
    pub async fn add_events(&self, events: &[RecordedEvent]) -> Result<(), StorageError> {
        events::write(self.client(), events).await.map_err(|fault| self.error(fault))
    }

    /// Returns the host and the project folder of each run that ever began.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    pub async fn run_places(&self) -> Result<Vec<RunPlace>, StorageError> {
        let rows = self.client().query_typed(RUNS, &[]).await.map_err(|error| self.error(error.into()))?;
        rows.iter().map(run_place).collect::<Answer<_>>().map_err(|fault| self.error(fault))
    }

    /// Adds ended runs with their hosts and project folders, because outputs and executions refer
    /// to runs.
    ///
    /// # Errors
    /// [`StorageError`] if the places cannot be added.
    pub async fn add_run_places(&self, places: &[RunPlace]) -> Result<(), StorageError> {
        let names: Vec<&str> = places.iter().map(|place| place.run.as_str()).collect();
        let hosts: Vec<&str> = places.iter().map(|place| &*place.host).collect();
        let projects: Vec<&[u8]> = places.iter().map(|place| place.project.as_os_str().as_bytes()).collect();
        let added = self.client().execute_typed(ADD_RUNS, &typed(&[&names, &hosts, &projects])).await;
        added.map(drop).map_err(|error| self.error(error.into()))
    }

    /// Returns at most `limit` further outputs.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    pub async fn next_outputs(&mut self, limit: usize) -> Result<Vec<CopiedOutput>, StorageError> {
        let read = outputs::read(self.link.client(), &mut self.last_output, limit).await;
        read.map_err(|fault| self.error(fault))
    }

    /// Adds each output whose attempt is in the history. Returns the number of outputs added.
    ///
    /// # Errors
    /// [`StorageError`] if the outputs cannot be added.
    pub async fn add_outputs(&self, outputs: &[CopiedOutput]) -> Result<u64, StorageError> {
        outputs::write(self.client(), outputs).await.map_err(|fault| self.error(fault))
    }

    /// Returns at most `limit` further executions, ordered by item.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be read.
    pub async fn next_executions(&mut self, limit: usize) -> Result<Vec<CopiedExecution>, StorageError> {
        let read = executions::read(self.client(), self.last_execution, limit).await;
        let executions = read.map_err(|fault| self.error(fault))?;
        self.last_execution = executions.last().map_or(self.last_execution, |last| bigint(last.item.get()));
        Ok(executions)
    }

    /// Adds the execution of an item. Returns false, and adds nothing, if the queue has no such
    /// item.
    ///
    /// # Errors
    /// [`StorageError`] if the execution cannot be added.
    pub async fn add_execution(&self, execution: &CopiedExecution) -> Result<bool, StorageError> {
        executions::write(self.client(), execution).await.map_err(|fault| self.error(fault))
    }

    /// Commits everything that was added, in one transaction.
    ///
    /// # Errors
    /// [`StorageError`] if the commit fails. After [`StorageError::Unreachable`], either nothing or
    /// everything was added.
    pub async fn commit(self) -> Result<(), StorageError> {
        self.client().batch_execute("commit").await.map_err(|error| self.error(error.into()))
    }

    fn client(&self) -> &Client {
        self.link.client()
    }

    fn error(&self, fault: Fault) -> StorageError {
        fault.into_storage(&self.options)
    }
}
