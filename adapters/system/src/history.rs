//! Reads the history from the event log.
//!
//! # Theory of operation
//!
//! The log is read line by line and is never in memory as a whole. A query for attempts without
//! conditions reads only the end of the log, if that is enough. A query for runs first finds the
//! earliest wanted run with `location`, and starts there.
//!
//! The log is not authoritative: a power cut may have removed its end, and other programs may write
//! to it. Unreadable lines are therefore skipped. An attempt counts even if only its end is
//! recorded.

mod attempts;
mod line;
mod location;
mod recorded;
mod runs;
mod visited;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Seek as _, SeekFrom};
use std::ops::ControlFlow;
use std::path::PathBuf;

use async_trait::async_trait;
use autoproc_domain::RunId;
use autoproc_domain::ports::{
    AttemptVisitor, History, HistoryError, HistoryQuery, PastAttempt, PastEvent, RunFilter, RunsSummary,
};
use autoproc_regular_file::{self as regular_file, Links};

use attempts::Attempts;
use line::{Line, for_each_line, for_each_line_with};
use location::locate;
pub use recorded::RecordedEvents;
pub(crate) use recorded::line;
use runs::Runs;
use visited::VisitedAttempts;

/// The maximum number of attempts or events in an answer. The `History` port permits no lower
/// limit.
const MAX_ENTRIES: usize = 1000;

/// A query without conditions first reads this many bytes at the end of the log. They contain about
/// 2000 attempts, twice [`MAX_ENTRIES`].
const END_BYTES: u64 = 1 << 20;

/// Reads the history from an event log. Requires a tokio runtime: the file is read on a thread for
/// blocking work.
#[derive(Debug, Clone)]
pub struct EventLogHistory {
    path: PathBuf,
}

impl EventLogHistory {
    /// Creates a reader of the log at `path`; a missing log counts as empty.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    async fn read<T: Send + 'static>(
        &self,
        fold: impl FnOnce(Lines) -> io::Result<T> + Send + 'static,
    ) -> Result<T, HistoryError> {
        let lines = Lines(self.path.clone());
        let folded = tokio::task::spawn_blocking(move || fold(lines)).await;
        folded
            .map_err(io::Error::other)
            .flatten()
            .map_err(|source| HistoryError { place: self.path.display().to_string(), source })
    }
}

#[async_trait]
impl History for EventLogHistory {
    async fn attempts(&self, query: HistoryQuery) -> Result<Vec<PastAttempt>, HistoryError> {
        self.read(move |lines| {
            let mut bytes = if query == HistoryQuery::default() { END_BYTES } else { u64::MAX };
            loop {
                let mut attempts = Attempts::new(&query);
                let is_whole = lines.for_each(&query, bytes, |line| attempts.add(&line))?;
                if is_whole || attempts.is_full() {
                    return Ok(attempts.into_vec());
                }
                bytes = bytes.saturating_mul(4);
            }
        })
        .await
    }

    async fn visit_attempts(&self, runs: Vec<RunId>, visit: AttemptVisitor) -> Result<(), HistoryError> {
        self.read(move |lines| lines.visit_attempts(runs, visit)).await
    }

    async fn events(&self, query: HistoryQuery) -> Result<Vec<PastEvent>, HistoryError> {
        self.read(move |lines| {
            let mut events = VecDeque::new();
            lines.for_each(&query, u64::MAX, |line| {
                if query.matches(line.at, &line.run, line.item()) {
                    push_latest(&mut events, line.into_event());
                }
            })?;
            Ok(events.into())
        })
        .await
    }

    async fn runs(&self, filter: RunFilter) -> Result<RunsSummary, HistoryError> {
        self.read(move |lines| lines.runs(filter)).await
    }
}

struct Lines(PathBuf);

impl Lines {
    fn open(&self) -> io::Result<Option<File>> {
        match regular_file::open_to_read(Links::Refuse, &self.0) {
            Ok(log) => Ok(Some(log)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn runs(&self, filter: RunFilter) -> io::Result<RunsSummary> {
        let Some(mut log) = self.open()? else { return Ok(RunsSummary::default()) };
        let (offset, wanted) = locate(&mut log, filter)?;
        let mut runs = Runs::new(&wanted);
        log.seek(SeekFrom::Start(offset))?;
        for_each_line(BufReader::with_capacity(1 << 16, log), |text| runs.add(text))?;
        Ok(runs.into_summary())
    }

    fn visit_attempts(&self, runs: Vec<RunId>, visit: AttemptVisitor) -> io::Result<()> {
        let Some(mut log) = self.open()? else { return Ok(()) };
        let (offset, wanted) = locate(&mut log, RunFilter::Named(runs))?;
        let mut attempts = VisitedAttempts::new(&wanted, visit);
        log.seek(SeekFrom::Start(offset))?;
        for_each_line(BufReader::with_capacity(1 << 16, log), |text| attempts.add(text))?;
        attempts.finish();
        Ok(())
    }

    /// Passes the lines about the query's item to `take`. Does not check the time and the run of
    /// the query. Reads the last `bytes` bytes of the log. Returns true if this is the whole log.
    fn for_each(&self, query: &HistoryQuery, bytes: u64, mut take: impl FnMut(Line)) -> io::Result<bool> {
        let Some(mut log) = self.open()? else { return Ok(true) };
        let start = log.metadata()?.len().saturating_sub(bytes);
        // Reading may begin within a line; the rest of that line does not parse.
        log.seek(SeekFrom::Start(start))?;
        let mut parse = |text: &str| {
            let line = Line::parse(text).filter(|line| query.item.is_none_or(|id| line.item() == Some(id)));
            line.into_iter().for_each(&mut take);
        };
        match query.item {
            // Most lines are about other items, and parsing them would take most of the time. This
            // program always writes `attempt` after `item_id`, so a comma follows the id.
            Some(id) => for_each_line_with(log, format!("\"item_id\":{id},").as_bytes(), parse)?,
            None => for_each_line(BufReader::with_capacity(1 << 16, log), |text| {
                parse(text);
                ControlFlow::Continue(())
            })?,
        }
        Ok(start == 0)
    }
}

fn push_latest<T>(entries: &mut VecDeque<T>, entry: T) -> Option<T> {
    entries.push_back(entry);
    if entries.len() > MAX_ENTRIES { entries.pop_front() } else { None }
}
