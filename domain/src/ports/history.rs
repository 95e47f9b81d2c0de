//! The port for reading the past: attempts and events of an item, a run, or a period, and the runs
//! themselves.

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
    /// Matches only this item.
    pub item: Option<ItemId>,
    /// Matches only this run.
    pub run: Option<RunId>,
    /// Matches this time and later.
    pub since: Option<Timestamp>,
    /// Matches times before this one.
    pub until: Option<Timestamp>,
}

impl HistoryQuery {
    /// Matches everything that is known of one item.
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

/// The end of an attempt in the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PastEnd {
    /// The attempt completed the file.
    Completed,
    /// The attempt failed, and another one followed.
    Requeued,
    /// The attempt failed for good.
    Failed,
    /// The attempt timed out, and no other one followed.
    Timeout,
    /// A stop released the attempt; it did not count.
    Released,
    /// The run died during the attempt.
    Died,
    /// The claim was recovered before the attempt ended; the result did not count.
    Discarded,
}

impl PastEnd {
    /// Returns the word that is shown on screen.
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
    /// The attempt. A released attempt frees its number, so the next attempt has the same one.
    pub of: AttemptRef,
    /// The run that made the attempt.
    pub run: RunId,
    /// When the attempt began; `None` if that is no longer known.
    pub started_at: Option<Timestamp>,
    /// The end of the attempt; `None` if it is still running, or if its end is unknown.
    pub end: Option<PastEnd>,
    /// The duration of the attempt.
    pub elapsed: Option<Duration>,
    /// The resources that the attempt used.
    pub usage: Option<ResourceUsage>,
    /// The error text of the attempt.
    pub error: Option<Box<str>>,
    /// The size of the file when the attempt began, in bytes.
    pub size_bytes: Option<u64>,
    /// The recipe of the run.
    pub recipe: Option<Recipe>,
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
    /// The reason or error in the event; `None` if it has none.
    pub reason: Option<Box<str>>,
}

/// The error of reading the history. The queue and its runs are not affected.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {place}")]
pub struct HistoryError {
    /// The file or resource that could not be read.
    pub place: String,
    /// The underlying error.
    #[source]
    pub source: io::Error,
}

/// Reads attempts, events and runs of the past.
///
/// # Contract
/// - The history is a record and not authoritative: it may have been pruned, or have lost its end
///   in a power failure. Entries that cannot be parsed are omitted.
/// - Entries are returned in the order in which they happened.
/// - Attempts and events may be limited to the latest thousand. The figures of runs are never
///   limited: they count every recorded file.
#[async_trait]
pub trait History: Send + Sync {
    /// Returns the matching attempts. The time of an attempt is its beginning or, if that is
    /// unknown, its end.
    ///
    /// # Errors
    /// [`HistoryError`] if the history cannot be read.
    async fn attempts(&self, query: HistoryQuery) -> Result<Vec<PastAttempt>, HistoryError>;

    /// Returns the matching events.
    ///
    /// # Errors
    /// [`HistoryError`] if the history cannot be read.
    async fn events(&self, query: HistoryQuery) -> Result<Vec<PastEvent>, HistoryError>;

    /// Returns the matching runs with their figures. Recoveries that were recorded outside a run do
    /// not count as one.
    ///
    /// # Errors
    /// [`HistoryError`] if the history cannot be read.
    async fn runs(&self, filter: RunFilter) -> Result<RunsSummary, HistoryError>;
}
