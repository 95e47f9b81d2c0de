//! Claims made before there is a slot for them, so that short attempts wait neither for the store nor for the run.
//!
//! # Theory of operation
//!
//! Between the end of an attempt and the start of the next one lies a transaction: the next claim has to be durable before
//! its attempt starts. Beside attempts of a few milliseconds that is a good part of the time, and so is the way from the
//! attempt to the run and back. So while attempts are short, a transaction claims some items more for each slot
//! ([`AHEAD`]). A slot takes several of this reserve at once, as a series that the orchestrator carries out by itself; when
//! that is over, the next one starts at once, and the transaction that settles the one and claims another goes on beside it.
//!
//! Towards the end of a queue the series become shorter, so that no slot works through one while others have nothing to do.
//! What failed before, or was under way when its run died, makes up a series of its own: it could take others down with it.
//!
//! A claim in reserve is a claim like any other, with this difference that its item could be worked on elsewhere in the
//! meantime. Therefore none waits longer than [`LONGEST_WAIT`]: what no slot was free for until then is given back, as it
//! is where the run may start nothing more. A run that is killed has used up an attempt of each claim in its reserve,
//! as it has of those that it was working on.

use std::collections::VecDeque;
use std::time::Duration;

use crate::item::{ClaimToken, QueueItem};
use crate::time::Timestamp;

/// Attempts of this length and longer are worth no reserve. A transaction takes a fraction of a millisecond; a slice of the
/// scheduler, 3 to 4 ms, longer for each of its threads that finds all processors busy with attempts; and two seeks of a slow
/// disk take twenty. All of that is small beside this.
const SHORT: Duration = Duration::from_millis(100);

/// How long a claim may be in reserve: one attempt or several, and less than anybody watching the queue would notice.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// How long a series is to take: so long that the transaction and the two changes of the running process that it costs are
/// small beside it, and so short that nobody watching misses what its end will tell.
const AHEAD: Duration = Duration::from_millis(50);

/// Attempts in a series at most: from here on what a series costs is a small part of what its attempts take, be they the
/// shortest. A run that is killed has used up an attempt of each file of a series, and of as many more in reserve.
const MOST: usize = 16;

/// A mean of the latest attempts gives each new one this share: after eight, what was before counts for a third.
const SHARE: u32 = 8;

/// Claims without a slot, in the order in which they were made.
#[derive(Default)]
pub(super) struct Reserve {
    waiting: VecDeque<Reserved>,
    /// The mean length of the latest attempts; `None` before the first has ended.
    usual: Option<Duration>,
}

/// A claim, and since when it is held.
pub(super) struct Reserved {
    pub(super) token: ClaimToken,
    pub(super) item: QueueItem,
    pub(super) since: Timestamp,
}

impl Reserve {
    /// Takes in how long another attempt took.
    pub(super) fn learn(&mut self, elapsed: Duration) {
        let usual = self.usual.unwrap_or(elapsed);
        self.usual = Some((usual * (SHARE - 1)).saturating_add(elapsed) / SHARE);
    }

    /// How many claims a run with so many slots is to hold without a slot: another series for each.
    pub(super) fn target(&self, slots: usize) -> usize {
        slots * self.series()
    }

    /// How many attempts make up a series; 0 where each is long enough for itself.
    fn series(&self) -> usize {
        let Some(usual) = self.usual.filter(|usual| *usual < SHORT) else { return 0 };
        let enough = AHEAD.as_micros() / usual.as_micros().max(1);
        usize::try_from(enough).unwrap_or(MOST).clamp(1, MOST)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn push(&mut self, claim: Reserved) {
        self.waiting.push_back(claim);
    }

    /// Takes back what was taken last and has not begun.
    pub(super) fn take_back(&mut self, claims: VecDeque<Reserved>) {
        claims.into_iter().rev().for_each(|claim| self.waiting.push_front(claim));
    }

    /// The claims whose turn it is, for one of so many slots, and no more than `most`. None where none is in reserve.
    pub(super) fn take_series(&mut self, slots: usize, most: usize) -> Vec<Reserved> {
        let fair = (self.len() / slots).clamp(1, self.series().clamp(1, most));
        let is_first = |claim: &Reserved| claim.item.attempts <= 1;
        let fresh = self.waiting.iter().take(fair).take_while(|claim| is_first(claim)).count();
        self.waiting.drain(..fresh.max(1).min(self.len())).collect()
    }

    /// When the first one has waited for too long.
    pub(super) fn due_back(&self) -> Option<Timestamp> {
        self.waiting.front().map(|reserved| reserved.since.saturating_add(LONGEST_WAIT))
    }

    /// Whether there is a claim that has not waited for too long.
    pub(super) fn is_startable(&self, now: Timestamp) -> bool {
        !self.is_empty() && !self.is_overdue(now)
    }

    /// Whether it is that time. A clock that was set back since tells nothing, and so it is.
    pub(super) fn is_overdue(&self, now: Timestamp) -> bool {
        let is_over = |first: &Reserved| now < first.since || now >= first.since.saturating_add(LONGEST_WAIT);
        self.waiting.front().is_some_and(is_over)
    }

    /// Takes in that no slot was free for long: attempts have become longer than those that have ended tell.
    pub(super) fn learn_of_waiting(&mut self) {
        self.usual = Some(LONGEST_WAIT);
    }

    /// Takes out all of them.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = ClaimToken> {
        self.waiting.drain(..).map(|reserved| reserved.token)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::file_path::FilePath;
    use crate::item::{ClaimNumber, ItemId, Priority};

    fn claim(number: u64, attempts: u32, since: Timestamp) -> Reserved {
        let path = FilePath::new("/a").expect("a path");
        let added = QueueItem::added(ItemId::new(number), path, Priority::default(), since);
        let token = ClaimToken { item: added.id, number: ClaimNumber::new(number) };
        Reserved { token, item: QueueItem { attempts, ..added }, since }
    }

    fn numbers<'a>(claims: impl IntoIterator<Item = &'a Reserved>) -> Vec<u64> {
        claims.into_iter().map(|claim| claim.item.id.get()).collect()
    }

    /// A reserve of claims with so many attempts, numbered from 0, of a run whose attempts take so long.
    fn holding(attempts: &[u32], millis: u64) -> Reserve {
        let mut reserve = Reserve::default();
        reserve.learn(Duration::from_millis(millis));
        for (attempts, number) in attempts.iter().zip(0..) {
            reserve.push(claim(number, *attempts, Timestamp::from_micros(0)));
        }
        reserve
    }

    proptest! {
        #[test]
        fn only_short_attempts_are_claimed_ahead(millis in vec(0..400_u64, 1..40), slots in 1..64_usize) {
            let mut reserve = Reserve::default();
            prop_assert_eq!(reserve.target(slots), 0);
            for length in &millis {
                reserve.learn(Duration::from_millis(*length));
            }
            if millis.iter().all(|length| *length < 100) {
                prop_assert!((slots..=16 * slots).contains(&reserve.target(slots)));
            }
            if millis.iter().all(|length| *length >= 100) {
                prop_assert_eq!(reserve.target(slots), 0);
            }
            reserve.learn_of_waiting();
            prop_assert_eq!(reserve.target(slots), 0);
        }

        #[test]
        fn there_is_work_for_fifty_milliseconds_and_at_least_one_claim(millis in 0..100_usize, slots in 1..64_usize) {
            let reserve = holding(&[], millis as u64);
            let enough = 50_usize.checked_div(millis).unwrap_or(16);
            prop_assert_eq!(reserve.target(slots), slots * enough.clamp(1, 16));
        }

        #[test]
        fn series_come_in_order_and_leave_each_slot_its_share(
            attempts in vec(prop_oneof![8 => Just(1_u32), 1 => 2..5_u32], 1..80),
            millis in 0..200_u64,
            slots in 1..10_usize,
        ) {
            let mut reserve = holding(&attempts, millis);
            let most = (reserve.target(1)).max(1);
            let mut taken = Vec::new();
            while !reserve.is_empty() {
                let share = (reserve.len() / slots).max(1);
                let series = reserve.take_series(slots, usize::MAX);
                prop_assert!((1..=share.min(most)).contains(&series.len()));
                prop_assert!(series.len() == 1 || series.iter().all(|claim| claim.item.attempts == 1));
                taken.extend(numbers(&series));
            }
            prop_assert_eq!(taken, (0..attempts.len() as u64).collect::<Vec<_>>());
            prop_assert!(reserve.take_series(slots, usize::MAX).is_empty());
        }

        #[test]
        fn what_is_taken_back_is_first_again(length in 1..40_usize, begun in 0..40_usize) {
            let mut reserve = holding(&vec![1; length], 1);
            let mut series: VecDeque<_> = reserve.take_series(1, usize::MAX).into();
            let rest = series.split_off(begun.min(series.len()));
            reserve.take_back(rest);
            prop_assert_eq!(numbers(&reserve.waiting), (series.len() as u64..length as u64).collect::<Vec<_>>());
        }

        #[test]
        fn a_claim_waits_for_200_ms_and_for_no_clock(waited in -1_000_000..1_000_000_i64) {
            let mut reserve = Reserve::default();
            reserve.push(claim(1, 1, Timestamp::from_micros(1_000_000_000)));
            let now = Timestamp::from_micros(1_000_000_000 + waited);
            prop_assert_eq!(reserve.is_overdue(now), !(0..200_000).contains(&waited));
            prop_assert_eq!(reserve.is_startable(now), !reserve.is_overdue(now));
            prop_assert_eq!(reserve.due_back(), Some(Timestamp::from_micros(1_000_200_000)));
        }
    }
}
