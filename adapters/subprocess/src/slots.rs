//! Assigns slot numbers to concurrent attempts.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Assigns the lowest free slot number to each attempt.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slots(Arc<Mutex<BTreeSet<usize>>>);

/// An occupied slot, which is freed when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    number: usize,
    slots: Slots,
}

impl Slots {
    /// Occupies the free slot with the lowest number.
    pub(crate) fn occupy(&self) -> Slot {
        let mut busy = self.busy();
        let last = busy.len() + 1;
        let number = (1..last).find(|number| !busy.contains(number)).unwrap_or(last);
        busy.insert(number);
        drop(busy);
        Slot { number, slots: self.clone() }
    }

    /// Ignores poisoning, because a panic leaves no partial update.
    fn busy(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Returns the slot number, which is at least 1.
    pub(crate) fn number(&self) -> usize {
        self.number
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.busy().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_number_is_taken() {
        let slots = Slots::default();
        let (first, second, third) = (slots.occupy(), slots.occupy(), slots.occupy());
        assert_eq!([first.number(), second.number(), third.number()], [1, 2, 3]);
        drop(second);
        assert_eq!(slots.occupy().number(), 2);
        drop((first, third));
        assert_eq!(slots.occupy().number(), 1);
    }
}
