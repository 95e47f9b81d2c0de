//! The claim order: total, by priority and then by sequence number, and never ahead of time. Whatever the clock does.

use std::cmp::Reverse;

use autoproc_domain::item::ClaimToken;
use autoproc_domain::queue::{ClaimKey, Transaction};
use autoproc_domain::request::ExchangeRequest;
use autoproc_domain::view::PageRequest;
use autoproc_domain::{FileQueue, ItemId, QueueItem, RunId, Timestamp};
use autoproc_testkit::strategies::{clock_steps, grown_queue, priorities};
use proptest::prelude::*;

/// Commands behind each queue.
const STEPS: usize = 30;

fn claim(queue: &mut FileQueue, limit: usize, now: Timestamp) -> Vec<(ClaimToken, QueueItem)> {
    let request = ExchangeRequest { run: RunId::new("run"), settlements: Vec::new(), limit };
    request.perform(queue, now).expect("an exchange is never rejected").reply.claims
}

fn ids(claims: &[(ClaimToken, QueueItem)]) -> Vec<ItemId> {
    claims.iter().map(|(token, _)| token.item).collect()
}

/// The order by its definition, without any index.
fn due_in_order(queue: &FileQueue, now: Timestamp) -> Vec<ItemId> {
    let mut due: Vec<_> = queue.pending().filter(|item| item.not_before.is_none_or(|due| due <= now)).collect();
    due.sort_by_key(|item| (Reverse(item.priority.get()), item.id.get()));
    due.into_iter().map(|item| item.id).collect()
}

fn moved(now: Timestamp, step: i64) -> Timestamp {
    Timestamp::from_micros(now.as_micros() + step)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Also at a time before that of the last command.
    #[test]
    fn exactly_what_is_due_is_claimed_in_order((mut queue, now) in grown_queue(STEPS), step in clock_steps()) {
        let now = moved(now, step);
        let wanted = due_in_order(&queue, now);
        prop_assert_eq!(queue.peek(now).map(|item| item.id), wanted.first().copied());
        prop_assert_eq!(ids(&claim(&mut queue, usize::MAX, now)), wanted);
    }

    #[test]
    fn claims_one_by_one_are_claims_at_once((mut queue, now) in grown_queue(STEPS), step in clock_steps()) {
        let now = moved(now, step);
        let at_once = claim(&mut queue.clone(), usize::MAX, now);
        let mut one_by_one = Vec::new();
        for _ in 0..at_once.len() {
            one_by_one.extend(claim(&mut queue, 1, now));
        }
        prop_assert_eq!(one_by_one, at_once);
        prop_assert_eq!(claim(&mut queue, 1, now), vec![]);
    }

    #[test]
    fn a_limit_takes_the_first((queue, now) in grown_queue(STEPS), limit in 0..5_usize) {
        let all = ids(&claim(&mut queue.clone(), usize::MAX, now));
        let some = ids(&claim(&mut queue.clone(), limit, now));
        prop_assert_eq!(&some[..], &all[..limit.min(all.len())]);
    }

    #[test]
    fn the_next_due_time_is_the_least_that_has_not_come((queue, now) in grown_queue(STEPS), step in clock_steps()) {
        let now = moved(now, step);
        let wanted = queue.pending().filter_map(|item| item.not_before).filter(|due| *due > now).min();
        prop_assert_eq!(queue.next_due(now), wanted);
    }

    #[test]
    fn a_page_is_in_the_order_of_claims((queue, _) in grown_queue(STEPS)) {
        let items = queue.page(&PageRequest::default()).items;
        prop_assert_eq!(items.len(), queue.counts().total());
        prop_assert!(items.is_sorted_by_key(|item| (Reverse(item.priority.get()), item.id.get())));
    }

    #[test]
    fn no_two_items_share_a_place(one in priorities(), other in priorities(), id in 1..50_u64, next in 1..50_u64) {
        let (one, other) = (ClaimKey::new(one, ItemId::new(id)), ClaimKey::new(other, ItemId::new(id + next)));
        prop_assert_ne!(one, other);
        prop_assert!((one < other) != (other < one));
    }
}
