//! The changes that the domain decides: lock the rows, decide on a small queue of these rows, and
//! write the changed rows back, in one transaction.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

use async_trait::async_trait;
use autoproc_domain::item::ClaimNumber;
use autoproc_domain::queue::{Restore, Transaction as Decision};
use autoproc_domain::request::{Clear, Enqueue, Selector};
use autoproc_domain::view::Counts;
use autoproc_domain::{FileQueue, ItemId, QueueItem, Timestamp};
use tokio_postgres::Row;

use crate::connection::{Connection, Transaction};
use crate::error::Answer;
use crate::item_row::{bigint, column, counts, damaged, escaped, item, status_number};
use crate::store::{Shared, Work};

const TAKE_NUMBERS: &str = include_str!("../sql/queue/take_numbers.sql");
const LOCK_SELECTED: &str = include_str!("../sql/queue/lock_selected.sql");
const LOCK_FAILED: &str = include_str!("../sql/queue/lock_failed.sql");
const INSERT: &str = include_str!("../sql/queue/insert.sql");
const UPDATE: &str = include_str!("../sql/queue/update.sql");
const DELETE: &str = include_str!("../sql/queue/delete.sql");
const CLEAR: &str = include_str!("../sql/queue/clear.sql");
const NOW: &str = "select now_us() as now_us";

/// The rows that a change concerns.
pub(crate) enum Lock {
    /// The items of these ids and paths. If `numbers` is set, the change may take that many new
    /// numbers.
    Selected { ids: Vec<i64>, paths: Vec<Vec<u8>>, numbers: Option<i64> },
    /// Every item that failed or timed out. The change may take a new number for each.
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

    /// Locks items that may move to the end of their priority.
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

    /// Locks the rows, and reserves numbers. The counter is locked before the rows, so additions of
    /// one path wait for each other.
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

/// A change of some items, which the domain decides.
pub(crate) struct Change<T> {
    pub(crate) lock: Lock,
    pub(crate) request: T,
}

#[async_trait]
impl<T: Decision + Sync> Work for Change<T> {
    type Reply = T::Reply;

    async fn attempt(&self, shared: &Shared, connection: &mut Connection) -> Answer<T::Reply> {
        let mut transaction = connection.begin().await?;
        let (rows, first) = self.lock.take(&mut transaction).await?;
        let now = now(&mut transaction).await?;
        let reply = decide(&mut transaction, &rows, first, &self.request, now).await?;
        shared.notices.send(&mut transaction).await?;
        transaction.commit().await?;
        Ok(reply)
    }
}

/// Returns the time of the server.
pub(crate) async fn now(transaction: &mut Transaction<'_>) -> Answer<Timestamp> {
    Ok(Timestamp::from_micros(column(&transaction.query_one(NOW, &[]).await?, "now_us")?))
}

/// Lets the domain decide on the locked rows, and writes the changed ones back. New items and new
/// positions get numbers from `first` on.
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

/// Returns a queue of these items.
fn restored(items: &[QueueItem], first: i64) -> Answer<FileQueue> {
    let mut in_line: Vec<&QueueItem> = items.iter().collect();
    in_line.sort_unstable_by_key(|item| item.sequence);
    let mut restore = Restore::with_room(items.len());
    for item in in_line {
        restore.push(item.clone()).map_err(|refused| damaged(refused.reason.to_string()))?;
    }
    Ok(restore.finish(first.cast_unsigned(), ClaimNumber::FIRST))
}

/// The rows to write.
#[derive(Default)]
struct Changes {
    added: Vec<QueueItem>,
    updated: Vec<QueueItem>,
    removed: Vec<i64>,
}

impl Changes {
    fn between(before: Vec<QueueItem>, after: &FileQueue) -> Self {
        let mut before: BTreeMap<ItemId, QueueItem> = before.into_iter().map(|item| (item.id, item)).collect();
        let mut changes = Self::default();
        for item in after.items() {
            match before.remove(&item.id) {
                None => changes.added.push(item.clone()),
                Some(earlier) if earlier != *item => changes.updated.push(item.clone()),
                Some(_) => {}
            }
        }
        changes.removed = before.into_keys().map(|id| bigint(id.get())).collect();
        changes
    }

    async fn write(&self, transaction: &mut Transaction<'_>, now: Timestamp) -> Answer<()> {
        if !self.added.is_empty() {
            self.insert(transaction, now).await?;
        }
        if !self.updated.is_empty() {
            self.update(transaction).await?;
        }
        if !self.removed.is_empty() {
            transaction.execute(DELETE, &[&self.removed]).await?;
        }
        Ok(())
    }

    async fn insert(&self, transaction: &mut Transaction<'_>, now: Timestamp) -> Answer<()> {
        let added = &self.added;
        let ids: Vec<i64> = added.iter().map(|item| bigint(item.id.get())).collect();
        let paths: Vec<&[u8]> = added.iter().map(|item| item.file_path.as_os_str().as_bytes()).collect();
        let depths: Vec<i16> = added.iter().map(|item| item.depth.into()).collect();
        let priorities: Vec<i32> = added.iter().map(|item| item.priority.get()).collect();
        transaction.execute(INSERT, &[&ids, &paths, &depths, &priorities, &now.as_micros()]).await
    }

    async fn update(&self, transaction: &mut Transaction<'_>) -> Answer<()> {
        let ids = self.each(|item| bigint(item.id.get()));
        let sequences = self.each(|item| bigint(item.sequence.get()));
        let depths = self.each(|item| i16::from(item.depth));
        let priorities = self.each(|item| item.priority.get());
        let rounds = self.each(|item| i64::from(item.round));
        let follows = self.each(|item| item.follows_completion);
        let attempts = self.each(|item| i64::from(item.attempts));
        let statuses = self.each(|item| status_number(item.status));
        let holds = self.each(|item| item.is_held);
        let not_before = self.each(|item| item.backoff.map(|backoff| backoff.not_before.as_micros()));
        let ordered_at = self.each(|item| item.backoff.map(|backoff| backoff.ordered_at.as_micros()));
        let claims = self.each(|item| item.claim.is_some());
        let cancelled = self.each(|item| item.claim.as_ref().is_some_and(|claim| claim.is_cancelled));
        let errors = self.each(|item| item.last_error.as_deref().map(escaped));
        let completions = self.each(|item| item.completion.is_some());
        transaction
            .execute(
                UPDATE,
                &[
                    &ids,
                    &sequences,
                    &depths,
                    &priorities,
                    &rounds,
                    &follows,
                    &attempts,
                    &statuses,
                    &holds,
                    &not_before,
                    &ordered_at,
                    &claims,
                    &cancelled,
                    &errors,
                    &completions,
                ],
            )
            .await
    }

    /// Returns one column of the updated rows.
    fn each<T>(&self, value: impl Fn(&QueueItem) -> T) -> Vec<T> {
        self.updated.iter().map(value).collect()
    }
}

/// The removal of all items with some statuses.
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
