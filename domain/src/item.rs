//! The items of the queue. An item is a queued file with its state.

use std::fmt;
use std::sync::Arc;

use crate::failure::CANCELLED;
use crate::fingerprint::Completion;
use crate::path::FilePath;
use crate::time::Timestamp;

/// The id of an item. An item keeps its id as long as it is in the queue. Ids are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(u64);

impl ItemId {
    /// The first id of a new queue.
    pub const FIRST: Self = Self(1);

    /// Creates an id from its number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the id as a number, as it appears on disk and on screen.
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

/// The position of an item among items of the same priority. Lower numbers are claimed first.
///
/// Ids and sequence numbers share one counter. The first sequence number of an item is its id. Each
/// new round gives the item a new sequence number, but not a new id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(u64);

impl Sequence {
    /// Creates a sequence number from an integer.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the sequence number as an integer, as it appears on disk.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the next sequence number.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The urgency of an item, 0 by default. Items of higher priority are claimed first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(i32);

impl Priority {
    /// Creates a priority from a number.
    #[must_use]
    pub const fn new(rank: i32) -> Self {
        Self(rank)
    }

    /// Returns the priority as a number, as it appears on disk and on screen.
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

/// The number of an attempt within its round, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptNumber(u32);

impl AttemptNumber {
    /// The first attempt of a round.
    pub const FIRST: Self = Self(1);

    /// Creates an attempt number; returns `None` for 0.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number == 0 { None } else { Some(Self(number)) }
    }

    /// Returns the attempt number as an integer, which is at least 1.
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

/// The status of an item. [`lifecycle`](crate::lifecycle) defines the legal changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// The item waits for a run to claim it. It may be in backoff, or held by a user.
    Pending,
    /// A run has claimed the item.
    Processing,
    /// The last attempt succeeded.
    Completed,
    /// The item failed for good: the last attempt failed, the run died during that attempt, or a
    /// user cancelled the item.
    Failed,
    /// The last attempt timed out and no retry follows.
    Timeout,
}

impl Status {
    /// All statuses. The live ones, pending and processing, come first.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Processing, Self::Completed, Self::Failed, Self::Timeout];

    /// Returns the name of the status, as it appears on disk and on screen.
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

    /// Returns the status with this [`word`](Self::word); `None` for any other text.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// True if the status is pending or processing.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Processing)
    }

    /// True if the status is failed or timeout.
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

/// The name of a run, unique among all runs that ever used the queue. Clones share the text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(Arc<str>);

impl RunId {
    /// Creates the id of a run from its name.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Returns the name as text.
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

/// The number of a claim. Each claim has a higher number than all earlier claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimNumber(u64);

impl ClaimNumber {
    /// The number of the first claim of a new queue.
    pub const FIRST: Self = Self(1);

    /// Creates a claim number from an integer.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the claim number as an integer, as it appears on disk.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the number of the next claim.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A run's right to process an item. The item is processing as long as the claim exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The number of the claim. A settlement takes effect only if it has this number and comes from
    /// `run`.
    pub number: ClaimNumber,
    /// The run that processes the item.
    pub run: RunId,
    /// True if a user has cancelled the item. The item then ends when the claim ends, without a
    /// retry.
    pub is_cancelled: bool,
}

/// Identifies a claim. Once the claim is settled or recovered, its token is *stale*: settling
/// with it has no effect.
///
/// The attempt number cannot identify a claim: a released attempt and the next one have the same
/// number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimToken {
    /// The claimed item.
    pub item: ItemId,
    /// The claim's number.
    pub number: ClaimNumber,
}

/// Delays the next attempt of a pending item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Backoff {
    /// The earliest time at which the item may be claimed.
    pub not_before: Timestamp,
    /// When the backoff was set, or when it was last shortened because the clock was set back. No
    /// run waits longer than `not_before - ordered_at`.
    pub ordered_at: Timestamp,
}

impl Backoff {
    /// Shortens the backoff if more than its original duration is left at `now`. This happens only
    /// if the clock was set back. An endless backoff ([`Timestamp::MAX`]) never changes.
    #[must_use]
    pub fn capped(self, now: Timestamp) -> Self {
        let latest = now.saturating_add(self.not_before.saturating_since(self.ordered_at));
        if self.not_before == Timestamp::MAX || self.not_before <= latest {
            return self;
        }
        Self { not_before: latest, ordered_at: now }
    }
}

/// A file in the queue. Each path has exactly one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueItem {
    /// The id of the item.
    pub id: ItemId,
    /// The position in line among items of the same priority.
    pub sequence: Sequence,
    /// The absolute path of the file.
    pub file_path: FilePath,
    /// The number of path components below the folder from which the file was added, at most 255.
    /// For instance, `a/b.txt` in that folder has depth 2. A file that was not added as part of a
    /// folder has depth 0. See [`FilePath::last_components`].
    pub depth: u8,
    /// The priority of the item.
    pub priority: Priority,
    /// When the path was first added. Does not affect the claim order.
    pub added_at: Timestamp,
    /// The number of the current round, counted from 1.
    pub round: u32,
    /// True if the item was completed when this round began. The attempts of such a round resume no
    /// work of earlier rounds.
    pub follows_completion: bool,
    /// The number of attempts that were claimed in this round. Released attempts do not count.
    pub attempts: u32,
    /// When the latest attempt was claimed; `None` if there was none.
    pub last_attempt: Option<Timestamp>,
    /// The status of the item.
    pub status: Status,
    /// True while a user holds the item. A held item stays pending and is never claimed.
    pub is_held: bool,
    /// The wait before the next attempt; `None` if the item need not wait. Only a pending item has
    /// a backoff.
    pub backoff: Option<Backoff>,
    /// The claim on the item; `None` if the item is not processing. Boxed to save memory, because
    /// few items are processing at a time.
    pub claim: Option<Box<Claim>>,
    /// The error text of the latest failure, see [`failure`](crate::failure); `None` if there was
    /// no failure. A new round keeps the text.
    pub last_error: Option<Box<str>>,
    /// The record of the last success; `None` if the item is not completed. If an older version of
    /// autoproc completed the item, the record may be absent or have no values.
    pub completion: Option<Box<Completion>>,
}

impl QueueItem {
    /// Creates the item for a newly added file.
    #[must_use]
    pub fn added(id: ItemId, file_path: FilePath, priority: Priority, added_at: Timestamp) -> Self {
        Self {
            id,
            sequence: Sequence::new(id.get()),
            file_path,
            depth: 0,
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

    /// Releases the claim: the returned item is pending, and the attempt does not count. If a user
    /// has cancelled the item, the returned item has failed. Without a claim, nothing changes.
    #[must_use]
    pub fn released(self) -> Self {
        match &self.claim {
            None => self,
            Some(claim) if claim.is_cancelled => {
                Self { status: Status::Failed, claim: None, last_error: Some(CANCELLED.into()), ..self }
            }
            Some(_) => {
                let attempts = self.attempts.saturating_sub(1);
                Self { status: Status::Pending, claim: None, attempts, ..self }
            }
        }
    }

    /// Returns the earliest time at which the item may be claimed; `None` if it has no backoff.
    #[must_use]
    pub fn not_before(&self) -> Option<Timestamp> {
        self.backoff.map(|backoff| backoff.not_before)
    }

    /// True if a run could claim the item at `now`: it is pending, not held, and not in backoff.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.is_waiting() && self.not_before().is_none_or(|due| due <= now)
    }

    /// True if the item is pending and not held: a run may claim it, now or after its backoff.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.status == Status::Pending && !self.is_held
    }

    /// Returns the number of this round's latest attempt, or 1 if the round has none.
    #[must_use]
    pub fn attempt(&self) -> AttemptNumber {
        AttemptNumber::new(self.attempts).unwrap_or(AttemptNumber::FIRST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_small() {
        assert_eq!(size_of::<QueueItem>(), 112);
        assert_eq!(size_of::<Option<QueueItem>>(), 112);
    }
}
