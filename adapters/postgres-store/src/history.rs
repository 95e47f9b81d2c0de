//! Stores and reads the events of runs.

mod event_log;
mod event_row;
mod outputs;
mod past_rows;
mod pruning;
mod recorder;
mod visits;

use std::io;

use async_trait::async_trait;
use autoproc_domain::ports::{
    AttemptVisitor, History, HistoryError, HistoryQuery, PastAttempt, PastEvent, RunFilter, RunsSummary, StorageError,
};
use autoproc_domain::{RunId, Timestamp};
use tokio_postgres::Row;

use crate::connection::Connection;
use crate::error::Answer;
use crate::item_row::{bigint, column};
use crate::store::PostgresStore;
use crate::work::{Shared, Work};
use past_rows::{ended_attempt, past_attempt, past_event, past_run};

pub use event_log::PostgresEventLog;
pub use outputs::{OutputEnd, StoredOutput};
pub use pruning::HistorySize;
pub(crate) use recorder::Recorder;

pub(crate) mod row {
    pub(crate) use super::event_row::{COMPLETED, FAILED, RETRIED, ending_number};
    pub(crate) use super::past_rows::{at, attempt_ref, span, text, usage};
}

/// Adds optional conditions to a query. Optional conditions use no index. `$start` may repeat one
/// of them without the option, so that the query uses an index.
macro_rules! matching {
    ($start:literal) => {
        concat!($start, include_str!("../sql/history/matching.sql"))
    };
}

const ATTEMPTS: &str = matching!("select * from past_attempt where ");
const ATTEMPTS_OF_ITEM: &str = matching!("select * from past_attempt where item = $1 and ");
const ATTEMPTS_OF_RUN: &str = matching!("select * from past_attempt where run = $2 and ");
const EVENTS: &str = matching!("select * from event where ");
const EVENTS_OF_ITEM: &str = matching!("select * from event where item = $1 and ");
const EVENTS_OF_RUN: &str = matching!("select * from event where run = $2 and ");

const ALL_RUNS: &str = "select * from past_run order by first_number";
const LATEST_RUNS: &str = "select * from (select * from past_run where started_at_us is not null \
     order by first_number desc limit $1) latest order by first_number";
const RUNS_SINCE: &str = "select * from past_run where latest_at_us >= $1 order by first_number";
const NAMED_RUNS: &str = "select * from past_run where run = any ($1::text[]) order by first_number";

const FAILED_FILES: &str = include_str!("../sql/history/failed_files.sql");
const CHANGED_FILES: &str = include_str!("../sql/history/changed_files.sql");
const SLOWEST: &str = include_str!("../sql/history/slowest.sql");

struct Statements {
    all: &'static str,
    of_item: &'static str,
    of_run: &'static str,
}

async fn matching(statements: &Statements, query: &HistoryQuery, connection: &mut Connection) -> Answer<Vec<Row>> {
    let item = query.item.map(|id| bigint(id.get()));
    let run = query.run.as_ref().map(RunId::as_str);
    let [since, until] = [query.since, query.until].map(|time| time.map(Timestamp::as_micros));
    let statement = match (item, run) {
        (Some(_), _) => statements.of_item,
        (None, Some(_)) => statements.of_run,
        (None, None) => statements.all,
    };
    let mut rows = connection.query(statement, &[&item, &run, &since, &until]).await?;
    rows.reverse();
    Ok(rows)
}

struct ReadingAttempts(HistoryQuery);

#[async_trait]
impl Work for ReadingAttempts {
    type Reply = Vec<PastAttempt>;
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<Vec<PastAttempt>> {
        let statements = Statements { all: ATTEMPTS, of_item: ATTEMPTS_OF_ITEM, of_run: ATTEMPTS_OF_RUN };
        matching(&statements, &self.0, connection).await?.iter().map(past_attempt).collect()
    }
}

struct ReadingEvents(HistoryQuery);

#[async_trait]
impl Work for ReadingEvents {
    type Reply = Vec<PastEvent>;
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<Vec<PastEvent>> {
        let statements = Statements { all: EVENTS, of_item: EVENTS_OF_ITEM, of_run: EVENTS_OF_RUN };
        matching(&statements, &self.0, connection).await?.iter().map(past_event).collect()
    }
}

struct ReadingRuns(RunFilter);

#[async_trait]
impl Work for ReadingRuns {
    type Reply = RunsSummary;
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, connection: &mut Connection) -> Answer<RunsSummary> {
        let runs = matching_runs(&self.0, connection).await?.iter().map(past_run).collect::<Answer<Vec<_>>>()?;
        let ids: Vec<&str> = runs.iter().map(|run| run.id.as_str()).collect();
        let failed = connection.query(FAILED_FILES, &[&ids, &bigint(RunsSummary::MAX_FAILURES as u64)]).await?;
        let changed = connection.query(CHANGED_FILES, &[&ids, &1_i64]).await?;
        let slowest = connection.query(SLOWEST, &[&ids, &bigint(RunsSummary::MAX_SLOWEST as u64)]).await?;
        let first_changed = changed.first().map(ended_attempt).transpose()?;
        Ok(RunsSummary {
            failed_files: files(&failed)?,
            failures: failed.iter().map(ended_attempt).collect::<Answer<_>>()?,
            changed_files: files(&changed)?,
            first_changed: first_changed.map(|first| first.attempt.of.file_path),
            slowest: slowest.iter().map(ended_attempt).collect::<Answer<_>>()?,
            runs,
        })
    }
}

async fn matching_runs(filter: &RunFilter, connection: &mut Connection) -> Answer<Vec<Row>> {
    match filter {
        RunFilter::All => connection.query(ALL_RUNS, &[]).await,
        RunFilter::Latest(count) => connection.query(LATEST_RUNS, &[&bigint(*count as u64)]).await,
        RunFilter::Since(time) => connection.query(RUNS_SINCE, &[&time.as_micros()]).await,
        RunFilter::Named(runs) => {
            let runs: Vec<&str> = runs.iter().map(RunId::as_str).collect();
            connection.query(NAMED_RUNS, &[&runs]).await
        }
    }
}

/// Every row contains the total number of files.
fn files(rows: &[Row]) -> Answer<u64> {
    Ok(rows.first().map(|row| column::<i64>(row, "files")).transpose()?.unwrap_or(0).unsigned_abs())
}

impl PostgresStore {
    async fn read_history<W: Work>(&self, reading: W) -> Result<W::Reply, HistoryError> {
        let answer = match self.write_events().await {
            Ok(()) => self.work(reading).await,
            Err(error) => Err(error),
        };
        answer.map_err(|error: StorageError| HistoryError { place: self.place(), source: io::Error::other(error) })
    }
}

/// `attempts` and `events` return at most the 1,000 most recent entries. Entries are in their order
/// of arrival at the server. Times come from the clocks of the runs' hosts.
#[async_trait]
impl History for PostgresStore {
    async fn attempts(&self, query: HistoryQuery) -> Result<Vec<PastAttempt>, HistoryError> {
        self.read_history(ReadingAttempts(query)).await
    }

    async fn visit_attempts(&self, runs: Vec<RunId>, visit: AttemptVisitor) -> Result<(), HistoryError> {
        self.visit(runs, visit).await
    }

    async fn events(&self, query: HistoryQuery) -> Result<Vec<PastEvent>, HistoryError> {
        self.read_history(ReadingEvents(query)).await
    }

    async fn runs(&self, filter: RunFilter) -> Result<RunsSummary, HistoryError> {
        self.read_history(ReadingRuns(filter)).await
    }
}
