//! The queue itself: an aggregate that decides without changing and changes without deciding.
//!
//! [`decide`] turns a [`Command`](crate::command::Command) into [`Event`](crate::event::Event)s or a
//! [`Rejection`](crate::rejection::Rejection); [`FileQueue::apply`] is the only mutator and cannot fail. A store puts the
//! durable write between the two. [`Transaction::perform`] is both at once, for stores that hold the queue in memory.
//!
//! Nothing here reads a clock: a queue knows only the times it was told.

mod apply;
mod decide;
mod items;
mod ordering;
mod paths;
mod ready;
mod restore;
mod transaction;

use std::collections::BTreeSet;

use crate::command::Selector;
use crate::file_path::FilePath;
use crate::item::{ClaimNumber, ClaimToken, ItemId, QueueItem, Status};
use crate::time::Timestamp;
use crate::view::{Counts, Page, PageRequest};

pub use decide::decide;
pub use ordering::ClaimKey;
pub use restore::{Inconsistent, Refused, Restore};
pub use transaction::{Performed, Transaction};

use items::Items;
use paths::PathIndex;
use ready::Ready;

/// The durable priority queue, as a value.
///
/// Costs, for a queue of n items: a claim, a settlement and an addition O(log n); counts O(1); a page of m items O(n + m log m).
#[derive(Debug, Clone)]
pub struct FileQueue {
    items: Items,
    next_id: ItemId,
    next_claim: ClaimNumber,
    paths: PathIndex,
    counts: Counts,
    /// Pending items whose time had come at `promoted_until`, in claim order.
    ready: Ready,
    /// Pending items with a backoff, over or not, by its end. Those whose end lies after `promoted_until` are not in `ready`.
    backing_off: BTreeSet<(Timestamp, ItemId)>,
    processing: BTreeSet<ItemId>,
    /// The latest time at which a claim was applied; it only says what is in `ready` and is no part of the state.
    promoted_until: Timestamp,
}

/// Two queues are equal when they hold the same items and will number the next ones alike.
impl PartialEq for FileQueue {
    fn eq(&self, other: &Self) -> bool {
        (self.next_id, self.next_claim) == (other.next_id, other.next_claim) && self.items.iter().eq(other.items.iter())
    }
}

impl Eq for FileQueue {}

impl Default for FileQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl FileQueue {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self {
            items: Items::default(),
            next_id: ItemId::FIRST,
            next_claim: ClaimNumber::FIRST,
            paths: PathIndex::default(),
            counts: Counts::default(),
            ready: Ready::default(),
            backing_off: BTreeSet::new(),
            processing: BTreeSet::new(),
            promoted_until: Timestamp::MIN,
        }
    }

    /// The item with this identity.
    #[must_use]
    pub fn get(&self, id: ItemId) -> Option<&QueueItem> {
        self.items.get(id)
    }

    /// The item somebody means. Of several of one path, the live one, else the latest.
    #[must_use]
    pub fn find(&self, which: &Selector) -> Option<&QueueItem> {
        match which {
            Selector::Id(id) => self.get(*id),
            Selector::Path(path) => self.latest(path),
        }
    }

    /// The latest item of a path, the live one where there is one.
    fn latest(&self, path: &FilePath) -> Option<&QueueItem> {
        self.paths.find(path, &self.items)
    }

    /// Makes room for this many more items.
    fn reserve(&mut self, additional: usize) {
        self.items.reserve(additional);
        self.paths.reserve(additional, &self.items);
    }

    /// Whether an item is the one that its path names.
    fn is_latest(&self, item: &QueueItem) -> bool {
        self.latest(&item.file_path).is_some_and(|latest| latest.id == item.id)
    }

    /// Every item, by sequence number.
    pub fn items(&self) -> impl Iterator<Item = &QueueItem> {
        self.items.iter()
    }

    /// Pending items, by sequence number.
    pub fn pending(&self) -> impl Iterator<Item = &QueueItem> {
        self.items().filter(|item| item.status == Status::Pending)
    }

    /// Items that failed or timed out, by sequence number.
    pub fn failed(&self) -> impl Iterator<Item = &QueueItem> {
        self.items().filter(|item| matches!(item.status, Status::Failed | Status::Timeout))
    }

    /// The item that a claim at `now` would take first.
    #[must_use]
    pub fn peek(&self, now: Timestamp) -> Option<&QueueItem> {
        let key = self.claimable(now, 1).into_iter().next()?;
        self.get(key.id())
    }

    /// How many items wait; those being processed are out already.
    #[must_use]
    pub fn size(&self) -> usize {
        self.counts.pending
    }

    /// Whether no item waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.size() == 0
    }

    /// How many items stand where.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The sequence number the next new item will get.
    #[must_use]
    pub fn next_id(&self) -> ItemId {
        self.next_id
    }

    /// The number the next claim will get.
    #[must_use]
    pub fn next_claim(&self) -> ClaimNumber {
        self.next_claim
    }

    /// Whether a claim is still the one its item is processed under.
    #[must_use]
    pub fn is_current(&self, token: ClaimToken) -> bool {
        self.get(token.item).and_then(|item| item.claim.as_ref()).is_some_and(|claim| claim.number == token.number)
    }

    /// Items being processed, by sequence number.
    pub fn processing(&self) -> impl Iterator<Item = &QueueItem> {
        self.processing.iter().filter_map(|id| self.get(*id))
    }

    /// When the next item falls due that is not due at `now`; `None` where no item waits for its time.
    #[must_use]
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        self.due_after(now).next().map(|(due, _)| due)
    }

    /// Pending items that fall due later than `point`, the next one first.
    fn due_after(&self, point: Timestamp) -> impl Iterator<Item = (Timestamp, ItemId)> {
        self.backing_off.range((point, ItemId::new(u64::MAX))..).copied()
    }

    /// One page of items in claim order.
    #[must_use]
    pub fn page(&self, request: &PageRequest) -> Page {
        let mut keys: Vec<_> = self
            .items()
            .filter(|item| request.statuses.is_empty() || request.statuses.contains(&item.status))
            .map(ClaimKey::of)
            .filter(|key| request.after.is_none_or(|after| *key > after))
            .collect();
        let length = request.limit.unwrap_or(keys.len()).min(keys.len());
        let has_more = length < keys.len();
        if has_more {
            // Only what is on the page needs an order.
            keys.select_nth_unstable(length);
            keys.truncate(length);
        }
        keys.sort_unstable();
        let next = keys.last().copied().filter(|_| has_more);
        let items = keys.iter().filter_map(|key| self.get(key.id()).cloned()).collect();
        Page { items, next }
    }
}
