//! The queue's items, in a vector sorted by sequence number.
//!
//! A removed item leaves a gap. Once most of the slots are gaps, all gaps are removed.
//!
//! The sequence number of most items equals their id. The map `moved` contains the exceptions.

use hashbrown::HashMap;

use crate::item::{ItemId, QueueItem, Sequence};

const MIN_GAPS: usize = 64;

#[derive(Debug, Clone, Default)]
pub(in crate::queue) struct Items {
    slots: Vec<Slot>,
    gaps: usize,
    moved: HashMap<ItemId, Sequence>,
}

#[derive(Debug, Clone)]
enum Slot {
    Item(QueueItem),
    Gap(Sequence),
}

impl Slot {
    fn sequence(&self) -> Sequence {
        match self {
            Self::Item(item) => item.sequence,
            Self::Gap(sequence) => *sequence,
        }
    }

    fn item(&self) -> Option<&QueueItem> {
        match self {
            Self::Item(item) => Some(item),
            Self::Gap(_) => None,
        }
    }
}

impl Items {
    pub(in crate::queue) fn reserve(&mut self, additional: usize) {
        self.slots.reserve(additional);
    }

    pub(in crate::queue) fn push(&mut self, item: QueueItem) {
        debug_assert!(self.last().is_none_or(|last| last < item.sequence));
        if item.sequence.get() != item.id.get() {
            self.moved.insert(item.id, item.sequence);
        }
        self.slots.push(Slot::Item(item));
    }

    pub(in crate::queue) fn get(&self, id: ItemId) -> Option<&QueueItem> {
        self.at(self.place_of(id)).filter(|item| item.id == id)
    }

    pub(in crate::queue) fn at(&self, sequence: Sequence) -> Option<&QueueItem> {
        self.slots[self.position(sequence)?].item()
    }

    pub(in crate::queue) fn get_mut(&mut self, id: ItemId) -> Option<&mut QueueItem> {
        let position = self.position(self.place_of(id))?;
        match &mut self.slots[position] {
            Slot::Item(item) if item.id == id => Some(item),
            _ => None,
        }
    }

    pub(in crate::queue) fn remove(&mut self, id: ItemId) -> Option<QueueItem> {
        let sequence = self.get(id)?.sequence;
        let position = self.position(sequence)?;
        self.moved.remove(&id);
        match std::mem::replace(&mut self.slots[position], Slot::Gap(sequence)) {
            Slot::Item(item) => {
                self.gaps += 1;
                self.squeeze();
                Some(item)
            }
            Slot::Gap(_) => None,
        }
    }

    pub(in crate::queue) fn iter(&self) -> impl Iterator<Item = &QueueItem> {
        self.slots.iter().filter_map(Slot::item)
    }

    /// Returns the highest sequence number in the vector, including gaps.
    pub(in crate::queue) fn last(&self) -> Option<Sequence> {
        self.slots.last().map(Slot::sequence)
    }

    fn place_of(&self, id: ItemId) -> Sequence {
        self.moved.get(&id).copied().unwrap_or(Sequence::new(id.get()))
    }

    fn position(&self, sequence: Sequence) -> Option<usize> {
        let first = self.slots.first()?.sequence();
        if self.last().is_none_or(|last| sequence > last) {
            return None;
        }
        let guess = usize::try_from(sequence.get().checked_sub(first.get())?).ok()?;
        if self.slots.get(guess).is_some_and(|slot| slot.sequence() == sequence) {
            return Some(guess);
        }
        let end = guess.min(self.slots.len());
        self.slots[..end].binary_search_by_key(&sequence, Slot::sequence).ok()
    }

    fn squeeze(&mut self) {
        if self.gaps >= MIN_GAPS && self.gaps * 2 > self.slots.len() {
            self.slots.retain(|slot| slot.item().is_some());
            self.slots.shrink_to(self.slots.len() * 2);
            self.gaps = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::{FilePath, Priority, Timestamp};

    fn item(id: u64, sequence: u64) -> QueueItem {
        let path = FilePath::new(format!("/{id}")).expect("it is absolute");
        let added = QueueItem::added(ItemId::new(id), path, Priority::default(), Timestamp::MIN);
        QueueItem { sequence: Sequence::new(sequence), ..added }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Add,
        Remove(u64),
        MoveToEnd(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => Just(Step::Add),
            3 => (1..200_u64).prop_map(Step::Remove),
            1 => (1..200_u64).prop_map(Step::MoveToEnd),
        ];
        vec(step, 0..400)
    }

    proptest! {
        #[test]
        fn items_are_a_map_with_an_order(steps in steps()) {
            let (mut items, mut model, mut next) = (Items::default(), BTreeMap::new(), 1);
            for step in steps {
                match step {
                    Step::Add => {
                        items.push(item(next, next));
                        model.insert(next, next);
                    }
                    Step::Remove(id) => {
                        let removed = items.remove(ItemId::new(id)).map(|item| item.id.get());
                        prop_assert_eq!(removed, model.remove(&id).map(|_| id));
                    }
                    Step::MoveToEnd(id) => {
                        if items.remove(ItemId::new(id)).is_some() {
                            items.push(item(id, next));
                            model.insert(id, next);
                        }
                    }
                }
                next += 1;
            }
            let mut wanted: Vec<_> = model.iter().map(|(id, sequence)| (*sequence, *id)).collect();
            wanted.sort_unstable();
            let found: Vec<_> = items.iter().map(|item| (item.sequence.get(), item.id.get())).collect();
            prop_assert_eq!(found, wanted);
            for id in 0..next {
                let found = items.get(ItemId::new(id)).map(|item| item.sequence.get());
                prop_assert_eq!(found, model.get(&id).copied());
                prop_assert_eq!(items.get_mut(ItemId::new(id)).is_some(), model.contains_key(&id));
            }
        }
    }
}
