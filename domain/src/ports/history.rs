//! The port through which the past is read: attempts and events of an item, a run, or a span of time.

use std::io;
use std::time::Duration;

use async_trait::async_trait;

use crate::attempt::{AttemptRef, ResourceUsage};
use crate::fingerprint::Recipe;
use crate::item::{ItemId, RunId};
use crate::time::Timestamp;

/// Which part of the past: what matches all of the conditions that are set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Only this item.
    pub item: Option<ItemId>,
    /// Only this run.
    pub run: Option<RunId>,
    /// Nothing before this point.
    pub since: Option<Timestamp>,
    /// Nothing at or after this point.
    pub until: Option<Timestamp>,
}

impl HistoryQuery {
    /// All that is known of an item.
    #[must_use]
    pub fn of_item(id: ItemId) -> Self {
        Self { item: Some(id), ..Self::default() }
    }

    /// True if something that happened then, in this run and to this item, matches.
    #[must_use]
    pub fn matches(&self, at: Timestamp, run: &RunId, item: Option<ItemId>) -> bool {
        self.item.is_none_or(|wanted| item == Some(wanted))
            && self.run.as_ref().is_none_or(|wanted| wanted == run)
            && self.since.is_none_or(|since| since <= at)
            && self.until.is_none_or(|until| at < until)
    }
}

/// How an attempt of the past ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PastEnd {
    /// The file completed.
    Completed,
    /// It failed, and another attempt followed.
    Requeued,
    /// It failed for good.
    Failed,
    /// It ran out of time, and no other attempt followed.
    Timeout,
    /// A stop gave it back; it did not count.
    Released,
    /// Its run died.
    Died,
    /// Its claim had been recovered before it ended; its result did not count.
    Discarded,
}

impl PastEnd {
    /// The word on screen.
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
    /// The attempt. Releasing an attempt frees its number, so the next attempt reuses it.
    pub of: AttemptRef,
    /// The run that made it.
    pub run: RunId,
    /// When it began, if that is still known.
    pub started_at: Option<Timestamp>,
    /// How it ended; `None` while it is under way, and if that is not known.
    pub end: Option<PastEnd>,
    /// How long it took.
    pub elapsed: Option<Duration>,
    /// What it used of the machine.
    pub usage: Option<ResourceUsage>,
    /// What went wrong.
    pub error: Option<Box<str>>,
    /// The size of the file when it began, in bytes.
    pub size_bytes: Option<u64>,
    /// What was done.
    pub recipe: Option<Recipe>,
}

/// An event of the past, as the record keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastEvent {
    /// When it happened.
    pub at: Timestamp,
    /// The run that it happened in.
    pub run: RunId,
    /// The event's name in the event log, as `file_started`.
    pub name: Box<str>,
    /// The attempt that it speaks of, if it speaks of one.
    pub of: Option<AttemptRef>,
    /// The reason or error that it carries, if it carries one.
    pub reason: Option<Box<str>>,
}

/// The past cannot be read; nothing else is affected.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {place}")]
pub struct HistoryError {
    /// What was read.
    pub place: String,
    /// What the system reported.
    #[source]
    pub source: io::Error,
}

/// Reads the past.
///
/// # Contract
/// - The past is a record and not the truth: it may have been pruned, or have lost its end in a
///   power cut. Entries that cannot be understood are left out.
/// - Answers come in the order in which things happened.
/// - An answer may be cut to its latest thousand entries.
#[async_trait]
pub trait History: Send + Sync {
    /// The attempts that match. An attempt matches by the time at which it began or, if that is not
    /// known, ended.
    ///
    /// # Errors
    /// [`HistoryError`].
    async fn attempts(&self, query: HistoryQuery) -> Result<Vec<PastAttempt>, HistoryError>;

    /// The events that match.
    ///
    /// # Errors
    /// [`HistoryError`].
    async fn events(&self, query: HistoryQuery) -> Result<Vec<PastEvent>, HistoryError>;
}
