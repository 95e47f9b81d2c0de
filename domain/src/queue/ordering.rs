//! The claim order: priority descending, then first in first out. It is total, because sequence numbers are unique.

use std::cmp::Reverse;

use crate::item::{ItemId, Priority, QueueItem};
use crate::queue::FileQueue;
use crate::time::Timestamp;

/// An item's place in the claim order; the lesser one is taken first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimKey {
    // The order of these two fields is the claim order.
    priority: Reverse<Priority>,
    id: ItemId,
}

impl ClaimKey {
    /// The place of an item with this urgency and sequence number.
    #[must_use]
    pub const fn new(priority: Priority, id: ItemId) -> Self {
        Self { priority: Reverse(priority), id }
    }

    /// The place of this item.
    #[must_use]
    pub const fn of(item: &QueueItem) -> Self {
        Self::new(item.priority, item.id)
    }

    /// The item's sequence number.
    #[must_use]
    pub const fn id(self) -> ItemId {
        self.id
    }

    /// The place of another number at the same priority.
    pub(super) const fn at(self, id: ItemId) -> Self {
        Self { id, ..self }
    }
}

impl FileQueue {
    /// The first `limit` items in claim order that are due at `now`.
    ///
    /// Costs O(limit log n), and once for each item that fell due since the last claim was applied.
    pub(super) fn claimable(&self, now: Timestamp, limit: usize) -> Vec<ClaimKey> {
        let is_due = |key: &ClaimKey| self.get(key.id()).is_some_and(|item| item.is_due(now));
        let fell_due = self.due_after(self.promoted_until).take_while(|(due, _)| *due <= now);
        let fell_due = fell_due.filter_map(|(_, id)| self.get(id)).map(ClaimKey::of);
        let mut keys: Vec<_> = self.ready.iter().filter(is_due).take(limit).chain(fell_due).collect();
        keys.sort_unstable();
        keys.truncate(limit);
        keys
    }
}
