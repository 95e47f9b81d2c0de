//! An item of the queue: a file, for good. Its id, its place in line, its rounds and attempts, and
//! the claim that a run holds on it.

use std::fmt;
use std::sync::Arc;

use crate::fingerprint::Completion;
use crate::path::FilePath;
use crate::time::Timestamp;

/// Identifies an item for as long as its file stands in the queue. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(u64);

impl ItemId {
    /// The first id of a new queue.
    pub const FIRST: Self = Self(1);

    /// Wraps a number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number, as it stands on disk and on screen.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An item's place in line among items of the same priority: lower is claimed first.
///
/// Ids and sequence numbers come from one counter. A new item has its id as its sequence number; a
/// new round renews the sequence number and keeps the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(u64);

impl Sequence {
    /// Wraps a number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number, as it stands on disk.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The place right behind this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// An item's urgency: higher is claimed first, the default is 0, negative ones come last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(i32);

impl Priority {
    /// Wraps a number.
    #[must_use]
    pub const fn new(rank: i32) -> Self {
        Self(rank)
    }

    /// The number, as it stands on disk and on screen.
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

/// Numbers the attempts of one round, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptNumber(u32);

impl AttemptNumber {
    /// The first attempt of a round.
    pub const FIRST: Self = Self(1);

    /// Wraps a number; `None` for 0.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number == 0 { None } else { Some(Self(number)) }
    }

    /// The number, at least 1.
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

/// Where an item stands. [`lifecycle`](crate::lifecycle) holds the table of legal changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Waits to be claimed; perhaps until its backoff is over, perhaps held by a person.
    Pending,
    /// Claimed by a run.
    Processing,
    /// The last attempt succeeded.
    Completed,
    /// No attempt is left, or a retry could not help.
    Failed,
    /// As failed, and the last attempt ran out of time.
    Timeout,
}

impl Status {
    /// Every status, in the order in which an item can reach them.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Processing, Self::Completed, Self::Failed, Self::Timeout];

    /// The specification's word, on disk and on screen.
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

    /// The status with this word; `None` for any other text.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// True for pending and processing: work remains to be done.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Processing)
    }

    /// True for failed and timeout.
    #[must_use]
    pub const fn has_failed(self) -> bool {
        matches!(self, Self::Failed | Self::Timeout)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Names one run of a processor, unique among all runs that ever used the queue. Clones share the
/// text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(Arc<str>);

impl RunId {
    /// Wraps a name.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name as text.
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

/// Numbers claims. Each claim that the queue grants gets a higher one than all before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimNumber(u64);

impl ClaimNumber {
    /// The first claim of a new queue.
    pub const FIRST: Self = Self(1);

    /// Wraps a number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number, as it stands on disk.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number of the next claim.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A run's hold on an item while the item is processing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Fences settlements together with the item and the run.
    pub number: ClaimNumber,
    /// The run that works on the item.
    pub run: RunId,
    /// True once a person cancelled the item: whatever the attempt comes to, short of success, the
    /// item ends as failed.
    pub is_cancelled: bool,
}

/// Identifies one claim. A claim that was settled or recovered is *stale*: settling it changes
/// nothing.
///
/// The attempt number would not do: an attempt that was given back is counted again under the same
/// number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimToken {
    /// The claimed item.
    pub item: ItemId,
    /// The claim's number.
    pub number: ClaimNumber,
}

/// The wait before the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Backoff {
    /// The item is not claimed before this point.
    pub not_before: Timestamp,
    /// When the wait was ordered. `not_before - ordered_at` is the longest wait that any reader
    /// accepts: if more remains, the clock was set back since.
    pub ordered_at: Timestamp,
}

impl Backoff {
    /// The backoff as it must be read at `now`: itself, or cut down to the ordered span if the
    /// clock was set back. A backoff without end ([`Timestamp::MAX`]) stays as it is.
    #[must_use]
    pub fn capped(self, now: Timestamp) -> Self {
        let latest = now.saturating_add(self.not_before.saturating_since(self.ordered_at));
        if self.not_before == Timestamp::MAX || self.not_before <= latest {
            return self;
        }
        Self { not_before: latest, ordered_at: now }
    }
}

/// One file in the queue. A path has one item, for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueItem {
    /// The file's identity in the queue.
    pub id: ItemId,
    /// The place in line; renewed by each round.
    pub sequence: Sequence,
    /// The absolute path.
    pub file_path: FilePath,
    /// The urgency.
    pub priority: Priority,
    /// When the path was first added; for people, never for order.
    pub added_at: Timestamp,
    /// How many rounds have begun: 1 after the first addition, one more each time that the item
    /// is requeued or added again after it had ended.
    pub round: u32,
    /// True if this round began after a completion, and so is work of its own: nothing of an
    /// earlier round is continued.
    pub follows_completion: bool,
    /// Attempts of this round that were started and not given back.
    pub attempts: u32,
    /// When the latest attempt was claimed.
    pub last_attempt: Option<Timestamp>,
    /// Where the item stands.
    pub status: Status,
    /// True while a person has set the item aside: it is pending and never claimed.
    pub is_held: bool,
    /// The wait before the next attempt. Only a pending item has one.
    pub backoff: Option<Backoff>,
    /// The claim, present exactly while the status is processing. Boxed, because few items of a
    /// million are being processed.
    pub claim: Option<Box<Claim>>,
    /// The latest failure, see [`failure`](crate::failure). Kept across rounds.
    pub last_error: Option<Box<str>>,
    /// What the last success was. Only a completed item has one, and not if it was completed by a
    /// version that did not record it.
    pub completion: Option<Box<Completion>>,
}

impl QueueItem {
    /// A file as it enters the queue.
    #[must_use]
    pub fn added(id: ItemId, file_path: FilePath, priority: Priority, added_at: Timestamp) -> Self {
        Self {
            id,
            sequence: Sequence::new(id.get()),
            file_path,
            priority,
            added_at,
            round: 1,
            follows_completion: false,
            attempts: 0,
            last_attempt: None,
            status: Status::Pending,
            is_held: false,
            backoff: None,
            claim: None,
            last_error: None,
            completion: None,
        }
    }

    /// Before this point the item is not claimed.
    #[must_use]
    pub fn not_before(&self) -> Option<Timestamp> {
        self.backoff.map(|backoff| backoff.not_before)
    }

    /// True if the item could be claimed at `now`.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.is_waiting() && self.not_before().is_none_or(|due| due <= now)
    }

    /// True if the item is pending and not held: it will be claimed, now or after its backoff.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.status == Status::Pending && !self.is_held
    }

    /// The number of the latest attempt, and 1 if there was none.
    #[must_use]
    pub fn attempt(&self) -> AttemptNumber {
        AttemptNumber::new(self.attempts).unwrap_or(AttemptNumber::FIRST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue of a million items holds a million times this, and their paths.
    #[test]
    fn an_item_is_small() {
        assert_eq!(size_of::<QueueItem>(), 112);
        assert_eq!(size_of::<Option<QueueItem>>(), 112);
    }
}
