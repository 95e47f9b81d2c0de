//! Visits all attempts of some runs. Each page is a separate transaction, so that no database
//! snapshot stays open.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use autoproc_domain::RunId;
use autoproc_domain::open_attempts::OpenAttempts;
use autoproc_domain::ports::{AttemptVisitor, EndedAttempt, HistoryError, PastAttempt};
use tokio_postgres::Row;

use super::past_rows::{begun_attempt, ended_attempt};
use crate::connection::Connection;
use crate::error::Answer;
use crate::item_row::{bigint, column};
use crate::store::PostgresStore;
use crate::work::{Shared, Work};

const EVENTS: &str = include_str!("../../sql/history/attempt_events.sql");

const EXTENT: &str = "select coalesce(min(first_number) - 1, 0) as start,
    (select coalesce(max(number), 0) from event) as latest
    from past_run where run = any ($1::text[])";

/// A page takes at most about 5 MB: a path has up to 4 KiB.
const PAGE: usize = 1_000;

/// Limits the time of a statement if most events belong to other runs.
const SEARCHED_FOR_PAGE: i64 = 100_000;

enum Entry {
    Begun(PastAttempt),
    Ended(EndedAttempt),
    RunEnded(RunId),
}

struct Page {
    entries: Vec<Entry>,
    last: i64,
}

struct Locating(Arc<[String]>);

#[async_trait]
impl Work for Locating {
    type Reply = (i64, i64);
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<(i64, i64)> {
        let rows = connection.query(EXTENT, &[&&*self.0]).await?;
        rows.first().map_or(Ok((0, 0)), |row| Ok((column(row, "start")?, column(row, "latest")?)))
    }
}

struct ReadingPage {
    runs: Arc<[String]>,
    after: i64,
}

#[async_trait]
impl Work for ReadingPage {
    type Reply = Page;
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<Page> {
        let end = self.after.saturating_add(SEARCHED_FOR_PAGE);
        let rows = connection.query(EVENTS, &[&&*self.runs, &self.after, &bigint(PAGE as u64), &end]).await?;
        let last = rows.last().filter(|_| rows.len() == PAGE).map(|row| column(row, "number")).transpose()?;
        Ok(Page { entries: rows.iter().map(entry).collect::<Answer<_>>()?, last: last.unwrap_or(end) })
    }
}

fn entry(row: &Row) -> Answer<Entry> {
    Ok(match column::<String>(row, "name")?.as_str() {
        "processor_stopped" => Entry::RunEnded(RunId::new(column::<String>(row, "run")?)),
        "file_started" => Entry::Begun(begun_attempt(row)?),
        _ => Entry::Ended(ended_attempt(row)?),
    })
}

struct Visits {
    open: OpenAttempts,
    runs: BTreeSet<RunId>,
}

impl Visits {
    fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Begun(attempt) => self.open.begin(attempt),
            Entry::Ended(EndedAttempt { attempt, ended_at }) => self.open.end(attempt, ended_at),
            Entry::RunEnded(run) => drop(self.runs.remove(&run)),
        }
    }
}

impl PostgresStore {
    pub(super) async fn visit(&self, runs: Vec<RunId>, visit: AttemptVisitor) -> Result<(), HistoryError> {
        let names: Arc<[String]> = runs.iter().map(ToString::to_string).collect();
        let mut visits = Visits { open: OpenAttempts::new(visit), runs: runs.into_iter().collect() };
        let (mut after, latest) = self.read_history(Locating(Arc::clone(&names))).await?;
        while after < latest && !visits.runs.is_empty() {
            let page = self.read_history(ReadingPage { runs: Arc::clone(&names), after }).await?;
            page.entries.into_iter().for_each(|entry| visits.add(entry));
            after = page.last;
        }
        visits.open.finish();
        Ok(())
    }
}
