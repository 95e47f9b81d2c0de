//! Rebuilding a queue from items that were stored, one at a time, so that a million of them need no
//! second copy.

use crate::item::{ClaimNumber, ItemId, QueueItem, Status};
use crate::path::FilePath;
use crate::queue::FileQueue;
use crate::queue::waiting::Entry;

/// Takes the items of a queue in line order and checks that they make one.
///
/// The order in which the items come is the order of the line: an item whose sequence number does
/// not follow the one before gets a new number behind it. So a file that a person reordered keeps
/// that order.
#[derive(Debug, Default)]
pub struct Restore {
    queue: FileQueue,
    folded: usize,
}

/// An item that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} was left out", item.file_path)]
pub struct Refused {
    /// The item.
    pub item: Box<QueueItem>,
    /// Why.
    #[source]
    pub reason: Inconsistent,
}

/// Why an item does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Inconsistent {
    /// Two items of different paths have the same id.
    #[error("two items have the id {0}")]
    RepeatedId(ItemId),
    /// A claim goes with processing and with no other status.
    #[error("item {0} is {1}: an item has a claim if and only if it is processing")]
    Claim(ItemId, Status),
}

impl Restore {
    /// With room for about this many items. Too low a number costs time, too high a one memory.
    #[must_use]
    pub fn with_room(items: usize) -> Self {
        let mut queue = FileQueue::new();
        queue.reserve(items);
        Self { queue, folded: 0 }
    }

    /// Takes the next item. Drops what does not go with its status: a backoff or a hold on an item
    /// that is not pending, a completion on one that is not completed.
    ///
    /// If an earlier item has the same path, the two are folded into one, which counts the rounds of
    /// both. A processing item stays before a pending one, a pending one before an ended one; of two
    /// equals the later stays. Two items of one path may have one id, as copied lines have.
    ///
    /// # Errors
    /// [`Refused`] hands the item back; others may still be taken.
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

    /// Folds the item with an earlier one of its path. Returns it if it is the one that stays.
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

    /// The lowest number above all ids and sequence numbers taken so far.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.queue.next_number
    }

    /// The item of this path among those taken so far.
    #[must_use]
    pub fn find(&self, path: &FilePath) -> Option<&QueueItem> {
        self.queue.paths.find(path, &self.queue.items)
    }

    /// How many items were folded into others of the same path.
    #[must_use]
    pub fn folded(&self) -> usize {
        self.folded
    }

    /// The queue, which numbers on from these or from the items, whichever is higher.
    #[must_use]
    pub fn finish(mut self, next_number: u64, next_claim: ClaimNumber) -> FileQueue {
        self.queue.next_number = self.queue.next_number.max(next_number);
        self.queue.next_claim = self.queue.next_claim.max(next_claim);
        self.queue
    }
}
