//! Removes the history of old runs.

use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::ports::StorageError;
use tokio_postgres::Row;

use crate::connection::Connection;
use crate::error::Answer;
use crate::item_row::{bigint, column, number};
use crate::lease::micros;
use crate::store::PostgresStore;
use crate::work::{Shared, Work};

const OLD_RUNS: &str = include_str!("../../sql/history/old_runs.sql");
const COUNT: &str = include_str!("../../sql/history/count_old.sql");
const PRUNE_EVENTS: &str = include_str!("../../sql/history/prune_events.sql");
const PRUNE_ATTEMPTS: &str = include_str!("../../sql/history/prune_attempts.sql");
const PRUNE_REST: &str = include_str!("../../sql/history/prune_rest.sql");
const PRUNE_RUNS: &str = include_str!("../../sql/history/prune_runs.sql");

const RUNS: usize = 200;

const MAX_BATCH: u64 = 5_000;

/// The size of a part of the history: its number of runs and its number of events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HistorySize {
    /// The number of runs.
    pub runs: u64,
    /// The number of events.
    pub events: u64,
}

impl PostgresStore {
    /// Returns the number of runs and events that [`prune_history`](Self::prune_history) would
    /// remove. A run counts even if some of its events would be kept.
    ///
    /// # Errors
    /// [`StorageError`] if the history cannot be read.
    pub async fn prunable_history(&self, age: Duration) -> Result<HistorySize, StorageError> {
        let runs = self.work(ListingOld(age)).await?;
        let mut size = HistorySize { runs: runs.len() as u64, events: 0 };
        for runs in runs.chunks(RUNS) {
            size.events += self.work(Counting(runs.to_vec())).await?;
        }
        Ok(size)
    }

    /// Removes the history of runs that are over and have had no event for `age`, in short
    /// transactions. Returns the number of removed runs and events.
    ///
    /// Keeps the events and attempts of files that wait or are processing, and the runs of these
    /// events. Also keeps the most recent attempts, from which durations are forecast.
    ///
    /// # Errors
    /// [`StorageError`] if the history cannot be changed. A part may have been removed.
    pub async fn prune_history(&self, age: Duration) -> Result<HistorySize, StorageError> {
        let mut removed = HistorySize::default();
        for runs in self.work(ListingOld(age)).await?.chunks(RUNS) {
            removed.events += self.prune(PRUNE_EVENTS, runs).await?;
            self.prune(PRUNE_ATTEMPTS, runs).await?;
            removed.runs += self.work(RemovingRuns(runs.to_vec())).await?;
        }
        while self.work(RemovingRest).await? > 0 {}
        Ok(removed)
    }

    /// Removes rows of the given runs. The runs must be sorted as in the database.
    async fn prune(&self, sql: &'static str, mut runs: &[String]) -> Result<u64, StorageError> {
        let (mut after, mut removed) = ((String::new(), 0), 0);
        while let Some((last, count)) = self.work(Removing { sql, runs: runs.to_vec(), after: after.clone() }).await? {
            removed += count;
            // Skips earlier runs, whose rows the statement would read again.
            let begun = runs.iter().position(|run| *run == last.0).unwrap_or(0);
            (runs, after) = (&runs[begun..], last);
        }
        Ok(removed)
    }
}

struct ListingOld(Duration);

#[async_trait]
impl Work for ListingOld {
    type Reply = Vec<String>;
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<Vec<String>> {
        let rows = connection.query(OLD_RUNS, &[&micros(self.0)]).await?;
        rows.iter().map(|row| column(row, "run")).collect()
    }
}

struct Counting(Vec<String>);

#[async_trait]
impl Work for Counting {
    type Reply = u64;
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<u64> {
        let rows = connection.query(COUNT, &[&self.0]).await?;
        rows.first().map_or(Ok(0), |row| number(row, "events"))
    }
}

struct RemovingRest;

#[async_trait]
impl Work for RemovingRest {
    type Reply = u64;
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<u64> {
        let rows = connection.query(PRUNE_REST, &[&bigint(MAX_BATCH)]).await?;
        rows.first().map_or(Ok(0), |row| number(row, "removed"))
    }
}

type Position = (String, i64);

struct Removing {
    sql: &'static str,
    runs: Vec<String>,
    after: Position,
}

#[async_trait]
impl Work for Removing {
    type Reply = Option<(Position, u64)>;
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<Self::Reply> {
        let (run, number) = &self.after;
        let rows = connection.query(self.sql, &[&self.runs, run, number, &bigint(MAX_BATCH)]).await?;
        rows.first().map(removed).transpose()
    }
}

fn removed(row: &Row) -> Answer<(Position, u64)> {
    Ok(((column(row, "run")?, column(row, "number")?), number(row, "removed")?))
}

struct RemovingRuns(Vec<String>);

#[async_trait]
impl Work for RemovingRuns {
    type Reply = u64;
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<u64> {
        Ok(connection.query(PRUNE_RUNS, &[&self.0]).await?.len() as u64)
    }
}
