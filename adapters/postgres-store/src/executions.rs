//! Stores the journals of workflow executions.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use autoproc_domain::item::ClaimToken;
use autoproc_domain::ports::StorageError;
use autoproc_domain::{ItemId, RunId};
use tokio_postgres::Row;

use crate::connection::Connection;
use crate::error::{Answer, lease_lost};
use crate::item_row::{bigint, column, number};
use crate::parameter::Parameters;
use crate::store::PostgresStore;
use crate::work::{Shared, Work};

const LOAD: &str = include_str!("../sql/executions/load.sql");
const OPEN: &str = include_str!("../sql/executions/open.sql");
const APPEND: &str = include_str!("../sql/executions/append.sql");
const UNFINISHED: &str = include_str!("../sql/executions/unfinished.sql");
const PRUNE: &str = include_str!("../sql/executions/prune.sql");

/// The number of completed executions to keep. Executions in a project folder have the same limit.
const MAX_COMPLETED: i64 = 1_000;

const PRUNE_EVERY: u64 = 256;

/// The journal of an item's execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionJournal {
    /// The events as they were appended, the oldest first.
    pub events: Vec<Box<str>>,
    /// The host of the run that last wrote to the journal.
    pub host: Box<str>,
    /// The project folder of the run that last wrote to the journal.
    pub project: PathBuf,
}

/// The claim under which an attempt records the workflow execution of its item. A change of the
/// journal fails if the item has another claim, or if the lease of the run is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingClaim {
    /// The item and the number of the claim.
    pub token: ClaimToken,
    /// The run that holds the claim.
    pub run: RunId,
}

impl PostgresStore {
    /// Returns the journal of an item's execution; `None` if there is none.
    ///
    /// # Errors
    /// [`StorageError`] if the journal cannot be read.
    pub async fn execution(&self, item: ItemId) -> Result<Option<ExecutionJournal>, StorageError> {
        self.work(Loading(item)).await
    }

    /// Returns the ids of the items with an execution that has not completed, in ascending order.
    ///
    /// # Errors
    /// [`StorageError`] if the executions cannot be read.
    pub async fn unfinished_executions(&self) -> Result<Vec<ItemId>, StorageError> {
        self.work(Listing).await
    }

    /// Begins to record the execution of the claimed item, and truncates its journal to the first
    /// `kept` events. If the outcome is unknown, the caller may repeat the call before it appends
    /// events.
    ///
    /// # Errors
    /// [`StorageError::LeaseLost`] if the claim is lost; nothing is changed. Other
    /// [`StorageError`]s if the journal cannot be written.
    pub async fn open_execution(&self, claim: RecordingClaim, kept: usize) -> Result<(), StorageError> {
        self.work(Opening { claim, kept: bigint(kept as u64) }).await
    }

    /// Appends events to a journal that has `before` events. The events are durable on return.
    /// `is_completed` says whether the execution has completed; only about 1,000 completed
    /// executions are kept, the most recent ones. If the outcome is unknown, the caller may repeat
    /// the call.
    ///
    /// # Errors
    /// [`StorageError::LeaseLost`] if the claim is lost; nothing is changed. Other
    /// [`StorageError`]s if the journal cannot be written.
    pub async fn append_to_execution(
        &self,
        claim: RecordingClaim,
        before: usize,
        events: Vec<Box<str>>,
        is_completed: bool,
    ) -> Result<(), StorageError> {
        self.work(Appending { claim, before: bigint(before as u64), events, is_completed }).await?;
        if is_completed {
            self.prune_executions_sometimes();
        }
        Ok(())
    }

    fn prune_executions_sometimes(&self) {
        let shared = self.shared();
        if shared.completions.fetch_add(1, Ordering::Relaxed).is_multiple_of(PRUNE_EVERY) {
            self.runtime().spawn(async move { drop(shared.carry_out(&Pruning).await) });
        }
    }
}

struct Loading(ItemId);

#[async_trait]
impl Work for Loading {
    type Reply = Option<ExecutionJournal>;
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<Self::Reply> {
        let rows = connection.query(LOAD, &[&bigint(self.0.get())]).await?;
        rows.first().map(|latest| journal(&rows, latest)).transpose()
    }
}

fn journal(rows: &[Row], latest: &Row) -> Answer<ExecutionJournal> {
    let mut events = Vec::with_capacity(rows.len());
    for row in rows {
        events.extend(column::<Option<String>>(row, "body")?.map(Box::from));
    }
    let project: Vec<u8> = column(latest, "project")?;
    let project = Path::new(OsStr::from_bytes(&project)).to_owned();
    Ok(ExecutionJournal { events, host: column::<String>(latest, "host")?.into(), project })
}

struct Listing;

#[async_trait]
impl Work for Listing {
    type Reply = Vec<ItemId>;
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<Vec<ItemId>> {
        connection.query(UNFINISHED, &[]).await?.iter().map(|row| number(row, "item").map(ItemId::new)).collect()
    }
}

struct Opening {
    claim: RecordingClaim,
    kept: i64,
}

#[async_trait]
impl Work for Opening {
    type Reply = ();
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<()> {
        let (item, claim) = self.claim.numbers();
        let run = self.claim.run.as_str();
        self.claim.change(connection, OPEN, &[&item, &claim, &run, &self.kept]).await
    }
}

struct Appending {
    claim: RecordingClaim,
    before: i64,
    events: Vec<Box<str>>,
    is_completed: bool,
}

#[async_trait]
impl Work for Appending {
    type Reply = ();
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<()> {
        let (item, claim) = self.claim.numbers();
        let run = self.claim.run.as_str();
        let events: Vec<&str> = self.events.iter().map(|event| &**event).collect();
        let parameters: Parameters<'_> = &[&item, &claim, &run, &self.before, &events, &self.is_completed];
        self.claim.change(connection, APPEND, parameters).await
    }
}

impl RecordingClaim {
    fn numbers(&self) -> (i64, i64) {
        (bigint(self.token.item.get()), bigint(self.token.number.get()))
    }

    async fn change(&self, connection: &mut Connection, sql: &'static str, parameters: Parameters<'_>) -> Answer<()> {
        if connection.query(sql, parameters).await?.is_empty() {
            return Err(lease_lost(&self.run).into());
        }
        Ok(())
    }
}

struct Pruning;

#[async_trait]
impl Work for Pruning {
    type Reply = ();
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<()> {
        connection.query(PRUNE, &[&MAX_COMPLETED]).await.map(drop)
    }
}
