//! Writes changed items as rows.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

use autoproc_domain::{FileQueue, ItemId, QueueItem, Timestamp};

use crate::connection::Transaction;
use crate::error::Answer;
use crate::item_row::{bigint, escaped, status_number};

const DELETE: &str = include_str!("../../sql/queue/delete.sql");
const UPDATE: &str = include_str!("../../sql/queue/update.sql");
const INSERT: &str = include_str!("../../sql/queue/insert.sql");
#[derive(Default)]
pub(super) struct Changes {
    added: Vec<QueueItem>,
    updated: Vec<QueueItem>,
    removed: Vec<i64>,
}

impl Changes {
    pub(super) fn between(before: Vec<QueueItem>, after: &FileQueue) -> Self {
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

    pub(super) async fn write(&self, transaction: &mut Transaction<'_>, now: Timestamp) -> Answer<()> {
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

    fn each<T>(&self, value: impl Fn(&QueueItem) -> T) -> Vec<T> {
        self.updated.iter().map(value).collect()
    }
}
