//! The port for reading past attempts, events and runs.

use std::io;
use std::time::Duration;

use async_trait::async_trait;

use crate::attempt::{AttemptRef, ResourceUsage};
use crate::fingerprint::Recipe;
use crate::item::{ItemId, RunId};
use crate::ports::{RunFilter, RunsSummary};
use crate::time::Timestamp;

/// A filter for the history. An entry must match every condition that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryQuery {
    /// If set, matches only entries of this item.
    pub item: Option<ItemId>,
    /// If set, matches only entries of this run.
    pub run: Option<RunId>,
    /// If set, matches only entries at this time or later.
    pub since: Option<Timestamp>,
    /// If set, matches only entries before this time.
    pub until: Option<Timestamp>,
}

impl HistoryQuery {
    /// Creates a query for all entries of one item.
    #[must_use]
    pub fn of_item(id: ItemId) -> Self {
        Self { item: Some(id), ..Self::default() }
    }

    /// True if an entry with this time, run and item matches.
    #[must_use]
    pub fn matches(&self, at: Timestamp, run: &RunId, item: Option<ItemId>) -> bool {
        self.item.is_none_or(|wanted| item == Some(wanted))
            && self.run.as_ref().is_none_or(|wanted| wanted == run)
            && self.since.is_none_or(|since| since <= at)
            && self.until.is_none_or(|until| at < until)
    }
}

/// How a past attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PastEnd {
    /// The attempt completed the file.
    Completed,
    /// The attempt failed, and the file became pending again.
    Requeued,
    /// The attempt failed and was not retried.
    Failed,
    /// The attempt timed out and was not retried.
    Timeout,
    /// The attempt was released and did not count.
    Released,
    /// The run died during the attempt.
    Died,
    /// The claim was recovered before the attempt ended; the result did not count.
    Discarded,
}

impl PastEnd {
    /// Returns the name of this variant, as shown on screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Requeued => "requeued",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Released => "released",
            Self::Died => "died",
            Self::Discarded => "discarded",
        }
    }
}

/// An attempt of the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastAttempt {
    /// Identifies the attempt. The attempt number alone is not unique: a released attempt and the
    /// next one have the same number.
    pub of: AttemptRef,
    /// The run that made the attempt.
    pub run: RunId,
    /// When the attempt began; `None` if that is no longer known.
    pub started_at: Option<Timestamp>,
    /// How the attempt ended; `None` if it is still running or its end is unknown.
    pub end: Option<PastEnd>,
    /// The duration of the attempt; `None` if unknown.
    pub elapsed: Option<Duration>,
    /// The resources that the attempt used; `None` if unknown.
    pub usage: Option<ResourceUsage>,
    /// The error text of the attempt; `None` if there is none.
    pub error: Option<Box<str>>,
    /// The size of the file when the attempt began, in bytes; `None` if unknown.
    pub size_bytes: Option<u64>,
    /// The recipe of the run; `None` if there is none, or if it is unknown.
    pub recipe: Option<Recipe>,
    /// True if the file is known to have changed during the attempt.
    pub input_changed: bool,
}

/// An event of the past, as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastEvent {
    /// When the event happened.
    pub at: Timestamp,
    /// The run that reported the event.
    pub run: RunId,
    /// The event's name in the event log, for instance `file_started`.
    pub name: Box<str>,
    /// The attempt that the event refers to; `None` if it refers to none.
    pub of: Option<AttemptRef>,
    /// The reason or error that the event reports; `None` if it reports none.
    pub reason: Option<Box<str>>,
}

/// The history could not be read. The queue and its runs are not affected.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {place}")]
pub struct HistoryError {
    /// The file or resource that could not be read.
    pub place: String,
    /// The underlying error.
    #[source]
    pub source: io::Error,
}

/// A callback that receives past attempts; see [`History::visit_attempts`]. The second argument is
/// the time at which the end of the attempt was recorded; `None` if that is unknown.
pub type AttemptVisitor = Box<dyn FnMut(PastAttempt, Option<Timestamp>) + Send>;

/// Reads attempts, events and runs of the past.
///
/// # Contract
/// - The history may be incomplete: old entries may have been pruned, and a power failure may have
///   lost the latest ones. Entries that cannot be parsed are omitted.
/// - Entries are returned in the order in which they were recorded.
/// - Attempts and events may be limited to the latest thousand. The figures of runs are never
///   limited: they count every recorded file.
#[async_trait]
pub trait History: Send + Sync {
    /// Returns the matching attempts. `since` and `until` apply to the beginning of an attempt, or
    /// to its end if the beginning is unknown.
    ///
    /// # Errors
    /// [`HistoryError`] if the history cannot be read.
    async fn attempts(&self, query: HistoryQuery) -> Result<Vec<PastAttempt>, HistoryError>;

    /// Passes every recorded attempt of these runs to `visit`, in the order in which the ends were
    /// recorded. Attempts without a recorded end come last, with one exception. If the same run
    /// later began an attempt of the same item, round and number, the attempt without an end comes
    /// before the later one. The number of attempts is not limited, and an implementation does not
    /// hold all of them in memory.
    ///
    /// This default implementation calls [`History::attempts`] for each run, so the order and the
    /// limit of that method apply. It computes each end as the beginning plus the duration.
    ///
    /// # Errors
    /// [`HistoryError`] if the history cannot be read. Some attempts may have been visited already.
    async fn visit_attempts(&self, runs: Vec<RunId>, mut visit: AttemptVisitor) -> Result<(), HistoryError> {
        for run in runs {
            let query = HistoryQuery { run: Some(run), ..HistoryQuery::default() };
            for attempt in self.attempts(query).await? {
                let ended_at = attempt.started_at.zip(attempt.elapsed).map(|(at, elapsed)| at.saturating_add(elapsed));
                visit(attempt, ended_at);
            }
        }
        Ok(())
    }

    /// Returns the matching events.
    ///
    /// # Errors
    /// [`HistoryError`] if the history cannot be read.
    async fn events(&self, query: HistoryQuery) -> Result<Vec<PastEvent>, HistoryError>;

    /// Returns the matching runs with their figures. A user's command that recovers files is not
    /// listed as a run, although its events have a run id.
    ///
    /// # Errors
    /// [`HistoryError`] if the history cannot be read.
    async fn runs(&self, filter: RunFilter) -> Result<RunsSummary, HistoryError>;
}
