//! Simulates how a run processes files in its slots.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// The slots of a run, each with the time at which it becomes free.
#[derive(Debug)]
pub(super) struct Schedule {
    free: BinaryHeap<Reverse<Duration>>,
    end: Duration,
}

impl Schedule {
    /// Creates a schedule. Each running attempt occupies a slot for its time in `running`.
    pub(super) fn new(slots: usize, running: impl Iterator<Item = Duration>) -> Self {
        let mut free: BinaryHeap<_> = running.map(Reverse).collect();
        let end = free.iter().map(|free| free.0).max().unwrap_or_default();
        free.extend((free.len()..slots.max(1)).map(|_| Reverse(Duration::ZERO)));
        Self { free, end }
    }

    /// Adds a file to the slot that becomes free first.
    pub(super) fn add(&mut self, length: Duration) {
        let Some(mut first) = self.free.peek_mut() else { return };
        first.0 = first.0.saturating_add(length);
        self.end = self.end.max(first.0);
    }

    /// Adds many files of the total duration `length`, spread evenly over the slots.
    pub(super) fn spread(&mut self, length: Duration) {
        let busy = self.free.iter().fold(length, |sum, free| sum.saturating_add(free.0));
        let slots = u32::try_from(self.free.len()).unwrap_or(u32::MAX);
        self.end = self.end.max(busy / slots.max(1));
    }

    pub(super) fn end(&self) -> Duration {
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(slots: usize, running: &[u64], lengths: &[u64], spread: u64) -> u64 {
        let mut schedule = Schedule::new(slots, running.iter().map(|seconds| Duration::from_secs(*seconds)));
        for seconds in lengths {
            schedule.add(Duration::from_secs(*seconds));
        }
        schedule.spread(Duration::from_secs(spread));
        schedule.end().as_secs()
    }

    #[test]
    fn a_file_takes_the_slot_that_is_free_first() {
        assert_eq!(end(2, &[], &[3, 5, 4, 1], 0), 7);
        assert_eq!(end(2, &[10], &[3, 5], 0), 10);
        assert_eq!(end(1, &[2, 4], &[1], 0), 4);
        assert_eq!(end(0, &[], &[2, 3], 0), 5);
        assert_eq!(end(3, &[], &[], 0), 0);
    }

    #[test]
    fn many_files_fill_all_slots() {
        assert_eq!(end(2, &[10], &[], 20), 15);
        assert_eq!(end(2, &[10], &[], 2), 10);
    }
}
