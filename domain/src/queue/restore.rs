//! Rebuilds a queue from stored items, one at a time.

use crate::item::{ClaimNumber, ItemId, QueueItem, Status};
use crate::path::FilePath;
use crate::queue::FileQueue;
use crate::queue::waiting::Entry;

/// Rebuilds a queue from its items, and checks that the items are consistent.
///
/// The items keep the order in which [`push`](Self::push) adds them, because a user may have
/// reordered the stored items by hand. If an item's sequence number is not higher than that of the
/// item before it, the item gets a higher number.
#[derive(Debug, Default)]
pub struct Restore {
    queue: FileQueue,
    folded: usize,
}

/// An item that could not be added, because it contradicts itself or another item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} was left out", item.file_path)]
pub struct Refused {
    /// The refused item.
    pub item: Box<QueueItem>,
    /// The reason for the refusal.
    #[source]
    pub reason: Inconsistent,
}

/// The reason why an item is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Inconsistent {
    /// Two items with different paths have the same id.
    #[error("two items have the id {0}")]
    RepeatedId(ItemId),
    /// The status of an item does not match its claim.
    #[error(
        "the status of item {0} ({1}) does not match its claim: only a processing item has a claim, and it always has one"
    )]
    Claim(ItemId, Status),
}

impl Restore {
    /// Creates an instance with capacity for about this many items.
    #[must_use]
    pub fn with_room(items: usize) -> Self {
        let mut queue = FileQueue::new();
        queue.reserve(items);
        Self { queue, folded: 0 }
    }

    /// Adds the next item. Clears fields that contradict the item's status, for instance the
    /// backoff of a completed item.
    ///
    /// If an earlier item has the same path, only one of the two items stays, with the sum of both
    /// round numbers. A processing item takes precedence over a pending one, and a pending one over
    /// an ended one. Otherwise, the later item stays.
    ///
    /// # Errors
    /// [`Refused`], with the item, if the item is inconsistent. Further items can still be added.
    pub fn push(&mut self, mut item: QueueItem) -> Result<(), Refused> {
        if let Err(reason) = self.check(&item) {
            return Err(Refused { item: Box::new(item), reason });
        }
        if item.status != Status::Pending {
            item.backoff = None;
            item.is_held = false;
        }
        if item.status != Status::Completed {
            item.completion = None;
        }
        let queue = &mut self.queue;
        queue.next_number = queue.next_number.max(item.id.get().saturating_add(1));
        if let Some(claim) = &item.claim {
            queue.next_claim = queue.next_claim.max(claim.number.next());
        }
        if let Some(item) = self.fold(item) {
            self.append(item);
        }
        Ok(())
    }

    fn check(&self, item: &QueueItem) -> Result<(), Inconsistent> {
        if self.queue.get(item.id).is_some_and(|earlier| earlier.file_path != item.file_path) {
            return Err(Inconsistent::RepeatedId(item.id));
        }
        if (item.status == Status::Processing) != item.claim.is_some() {
            return Err(Inconsistent::Claim(item.id, item.status));
        }
        Ok(())
    }

    /// Merges the item with an earlier item of the same path. Returns `None` if the earlier item
    /// stays.
    fn fold(&mut self, mut item: QueueItem) -> Option<QueueItem> {
        let Some(earlier) = self.find(&item.file_path) else { return Some(item) };
        let (id, rounds) = (earlier.id, earlier.round.saturating_add(item.round));
        let rank = |item: &QueueItem| (item.status.is_live(), item.status == Status::Processing);
        let earlier_stays = rank(earlier) > rank(&item);
        self.folded += 1;
        if earlier_stays {
            self.queue.items.get_mut(id)?.round = rounds;
            return None;
        }
        self.queue.remove_item(id);
        item.round = rounds;
        Some(item)
    }

    fn append(&mut self, mut item: QueueItem) {
        let queue = &mut self.queue;
        if let Some(last) = queue.items.last().filter(|last| item.sequence <= *last) {
            item.sequence = last.next();
        }
        queue.next_number = queue.next_number.max(item.sequence.get().saturating_add(1));
        let id = item.id;
        queue.index(Entry::of(&item));
        queue.items.push(item);
        if let Some(item) = queue.items.get(id) {
            queue.paths.insert(item, &queue.items);
        }
    }

    /// Returns the lowest number above the ids and sequence numbers of all items added so far.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.queue.next_number
    }

    /// Returns the item with this path, if it was added already.
    #[must_use]
    pub fn find(&self, path: &FilePath) -> Option<&QueueItem> {
        self.queue.paths.find(path, &self.queue.items)
    }

    /// Returns the number of items that were merged into others of the same path.
    #[must_use]
    pub fn folded(&self) -> usize {
        self.folded
    }

    /// Returns the queue. The next new item gets the number `next_number`, and the next claim gets
    /// the number `next_claim`. If such a number is not above all numbers in use, a higher one is
    /// used.
    #[must_use]
    pub fn finish(mut self, next_number: u64, next_claim: ClaimNumber) -> FileQueue {
        self.queue.next_number = self.queue.next_number.max(next_number);
        self.queue.next_claim = self.queue.next_claim.max(next_claim);
        self.queue
    }
}
