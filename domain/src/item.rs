//! What stands in the queue: an item, its identity, its place in the order, and the claim a run holds on it.

use std::fmt;
use std::sync::Arc;

use crate::file_path::FilePath;
use crate::time::Timestamp;

/// An item's sequence number: given when it is added, never reused, and the "first in" of first in, first out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(u64);

impl ItemId {
    /// The first one given out.
    pub const FIRST: Self = Self(1);

    /// The identity with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The identity after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How urgent an item is: higher is taken first, 0 unless told, negative ones come last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(i32);

impl Priority {
    /// The priority of this rank.
    #[must_use]
    pub const fn new(rank: i32) -> Self {
        Self(rank)
    }

    /// The rank.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which try of an item this is, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptNumber(u32);

impl AttemptNumber {
    /// The try with this number; `None` for 0, which is no try at all.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number == 0 { None } else { Some(Self(number)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for AttemptNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where an item stands. [`lifecycle`](crate::lifecycle) has the one table of legal changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Waits to be claimed, perhaps until its backoff is over.
    Pending,
    /// Claimed by a run.
    Processing,
    /// Ended well.
    Completed,
    /// Ended badly: no attempts left, or a failure that no retry can mend.
    Failed,
    /// Ended badly, and the last attempt ran out of time.
    Timeout,
}

impl Status {
    /// Every status, in the order in which an item can meet them.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Processing, Self::Completed, Self::Failed, Self::Timeout];

    /// The word for it, on disk and on screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
        }
    }

    /// The status a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// Whether the item is still to be done: pending or processing.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Processing)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The name of one run of a processor, unique among all runs that ever used the queue. Cloning shares the text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(Arc<str>);

impl RunId {
    /// The run with this name.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a claim, growing with every claim the queue ever granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimNumber(u64);

impl ClaimNumber {
    /// The first one given out.
    pub const FIRST: Self = Self(1);

    /// The claim with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Who works on an item, and under which number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The claim's number.
    pub number: ClaimNumber,
    /// The run that holds it.
    pub run: RunId,
}

/// What a claim's holder shows to settle it. A token whose claim was settled or recovered is *stale* and changes nothing.
///
/// The attempt number would not do in its place: an attempt that was given back is counted again under the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimToken {
    /// The item claimed.
    pub item: ItemId,
    /// The claim's number.
    pub number: ClaimNumber,
}

/// One file in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueItem {
    /// Its sequence number.
    pub id: ItemId,
    /// The file.
    pub file_path: FilePath,
    /// Its urgency.
    pub priority: Priority,
    /// When it was added; for people, never for order.
    pub added_at: Timestamp,
    /// How many attempts were started and not given back.
    pub attempts: u32,
    /// When the latest attempt was claimed.
    pub last_attempt: Option<Timestamp>,
    /// Where it stands.
    pub status: Status,
    /// Before this point it is not claimed again. Only a pending item has one.
    pub not_before: Option<Timestamp>,
    /// Who works on it: a claim exactly while the status is processing.
    /// Apart from the rest, because few items are being processed, and all of them have room for it.
    pub claim: Option<Box<Claim>>,
    /// What went wrong in the latest attempt that went wrong.
    pub last_error: Option<Box<str>>,
}

impl QueueItem {
    /// A file as it is when it enters the queue.
    #[must_use]
    pub fn added(id: ItemId, file_path: FilePath, priority: Priority, added_at: Timestamp) -> Self {
        Self {
            id,
            file_path,
            priority,
            added_at,
            attempts: 0,
            last_attempt: None,
            status: Status::Pending,
            not_before: None,
            claim: None,
            last_error: None,
        }
    }

    /// Whether it could be claimed at `now`: pending, and its backoff over.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.status == Status::Pending && self.not_before.is_none_or(|due| due <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue of a million items has a million times this, beside their paths.
    #[test]
    fn an_item_is_small() {
        assert_eq!(size_of::<QueueItem>(), 88);
        assert_eq!(size_of::<Option<QueueItem>>(), 88);
    }
}
