//! Applies requests to the queue, each in one transaction.

mod rows;

use std::os::unix::ffi::OsStrExt;

use async_trait::async_trait;
use autoproc_domain::item::ClaimNumber;
use autoproc_domain::queue::{Restore, Transaction as Decision};
use autoproc_domain::request::{Clear, Enqueue, Selector};
use autoproc_domain::view::Counts;
use autoproc_domain::{FileQueue, QueueItem, Timestamp};
use tokio_postgres::Row;

use crate::connection::{Connection, Transaction};
use crate::error::Answer;
use crate::item_row::{bigint, column, counts, damaged, item, status_number};
use crate::work::{Shared, Work};
use rows::Changes;

const TAKE_NUMBERS: &str = include_str!("../sql/queue/take_numbers.sql");
const LOCK_SELECTED: &str = include_str!("../sql/queue/lock_selected.sql");
const LOCK_FAILED: &str = include_str!("../sql/queue/lock_failed.sql");
const CLEAR: &str = include_str!("../sql/queue/clear.sql");
const NOW: &str = "select now_us() as now_us";

pub(crate) enum Lock {
    /// The items with these ids or paths. Reserves `numbers` new numbers.
    Selected { ids: Vec<i64>, paths: Vec<Vec<u8>>, numbers: Option<i64> },
    /// All items that failed or timed out.
    Failed,
}

impl Lock {
    pub(crate) fn selected(which: &[Selector]) -> Self {
        let (mut ids, mut paths) = (Vec::new(), Vec::new());
        for selector in which {
            match selector {
                Selector::Id(id) => ids.push(bigint(id.get())),
                Selector::Path(path) => paths.push(path.as_os_str().as_bytes().to_vec()),
            }
        }
        Self::Selected { ids, paths, numbers: None }
    }

    /// Selects the items of a requeue, and reserves a new sequence number for each.
    pub(crate) fn to_move(which: &[Selector]) -> Self {
        match Self::selected(which) {
            Self::Selected { ids, paths, .. } => {
                Self::Selected { numbers: i64::try_from(which.len()).ok(), ids, paths }
            }
            Self::Failed => Self::Failed,
        }
    }

    pub(crate) fn paths_of(request: &Enqueue) -> Self {
        let paths = request.items.iter().map(|new| new.file_path.as_os_str().as_bytes().to_vec()).collect();
        Self::Selected { ids: Vec::new(), paths, numbers: i64::try_from(request.items.len()).ok() }
    }

    /// Locks the rows and reserves numbers. The counter must be locked first, so that additions of
    /// one path run one after the other.
    async fn take(&self, transaction: &mut Transaction<'_>) -> Answer<(Vec<Row>, i64)> {
        match self {
            Self::Selected { ids, paths, numbers } => {
                let first = match numbers {
                    Some(count) => take_numbers(transaction, *count).await?,
                    None => 0,
                };
                Ok((transaction.query(LOCK_SELECTED, &[ids, paths]).await?, first))
            }
            Self::Failed => {
                take_numbers(transaction, 0).await?;
                let rows = transaction.query(LOCK_FAILED, &[]).await?;
                let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
                let first = take_numbers(transaction, count).await?;
                Ok((rows, first))
            }
        }
    }
}

async fn take_numbers(transaction: &mut Transaction<'_>, count: i64) -> Answer<i64> {
    column(&transaction.query_one(TAKE_NUMBERS, &[&count]).await?, "first")
}

pub(crate) struct Change<T> {
    pub(crate) lock: Lock,
    pub(crate) request: T,
}

#[async_trait]
impl<T: Decision + Sync> Work for Change<T> {
    type Reply = T::Reply;

    async fn attempt(&self, shared: &Shared, connection: &mut Connection) -> Answer<T::Reply> {
        shared.claim_start.forget();
        let mut transaction = connection.begin().await?;
        let (rows, first) = self.lock.take(&mut transaction).await?;
        let now = now(&mut transaction).await?;
        let reply = decide(&mut transaction, &rows, first, &self.request, now).await?;
        shared.notices.send(&mut transaction).await?;
        transaction.commit().await?;
        Ok(reply)
    }
}

pub(crate) async fn now(transaction: &mut Transaction<'_>) -> Answer<Timestamp> {
    Ok(Timestamp::from_micros(column(&transaction.query_one(NOW, &[]).await?, "now_us")?))
}

/// Applies a request to the locked rows. New numbers begin at `first`.
pub(crate) async fn decide<T: Decision + Sync>(
    transaction: &mut Transaction<'_>,
    rows: &[Row],
    first: i64,
    request: &T,
    now: Timestamp,
) -> Answer<T::Reply> {
    let (reply, changes) = decided(rows, first, request, now)?;
    changes.write(transaction, now).await?;
    Ok(reply)
}

fn decided<T: Decision>(rows: &[Row], first: i64, request: &T, now: Timestamp) -> Answer<(T::Reply, Changes)> {
    let items = rows.iter().map(item).collect::<Answer<Vec<_>>>()?;
    let mut queue = restored(&items, first)?;
    let performed = request.perform(&mut queue, now)?;
    let changes = if performed.events.is_empty() { Changes::default() } else { Changes::between(items, &queue) };
    Ok((performed.reply, changes))
}

fn restored(items: &[QueueItem], first: i64) -> Answer<FileQueue> {
    let mut in_line: Vec<&QueueItem> = items.iter().collect();
    in_line.sort_unstable_by_key(|item| item.sequence);
    let mut restore = Restore::with_room(items.len());
    for item in in_line {
        restore.push(item.clone()).map_err(|refused| damaged(refused.reason.to_string()))?;
    }
    Ok(restore.finish(first.cast_unsigned(), ClaimNumber::FIRST))
}

pub(crate) struct Clearing(pub(crate) Clear);

#[async_trait]
impl Work for Clearing {
    type Reply = Counts;

    async fn attempt(&self, shared: &Shared, connection: &mut Connection) -> Answer<Counts> {
        let statuses: Vec<i16> = self.0.0.iter().copied().map(status_number).collect();
        let mut transaction = connection.begin().await?;
        let row = transaction.query_one(CLEAR, &[&statuses]).await?;
        shared.notices.send(&mut transaction).await?;
        transaction.commit().await?;
        counts(&row)
    }
}
