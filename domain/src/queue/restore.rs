//! Rebuilding a queue from items that somebody kept, one at a time, so that a million of them need no second copy.

use crate::item::{ClaimNumber, ItemId, QueueItem, Status};
use crate::queue::FileQueue;

/// Takes the items of a queue in ascending order of their numbers and checks that they make one.
#[derive(Debug, Default)]
pub struct Restore {
    queue: FileQueue,
}

/// Why an item does not fit; it was not taken.
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
    /// Takes the next item. A backoff on an item that is not pending is dropped.
    ///
    /// # Errors
    /// [`Inconsistent`]; the item was not taken, and others may still be.
    pub fn push(&mut self, mut item: QueueItem) -> Result<(), Inconsistent> {
        if item.id < self.queue.next_id {
            return Err(Inconsistent::OutOfOrder { found: item.id, before: ItemId::new(self.queue.next_id.get() - 1) });
        }
        if (item.status == Status::Processing) != item.claim.is_some() {
            return Err(Inconsistent::Claim(item.id, item.status));
        }
        if item.status != Status::Pending {
            item.not_before = None;
        }
        self.take(item)
    }

    fn take(&mut self, item: QueueItem) -> Result<(), Inconsistent> {
        let earlier = self.queue.by_path.get(&item.file_path).copied();
        let earlier_live = earlier.filter(|id| self.queue.get(*id).is_some_and(|other| other.status.is_live()));
        if let Some(first) = earlier_live
            && item.status.is_live()
        {
            return Err(Inconsistent::Repeated { found: item.id, first });
        }
        self.queue.next_id = item.id.next();
        if let Some(claim) = &item.claim {
            self.queue.next_claim = self.queue.next_claim.max(claim.number.next());
        }
        let path = earlier_live.is_some().then(|| item.file_path.clone());
        self.queue.insert(item);
        // The index names the live item of a path, not an ended one that happens to come later.
        if let (Some(path), Some(first)) = (path, earlier_live) {
            self.queue.by_path.insert(path, first);
        }
        Ok(())
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
