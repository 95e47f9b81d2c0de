//! The items by sequence number, packed: identities only grow, so a sorted vector needs no tree around it.
//!
//! A removed item leaves a gap that keeps its number for the binary search; when half of the slots are gaps, they are
//! squeezed out, so that removal costs O(1) amortised and a queue that is fed and cleared for years stays small.

use crate::item::{ItemId, QueueItem};

/// Fewer gaps than this are not worth a squeeze.
const MIN_GAPS: usize = 64;

#[derive(Debug, Clone, Default)]
pub(super) struct Items {
    slots: Vec<Slot>,
    gaps: usize,
}

#[derive(Debug, Clone)]
enum Slot {
    Here(QueueItem),
    Gap(ItemId),
}

impl Slot {
    fn id(&self) -> ItemId {
        match self {
            Self::Here(item) => item.id,
            Self::Gap(id) => *id,
        }
    }

    fn item(&self) -> Option<&QueueItem> {
        match self {
            Self::Here(item) => Some(item),
            Self::Gap(_) => None,
        }
    }
}

impl Items {
    /// Makes room for this many more, so that a million of them are not moved twenty times.
    pub(super) fn reserve(&mut self, additional: usize) {
        self.slots.reserve(additional);
    }

    /// Adds an item whose number is above all others.
    pub(super) fn push(&mut self, item: QueueItem) {
        debug_assert!(self.slots.last().is_none_or(|last| last.id() < item.id));
        self.slots.push(Slot::Here(item));
    }

    pub(super) fn get(&self, id: ItemId) -> Option<&QueueItem> {
        self.slots[self.position(id)?].item()
    }

    pub(super) fn get_mut(&mut self, id: ItemId) -> Option<&mut QueueItem> {
        let position = self.position(id)?;
        match &mut self.slots[position] {
            Slot::Here(item) => Some(item),
            Slot::Gap(_) => None,
        }
    }

    pub(super) fn remove(&mut self, id: ItemId) -> Option<QueueItem> {
        let position = self.position(id)?;
        match std::mem::replace(&mut self.slots[position], Slot::Gap(id)) {
            Slot::Here(item) => {
                self.gaps += 1;
                self.squeeze();
                Some(item)
            }
            Slot::Gap(_) => None,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &QueueItem> {
        self.slots.iter().filter_map(Slot::item)
    }

    /// Numbers are mostly dense, so the slot is where its number puts it, counted from the first, or a little before.
    fn position(&self, id: ItemId) -> Option<usize> {
        let first = self.slots.first()?.id();
        let guess = usize::try_from(id.get().checked_sub(first.get())?).ok()?;
        if self.slots.get(guess).is_some_and(|slot| slot.id() == id) {
            return Some(guess);
        }
        let end = guess.min(self.slots.len());
        self.slots[..end].binary_search_by_key(&id, Slot::id).ok()
    }

    fn squeeze(&mut self) {
        if self.gaps >= MIN_GAPS && self.gaps * 2 > self.slots.len() {
            self.slots.retain(|slot| slot.item().is_some());
            self.slots.shrink_to(self.slots.len() * 2);
            self.gaps = 0;
        }
    }
}
