//! Claims made before there is a slot for them, so that short attempts do not wait for the store.
//!
//! # Theory of operation
//!
//! Between the end of an attempt and the start of the next one lies a transaction: the next claim has to be durable before
//! its attempt starts. Beside attempts of a few milliseconds that is a good part of the time. So while attempts are short,
//! a transaction claims a few items more for each slot; when an attempt ends, the next one starts from this reserve at once,
//! and the transaction that settles the one and claims another goes on beside it. It waits a moment for more results to
//! come while the reserve is full enough ([`PATIENCE`]), so that one transaction serves several attempts.
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

/// How long a result may wait for others to be settled together with it.
pub(super) const PATIENCE: Duration = Duration::from_millis(5);

/// How much work each slot is to have in reserve: so much that one transaction serves several attempts, and little more
/// than the time within which a result is settled. A run that is killed has used up an attempt of each file of it.
const AHEAD: Duration = Duration::from_millis(10);

/// Claims in reserve for each slot, at least: the one that is started while a transaction brings the next.
const FEWEST: usize = 1;

/// And at most: from here on a transaction is a small part of what the attempts take that it serves.
const MOST: usize = 8;

/// A mean of the latest attempts gives each new one this share: after eight, what was before counts for a third.
const SHARE: u32 = 8;

/// Claims without a slot, in the order in which they were made.
#[derive(Default)]
pub(super) struct Reserve {
    waiting: VecDeque<Reserved>,
    /// The mean length of the latest attempts; `None` before the first has ended.
    usual: Option<Duration>,
}

struct Reserved {
    token: ClaimToken,
    item: QueueItem,
    since: Timestamp,
}

impl Reserve {
    /// Takes in how long another attempt took.
    pub(super) fn learn(&mut self, elapsed: Duration) {
        let usual = self.usual.unwrap_or(elapsed);
        self.usual = Some((usual * (SHARE - 1)).saturating_add(elapsed) / SHARE);
    }

    /// How many claims a run with so many slots is to hold without a slot.
    pub(super) fn target(&self, slots: usize) -> usize {
        let Some(usual) = self.usual.filter(|usual| *usual < SHORT) else { return 0 };
        let enough = AHEAD.as_micros() / usual.as_micros().max(1);
        slots * usize::try_from(enough).unwrap_or(MOST).clamp(FEWEST, MOST)
    }

    /// Whether so many slots need nothing from the store for now.
    pub(super) fn is_well_filled(&self, slots: usize) -> bool {
        self.target(slots) > 0 && self.len() > slots
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn push(&mut self, token: ClaimToken, item: QueueItem, now: Timestamp) {
        self.waiting.push_back(Reserved { token, item, since: now });
    }

    /// The claim whose turn it is.
    pub(super) fn pop(&mut self) -> Option<(ClaimToken, QueueItem)> {
        self.waiting.pop_front().map(|reserved| (reserved.token, reserved.item))
    }

    /// When the first one has waited for too long.
    pub(super) fn due_back(&self) -> Option<Timestamp> {
        self.waiting.front().map(|reserved| reserved.since.saturating_add(LONGEST_WAIT))
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

    fn holding(since: Timestamp) -> Reserve {
        let path = FilePath::new("/a").expect("a path");
        let item = QueueItem::added(ItemId::FIRST, path, Priority::default(), since);
        let mut reserve = Reserve::default();
        reserve.push(ClaimToken { item: item.id, number: ClaimNumber::FIRST }, item, since);
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
                prop_assert!((slots..=8 * slots).contains(&reserve.target(slots)));
            }
            if millis.iter().all(|length| *length >= 100) {
                prop_assert_eq!(reserve.target(slots), 0);
            }
            reserve.learn_of_waiting();
            prop_assert_eq!(reserve.target(slots), 0);
        }

        #[test]
        fn there_is_work_for_ten_milliseconds_and_at_least_one_claim(millis in 0..100_usize, slots in 1..64_usize) {
            let mut reserve = Reserve::default();
            reserve.learn(Duration::from_millis(millis as u64));
            let enough = 10_usize.checked_div(millis).unwrap_or(8);
            prop_assert_eq!(reserve.target(slots), slots * enough.clamp(1, 8));
        }

        #[test]
        fn a_claim_waits_for_200_ms_and_for_no_clock(waited in -1_000_000..1_000_000_i64) {
            let since = Timestamp::from_micros(1_000_000_000);
            let reserve = holding(since);
            let now = Timestamp::from_micros(1_000_000_000 + waited);
            prop_assert_eq!(reserve.is_overdue(now), !(0..200_000).contains(&waited));
            prop_assert_eq!(reserve.due_back(), Some(Timestamp::from_micros(1_000_200_000)));
        }
    }
}
