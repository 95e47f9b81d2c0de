//! A compact set of positions in the claim order.
//!
//! The set stores ranges, because files that are added together have consecutive sequence numbers.

use std::collections::BTreeMap;

use crate::item::Sequence;
use crate::queue::ClaimKey;

#[derive(Debug, Clone, Default)]
pub(in crate::queue) struct Ready {
    /// Maps the first position of each range to the range's last sequence number. Adjacent ranges
    /// are always merged.
    ranges: BTreeMap<ClaimKey, Sequence>,
}

impl Ready {
    pub(in crate::queue) fn insert(&mut self, key: ClaimKey) {
        let before = self.range_from(key);
        if before.is_some_and(|(_, last)| last >= key.sequence()) {
            return;
        }
        let last = self.ranges.remove(&key.with_sequence(key.sequence().next())).unwrap_or(key.sequence());
        let first = match before {
            Some((first, last)) if last.next() == key.sequence() => first,
            _ => key,
        };
        self.ranges.insert(first, last);
    }

    pub(in crate::queue) fn remove(&mut self, key: ClaimKey) {
        let Some((first, last)) = self.range_from(key).filter(|(_, last)| *last >= key.sequence()) else { return };
        if first == key {
            self.ranges.remove(&first);
        } else {
            self.ranges.insert(first, Sequence::new(key.sequence().get() - 1));
        }
        if key.sequence() < last {
            self.ranges.insert(key.with_sequence(key.sequence().next()), last);
        }
    }

    pub(in crate::queue) fn iter(&self) -> impl Iterator<Item = ClaimKey> {
        let keys = |(first, last): (&ClaimKey, &Sequence)| {
            let first = *first;
            (first.sequence().get()..=last.get()).map(move |number| first.with_sequence(Sequence::new(number)))
        };
        self.ranges.iter().flat_map(keys)
    }

    fn range_from(&self, key: ClaimKey) -> Option<(ClaimKey, Sequence)> {
        let (first, last) = self.ranges.range(key.with_sequence(Sequence::new(0))..=key).next_back()?;
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

    fn keys() -> impl Strategy<Value = ClaimKey> {
        let numbers = prop_oneof![8 => 0..12_u64, 1 => (u64::MAX - 2)..=u64::MAX];
        (-1..=1, numbers).prop_map(|(rank, number)| ClaimKey::new(Priority::new(rank), Sequence::new(number)))
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
                let gaps = set.iter().zip(set.iter().skip(1)).filter(|(one, next)| one.with_sequence(one.sequence().next()) != **next);
                prop_assert_eq!(ready.ranges.len(), gaps.count() + usize::from(!set.is_empty()));
            }
        }
    }
}
