//! Reads and counts the items of the queue.

use std::os::unix::ffi::OsStrExt;

use async_trait::async_trait;
use autoproc_domain::QueueItem;
use autoproc_domain::queue::ClaimKey;
use autoproc_domain::request::{Scope, Selector};
use autoproc_domain::view::{Counts, Page, PageRequest};

use crate::connection::Connection;
use crate::error::Answer;
use crate::item_row::{bigint, counts, damaged, item, status_number};
use crate::work::{Shared, Work};

const PAGE: &str = include_str!("../sql/queue/page.sql");
const PEEK: &str = include_str!("../sql/queue/peek.sql");
const FIND_ID: &str = include_str!("../sql/queue/find_id.sql");
const FIND_PATH: &str = include_str!("../sql/queue/find_path.sql");
const COUNTS: &str = include_str!("../sql/queue/counts.sql");
const COUNTS_OF: &str = include_str!("../sql/queue/counts_of.sql");
const FOLD_TALLY: &str = include_str!("../sql/queue/fold_tally.sql");

pub(crate) struct Paging(pub(crate) PageRequest);

#[async_trait]
impl Work for Paging {
    type Reply = Page;
    const IS_IDEMPOTENT: bool = true;
    const READS_QUEUE: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<Page> {
        let PageRequest { statuses, after, limit } = &self.0;
        let statuses: Vec<i16> = statuses.iter().copied().map(status_number).collect();
        let statuses = (!statuses.is_empty()).then_some(statuses);
        let (rank, sequence) = after.map_or((i64::MIN, i64::MIN), position);
        let rows_wanted = limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1));
        let rows = connection.query(PAGE, &[&statuses, &rank, &sequence, &rows_wanted]).await?;
        let mut items = rows.iter().map(item).collect::<Answer<Vec<_>>>()?;
        let has_more = limit.is_some_and(|limit| items.len() > limit);
        items.truncate(limit.unwrap_or(items.len()));
        let next = items.last().map(ClaimKey::of).filter(|_| has_more);
        Ok(Page { items, next })
    }
}

/// Returns the position of `key` in the claim order: the negated priority and the sequence number.
pub(crate) fn position(key: ClaimKey) -> (i64, i64) {
    (-i64::from(key.priority().get()), bigint(key.sequence().get()))
}

/// Reads the item that would be claimed next.
pub(crate) struct Peeking;

#[async_trait]
impl Work for Peeking {
    type Reply = Option<QueueItem>;
    const IS_IDEMPOTENT: bool = true;
    const READS_QUEUE: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<Option<QueueItem>> {
        connection.query(PEEK, &[]).await?.first().map(item).transpose()
    }
}

pub(crate) struct Finding(pub(crate) Selector);

#[async_trait]
impl Work for Finding {
    type Reply = Option<QueueItem>;
    const IS_IDEMPOTENT: bool = true;
    const READS_QUEUE: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<Option<QueueItem>> {
        let rows = match &self.0 {
            Selector::Id(id) => connection.query(FIND_ID, &[&bigint(id.get())]).await?,
            Selector::Path(path) => connection.query(FIND_PATH, &[&path.as_os_str().as_bytes()]).await?,
        };
        rows.first().map(item).transpose()
    }
}

pub(crate) struct Counting(pub(crate) Scope);

#[async_trait]
impl Work for Counting {
    type Reply = Counts;
    const IS_IDEMPOTENT: bool = true;
    const READS_QUEUE: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<Counts> {
        let rows = match &self.0 {
            Scope::Queue => connection.query(COUNTS, &[]).await?,
            Scope::Items(ids) => {
                let ids: Vec<i64> = ids.iter().map(|id| bigint(id.get())).collect();
                connection.query(COUNTS_OF, &[&ids]).await?
            }
        };
        counts(rows.first().ok_or_else(|| damaged("the counts are absent".to_owned()))?)
    }
}

/// Merges rows of the table `tally`. Counting adds up these rows, so fewer rows are faster.
pub(crate) struct FoldTally;

#[async_trait]
impl Work for FoldTally {
    type Reply = ();

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<()> {
        connection.query(FOLD_TALLY, &[]).await?;
        Ok(())
    }
}
