//! Reads and writes rows of the table `item`.

use std::os::unix::ffi::OsStrExt;

use autoproc_domain::{FileQueue, QueueItem, Timestamp};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::error::Answer;
use crate::item_row::{bigint, escaped, item, recipe_bytes, status_number};
use crate::parameter::{Parameter, typed};

const ADD: &str = include_str!("../../sql/copy/add_items.sql");
const PAGE: &str = "select * from item where id > $1 order by id limit $2";

const BATCH: usize = 5_000;

pub(super) async fn read(client: &Client) -> Answer<Vec<QueueItem>> {
    let mut items: Vec<QueueItem> = Vec::new();
    loop {
        let last = items.last().map_or(i64::MIN, |item| bigint(item.id.get()));
        let rows = client.query_typed(PAGE, &[(&last, Type::INT8), (&bigint(BATCH as u64), Type::INT8)]).await?;
        for row in &rows {
            items.push(item(row)?);
        }
        if rows.len() < BATCH {
            return Ok(items);
        }
    }
}

/// Adds the items of a queue. All of these items must be unclaimed.
pub(super) async fn write(client: &Client, queue: &FileQueue) -> Answer<()> {
    let mut items = queue.items();
    loop {
        let batch: Vec<&QueueItem> = items.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(());
        }
        client.execute_typed(ADD, &typed(&Columns::of(&batch).parameters())).await?;
    }
}

struct Columns<'i> {
    ids: Vec<i64>,
    sequences: Vec<i64>,
    paths: Vec<&'i [u8]>,
    depths: Vec<i16>,
    priorities: Vec<i32>,
    added_at: Vec<i64>,
    rounds: Vec<i64>,
    follow: Vec<bool>,
    attempts: Vec<i64>,
    last_attempts: Vec<Option<i64>>,
    statuses: Vec<i16>,
    holds: Vec<bool>,
    not_before: Vec<Option<i64>>,
    ordered_at: Vec<Option<i64>>,
    errors: Vec<Option<String>>,
    are_known: Vec<bool>,
    sizes: Vec<Option<i64>>,
    modified: Vec<Option<i64>>,
    recipes: Vec<Option<Vec<u8>>>,
}

impl<'i> Columns<'i> {
    fn of(items: &[&'i QueueItem]) -> Self {
        fn each<'i, T>(items: &[&'i QueueItem], value: impl Fn(&'i QueueItem) -> T) -> Vec<T> {
            items.iter().map(|item| value(item)).collect()
        }
        let fingerprint = |item: &QueueItem| item.completion.as_ref().and_then(|completion| completion.fingerprint);
        Self {
            ids: each(items, |item| bigint(item.id.get())),
            sequences: each(items, |item| bigint(item.sequence.get())),
            paths: each(items, |item| item.file_path.as_os_str().as_bytes()),
            depths: each(items, |item| item.depth.into()),
            priorities: each(items, |item| item.priority.get()),
            added_at: each(items, |item| item.added_at.as_micros()),
            rounds: each(items, |item| item.round.into()),
            follow: each(items, |item| item.follows_completion),
            attempts: each(items, |item| item.attempts.into()),
            last_attempts: each(items, |item| item.last_attempt.map(Timestamp::as_micros)),
            statuses: each(items, |item| status_number(item.status)),
            holds: each(items, |item| item.is_held),
            not_before: each(items, |item| item.backoff.map(|backoff| backoff.not_before.as_micros())),
            ordered_at: each(items, |item| item.backoff.map(|backoff| backoff.ordered_at.as_micros())),
            errors: each(items, |item| item.last_error.as_deref().map(escaped)),
            are_known: each(items, |item| item.completion.is_some()),
            sizes: each(items, |item| fingerprint(item).map(|file| file.size.cast_signed())),
            modified: each(items, |item| fingerprint(item).map(|file| file.modified_ns)),
            recipes: each(items, |item| {
                item.completion.as_ref().and_then(|completion| completion.recipe).map(recipe_bytes)
            }),
        }
    }

    fn parameters(&self) -> [&dyn Parameter; 19] {
        [
            &self.ids,
            &self.sequences,
            &self.paths,
            &self.depths,
            &self.priorities,
            &self.added_at,
            &self.rounds,
            &self.follow,
            &self.attempts,
            &self.last_attempts,
            &self.statuses,
            &self.holds,
            &self.not_before,
            &self.ordered_at,
            &self.errors,
            &self.are_known,
            &self.sizes,
            &self.modified,
            &self.recipes,
        ]
    }
}
