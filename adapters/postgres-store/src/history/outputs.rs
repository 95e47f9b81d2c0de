//! Stores the last bytes of each attempt's output.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::item::{AttemptNumber, ClaimNumber};
use autoproc_domain::ports::{AttemptRef, RunEvent, RunEventKind, StorageError};
use autoproc_domain::{ItemId, RunId};
use tokio::task::spawn_blocking;
use tokio_postgres::Row;

use crate::connection::Connection;
use crate::error::Answer;
use crate::item_row::{bigint, column, damaged, number};
use crate::lease::micros;
use crate::store::PostgresStore;
use crate::work::{Shared, Work};

const RECORD: &str = include_str!("../../sql/outputs/record.sql");
const OF_ITEM: &str = include_str!("../../sql/outputs/of_item.sql");
const PRUNE: &str = include_str!("../../sql/outputs/prune.sql");

/// The maximum number of outputs in a transaction. Exchanges may wait for the transaction.
const MAX_BATCH: usize = 16;
/// The maximum number of waiting attempts. They take about 20 MB.
const MAX_WAITING: usize = 100_000;

/// The last bytes of an attempt's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputEnd {
    /// The path of the file with the whole output.
    pub file: PathBuf,
    /// The length of the file in bytes.
    pub bytes: u64,
    /// The last bytes of the file.
    pub ending: Vec<u8>,
}

/// The last bytes of an attempt's output, as stored in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOutput {
    /// The number of the attempt.
    pub attempt: AttemptNumber,
    /// The number of the attempt's claim.
    pub claim: ClaimNumber,
    /// The host of the run that made the attempt.
    pub host: Box<str>,
    /// The last bytes of the output, and the path of the whole output on `host`.
    pub output: OutputEnd,
}

type ReadOutput = Arc<dyn Fn(&AttemptRef) -> Option<OutputEnd> + Send + Sync>;

/// The ended attempts of this handle whose outputs are not stored yet.
#[derive(Default)]
pub(crate) struct Outputs {
    read: Mutex<Option<ReadOutput>>,
    waiting: Mutex<VecDeque<(RunId, AttemptRef)>>,
}

impl Outputs {
    pub(super) fn add(&self, event: &RunEvent) {
        let Some(of) = ended_here(&event.kind) else { return };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MAX_WAITING && self.reader().is_some() {
            waiting.push_back((event.run.clone(), of.clone()));
        }
    }

    /// Stores the outputs of the waiting attempts. Must not be called concurrently.
    pub(super) async fn write(&self, shared: &Shared) -> Answer<()> {
        while let Some((read, attempts)) = self.next() {
            let count = attempts.len();
            // A file may be on a slow disk, and this thread also renews the leases.
            let batch = spawn_blocking(move || Batch::read(&read, attempts)).await.unwrap_or_default();
            if !batch.0.is_empty() {
                shared.carry_out(&batch).await?;
            }
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).drain(..count);
        }
        Ok(())
    }

    fn next(&self) -> Option<(ReadOutput, Vec<(RunId, AttemptRef)>)> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let attempts: Vec<_> = waiting.iter().take(MAX_BATCH).cloned().collect();
        self.reader().filter(|_| !attempts.is_empty()).map(|read| (read, attempts))
    }

    fn reader(&self) -> Option<ReadOutput> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Ignores recoveries: the dead run's output may be on another machine.
fn ended_here(kind: &RunEventKind) -> Option<&AttemptRef> {
    match kind {
        RunEventKind::FileStarted { .. } | RunEventKind::FileRecovered { .. } => None,
        kind => kind.attempt(),
    }
}

#[derive(Default)]
struct Batch(Vec<Ended>);

struct Ended {
    item: i64,
    claim: i64,
    run: RunId,
    attempt: i64,
    output: OutputEnd,
}

impl Batch {
    fn read(read: &ReadOutput, attempts: Vec<(RunId, AttemptRef)>) -> Self {
        let ended = attempts.into_iter().filter_map(|(run, of)| {
            let (item, attempt) = (bigint(of.id.get()), i64::from(of.attempt.get()));
            Some(Ended { item, claim: bigint(of.claim?.get()), run, attempt, output: read(&of)? })
        });
        Self(ended.collect())
    }

    fn column<'b, T>(&'b self, value: impl Fn(&'b Ended) -> T) -> Vec<T> {
        self.0.iter().map(value).collect()
    }
}

#[async_trait]
impl Work for Batch {
    type Reply = ();
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<()> {
        connection
            .query(
                RECORD,
                &[
                    &self.column(|ended| ended.item),
                    &self.column(|ended| ended.claim),
                    &self.column(|ended| ended.run.as_str()),
                    &self.column(|ended| ended.attempt),
                    &self.column(|ended| ended.output.file.as_os_str().as_bytes()),
                    &self.column(|ended| bigint(ended.output.bytes)),
                    &self.column(|ended| ended.output.ending.as_slice()),
                ],
            )
            .await?;
        Ok(())
    }
}

struct Reading(ItemId);

#[async_trait]
impl Work for Reading {
    type Reply = Vec<StoredOutput>;
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<Vec<StoredOutput>> {
        connection.query(OF_ITEM, &[&bigint(self.0.get())]).await?.iter().map(stored).collect()
    }
}

fn stored(row: &Row) -> Answer<StoredOutput> {
    let attempt = AttemptNumber::new(number(row, "attempt")?);
    let file: Vec<u8> = column(row, "file")?;
    let file = Path::new(OsStr::from_bytes(&file)).to_owned();
    Ok(StoredOutput {
        attempt: attempt.ok_or_else(|| damaged("an output whose attempt has no number".to_owned()))?,
        claim: ClaimNumber::new(number(row, "claim")?),
        host: column::<String>(row, "host")?.into(),
        output: OutputEnd { file, bytes: number(row, "bytes")?, ending: column(row, "ending")? },
    })
}

struct Pruning(Duration);

#[async_trait]
impl Work for Pruning {
    type Reply = ();
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<()> {
        connection.query(PRUNE, &[&micros(self.0)]).await.map(drop)
    }
}

impl PostgresStore {
    /// From now on, stores the last bytes of each attempt's output. `read` returns these bytes, or
    /// `None` if there is no output; `read` may block. The observer of
    /// [`event_log`](Self::event_log) must receive the events of the attempts.
    pub fn store_outputs(&self, read: impl Fn(&AttemptRef) -> Option<OutputEnd> + Send + Sync + 'static) {
        let shared = self.shared();
        *shared.recorder.outputs.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(read));
    }

    /// Returns the stored outputs of an item's attempts, ordered by claim, the earliest first.
    ///
    /// # Errors
    /// [`StorageError`] if the outputs cannot be read.
    pub async fn stored_outputs(&self, item: ItemId) -> Result<Vec<StoredOutput>, StorageError> {
        self.write_events().await?;
        self.work(Reading(item)).await
    }

    /// Removes the stored outputs that are older than `age`.
    ///
    /// # Errors
    /// [`StorageError`] if the outputs cannot be removed.
    pub async fn prune_outputs(&self, age: Duration) -> Result<(), StorageError> {
        self.work(Pruning(age)).await
    }
}
