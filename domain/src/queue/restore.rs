//! Rebuilding a queue from items that somebody kept, one at a time, so that a million of them need no second copy.

use crate::item::{ClaimNumber, ItemId, QueueItem, Status};
use crate::queue::FileQueue;
use crate::queue::apply::Place;

/// Takes the items of a queue in ascending order of their numbers and checks that they make one.
#[derive(Debug, Default)]
pub struct Restore {
    queue: FileQueue,
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
    /// Numbers must ascend.
    #[error("item {found} follows item {before}")]
    OutOfOrder {
        /// The number found.
        found: ItemId,
        /// The number before it.
        before: ItemId,
    },
    /// A live item of the same path was taken already.
    #[error("item {found} repeats the path of item {first}, which is still to be done")]
    Repeated {
        /// The item found.
        found: ItemId,
        /// The live one before it.
        first: ItemId,
    },
    /// An item has a claim exactly while it is processing.
    #[error("item {0} is {1}, which does not go with its claim")]
    Claim(ItemId, Status),
}

impl Restore {
    /// With room for about this many items. More of them only take longer, fewer waste the room.
    #[must_use]
    pub fn with_room(items: usize) -> Self {
        let mut queue = FileQueue::new();
        queue.reserve(items);
        Self { queue }
    }

    /// Takes the next item. A backoff on an item that is not pending is dropped.
    ///
    /// # Errors
    /// [`Refused`] hands the item back; others may still be taken.
    pub fn push(&mut self, mut item: QueueItem) -> Result<(), Refused> {
        if let Err(reason) = self.admit(&item) {
            return Err(Refused { item: Box::new(item), reason });
        }
        if item.status != Status::Pending {
            item.not_before = None;
        }
        self.take(item);
        Ok(())
    }

    /// Gives the item's path to it, where it fits. A path names its live item, not an ended one that happens to come later.
    fn admit(&mut self, item: &QueueItem) -> Result<(), Inconsistent> {
        if item.id < self.queue.next_id {
            return Err(Inconsistent::OutOfOrder { found: item.id, before: ItemId::new(self.queue.next_id.get() - 1) });
        }
        if (item.status == Status::Processing) != item.claim.is_some() {
            return Err(Inconsistent::Claim(item.id, item.status));
        }
        match self.queue.paths.name_unless_live(item, &self.queue.items) {
            Some(live) if item.status.is_live() => Err(Inconsistent::Repeated { found: item.id, first: live.id }),
            _ => Ok(()),
        }
    }

    fn take(&mut self, item: QueueItem) {
        self.queue.next_id = item.id.next();
        if let Some(claim) = &item.claim {
            self.queue.next_claim = self.queue.next_claim.max(claim.number.next());
        }
        self.queue.index(Place::of(&item));
        self.queue.items.push(item);
    }

    /// The number the next item must not be below.
    #[must_use]
    pub fn next_id(&self) -> ItemId {
        self.queue.next_id
    }

    /// The queue, which will go on numbering from these or from what the items ask for, whichever is higher.
    #[must_use]
    pub fn finish(mut self, next_id: ItemId, next_claim: ClaimNumber) -> FileQueue {
        self.queue.next_id = self.queue.next_id.max(next_id);
        self.queue.next_claim = self.queue.next_claim.max(next_claim);
        self.queue
    }
}
