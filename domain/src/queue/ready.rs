//! The pending items whose time has come, in claim order: ranges of numbers that follow each other at one priority.
//!
//! Files are mostly added many at a time and taken in the order in which they came, so a queue of a million is a few
//! ranges long. At the worst, where no neighbours wait at the same priority, each item is a range.

use std::collections::BTreeMap;

use crate::item::ItemId;
use crate::queue::ClaimKey;

#[derive(Debug, Clone, Default)]
pub(super) struct Ready {
    /// The last number of each range, by its first key. No two ranges touch.
    ranges: BTreeMap<ClaimKey, ItemId>,
}

impl Ready {
    pub(super) fn insert(&mut self, key: ClaimKey) {
        let before = self.range_from(key);
        if before.is_some_and(|(_, last)| last >= key.id()) {
            return;
        }
        let last = self.ranges.remove(&key.at(key.id().next())).unwrap_or(key.id());
        let first = match before {
            Some((first, last)) if last.next() == key.id() => first,
            _ => key,
        };
        self.ranges.insert(first, last);
    }

    pub(super) fn remove(&mut self, key: ClaimKey) {
        let Some((first, last)) = self.range_from(key).filter(|(_, last)| *last >= key.id()) else { return };
        if first == key {
            self.ranges.remove(&first);
        } else {
            self.ranges.insert(first, ItemId::new(key.id().get() - 1));
        }
        if key.id() < last {
            self.ranges.insert(key.at(key.id().next()), last);
        }
    }

    /// All of them, the one to be claimed first before the others.
    pub(super) fn iter(&self) -> impl Iterator<Item = ClaimKey> {
        let keys = |(first, last): (&ClaimKey, &ItemId)| {
            let first = *first;
            (first.id().get()..=last.get()).map(move |number| first.at(ItemId::new(number)))
        };
        self.ranges.iter().flat_map(keys)
    }

    /// The range that begins at this key, or the nearest before it at its priority.
    fn range_from(&self, key: ClaimKey) -> Option<(ClaimKey, ItemId)> {
        let (first, last) = self.ranges.range(key.at(ItemId::new(0))..=key).next_back()?;
        Some((*first, *last))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::item::Priority;

    /// Few numbers, so that they meet; both ends of what a number can be among them.
    fn keys() -> impl Strategy<Value = ClaimKey> {
        let numbers = prop_oneof![8 => 0..12_u64, 1 => (u64::MAX - 2)..=u64::MAX];
        (-1..=1, numbers).prop_map(|(rank, number)| ClaimKey::new(Priority::new(rank), ItemId::new(number)))
    }

    proptest! {
        #[test]
        fn ranges_are_a_set(steps in vec((any::<bool>(), keys()), 0..60)) {
            let (mut ready, mut set) = (Ready::default(), BTreeSet::new());
            for (enters, key) in steps {
                if enters {
                    ready.insert(key);
                    set.insert(key);
                } else {
                    ready.remove(key);
                    set.remove(&key);
                }
                prop_assert_eq!(ready.iter().collect::<Vec<_>>(), set.iter().copied().collect::<Vec<_>>());
                let gaps = set.iter().zip(set.iter().skip(1)).filter(|(one, next)| one.at(one.id().next()) != **next);
                prop_assert_eq!(ready.ranges.len(), gaps.count() + usize::from(!set.is_empty()));
            }
        }
    }
}
