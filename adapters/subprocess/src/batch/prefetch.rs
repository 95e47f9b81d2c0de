//! Collects waiting attempts, and divides them into batches.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::batch::MAX_WAIT;

/// Attempts are batched if their average length is below this limit. A batch saves about two disk
/// seeks, or 20 ms on a slow disk. For longer attempts, this is little.
const SHORT_ATTEMPT: Duration = Duration::from_millis(100);

/// The intended length of a batch. Much longer than a transaction, but short enough for prompt
/// reports.
const BATCH_TARGET: Duration = Duration::from_millis(50);

/// The maximum number of attempts in a batch. If the run is killed, every file in a running batch
/// loses one attempt.
const MAX_BATCH: usize = 16;

/// The newest attempt has the weight 1 / `AVERAGE_WINDOW` in the moving average.
const AVERAGE_WINDOW: u32 = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Queued<T> {
    pub(super) attempt: T,
    /// True if an earlier attempt at the file failed or was lost. A retry is the only attempt in
    /// its batch.
    pub(super) is_retry: bool,
    pub(super) since: Instant,
}

#[derive(Debug)]
pub(super) struct Prefetch<T> {
    slots: usize,
    waiting: VecDeque<Queued<T>>,
    usual_length: Option<Duration>,
}

impl<T> Prefetch<T> {
    pub(super) fn new(slots: usize) -> Self {
        Self { slots, waiting: VecDeque::new(), usual_length: None }
    }

    pub(super) fn record_length(&mut self, elapsed: Duration) {
        let usual = self.usual_length.unwrap_or(elapsed);
        self.usual_length = Some((usual * (AVERAGE_WINDOW - 1)).saturating_add(elapsed) / AVERAGE_WINDOW);
    }

    /// Returns the number of attempts to prefetch, in addition to those for free slots. Returns 0
    /// if attempts are not short.
    pub(super) fn target(&self) -> usize {
        self.slots * self.batch_length()
    }

    fn batch_length(&self) -> usize {
        let Some(usual) = self.usual_length.filter(|usual| *usual < SHORT_ATTEMPT) else { return 0 };
        let length = BATCH_TARGET.as_micros() / usual.as_micros().max(1);
        usize::try_from(length).unwrap_or(MAX_BATCH).clamp(1, MAX_BATCH)
    }

    pub(super) fn push(&mut self, attempt: Queued<T>) {
        self.waiting.push_back(attempt);
    }

    pub(super) fn put_back(&mut self, attempts: impl DoubleEndedIterator<Item = Queued<T>>) {
        attempts.rev().for_each(|attempt| self.waiting.push_front(attempt));
    }

    /// Takes the next batch for one slot. Leaves a share for the other slots. A retry is the only
    /// attempt in its batch.
    pub(super) fn take_batch(&mut self) -> Vec<Queued<T>> {
        let share = (self.waiting.len() / self.slots).clamp(1, self.batch_length().max(1));
        let fresh = self.waiting.iter().take(share).take_while(|attempt| !attempt.is_retry).count();
        self.waiting.drain(..fresh.max(1).min(self.waiting.len())).collect()
    }

    /// Returns the time at which the first waiting attempt will have waited for [`MAX_WAIT`].
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.front().map(|first| first.since + MAX_WAIT)
    }

    /// Takes all waiting attempts if the first one is overdue. Then also sets the average length to
    /// [`MAX_WAIT`]: no slot became free in time, so the average was too low.
    pub(super) fn take_overdue(&mut self, now: Instant) -> Vec<Queued<T>> {
        if self.due().is_none_or(|due| now < due) {
            return Vec::new();
        }
        self.usual_length = Some(MAX_WAIT);
        self.take_all()
    }

    pub(super) fn take_all(&mut self) -> Vec<Queued<T>> {
        self.waiting.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn prefetch(slots: usize, retries: &[bool], millis: u64) -> Prefetch<usize> {
        let mut prefetch = Prefetch::new(slots);
        prefetch.record_length(Duration::from_millis(millis));
        let since = Instant::now();
        for (attempt, is_retry) in retries.iter().enumerate() {
            prefetch.push(Queued { attempt, is_retry: *is_retry, since });
        }
        prefetch
    }

    fn numbers(attempts: &[Queued<usize>]) -> Vec<usize> {
        attempts.iter().map(|waiting| waiting.attempt).collect()
    }

    proptest! {
        #[test]
        fn only_short_attempts_are_prefetched(millis in vec(0..400_u64, 1..40), slots in 1..64_usize) {
            let mut prefetch = Prefetch::new(slots);
            prop_assert_eq!(prefetch.target(), 0);
            for length in &millis {
                prefetch.record_length(Duration::from_millis(*length));
            }
            if millis.iter().all(|length| *length < 100) {
                prop_assert!((slots..=16 * slots).contains(&prefetch.target()));
            }
            if millis.iter().all(|length| *length >= 100) {
                prop_assert_eq!(prefetch.target(), 0);
            }
            let since = Instant::now();
            prefetch.push(Queued { attempt: (), is_retry: false, since });
            prop_assert_eq!(prefetch.take_overdue(since + MAX_WAIT).len(), 1);
            prop_assert_eq!(prefetch.target(), 0, "after no slot was free in time");
        }

        #[test]
        fn a_batch_is_50_ms_of_work_and_at_least_one_attempt(millis in 0..100_usize, slots in 1..64_usize) {
            let prefetch = prefetch(slots, &[], millis as u64);
            let length = 50_usize.checked_div(millis).unwrap_or(16);
            prop_assert_eq!(prefetch.target(), slots * length.clamp(1, 16));
        }

        #[test]
        fn batches_keep_the_order_and_leave_each_slot_its_share(
            retries in vec(prop::bool::weighted(0.1), 1..80),
            millis in 0..200_u64,
            slots in 1..10_usize,
        ) {
            let mut prefetch = prefetch(slots, &retries, millis);
            let longest = (prefetch.target() / slots).max(1);
            let mut taken = Vec::new();
            while !prefetch.waiting.is_empty() {
                let share = (prefetch.waiting.len() / slots).max(1);
                let batch = prefetch.take_batch();
                prop_assert!((1..=share.min(longest)).contains(&batch.len()));
                prop_assert!(batch.len() == 1 || batch.iter().all(|waiting| !waiting.is_retry));
                taken.extend(numbers(&batch));
            }
            prop_assert_eq!(taken, (0..retries.len()).collect::<Vec<_>>());
            prop_assert!(prefetch.take_batch().is_empty());
        }

        #[test]
        fn attempts_put_back_are_first_again(length in 1..40_usize, started in 0..40_usize) {
            let mut prefetch = prefetch(1, &vec![false; length], 1);
            let mut batch = prefetch.take_batch();
            let rest = batch.split_off(started.min(batch.len()));
            prefetch.put_back(rest.into_iter());
            prop_assert_eq!(numbers(&prefetch.take_all()), (batch.len()..length).collect::<Vec<_>>());
        }

        #[test]
        fn an_attempt_waits_for_200_ms(waited in 0..1000_u64) {
            let mut prefetch = Prefetch::new(1);
            let since = Instant::now();
            prefetch.push(Queued { attempt: (), is_retry: false, since });
            prop_assert_eq!(prefetch.due(), Some(since + Duration::from_millis(200)));
            prop_assert_eq!(prefetch.take_overdue(since + Duration::from_millis(waited)).is_empty(), waited < 200);
        }
    }
}
