//! Tests the claim order.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use autoproc_domain::item::Sequence;
use autoproc_domain::queue::{ClaimKey, Transaction};
use autoproc_domain::request::{ExchangeRequest, RequestId, Scope};
use autoproc_domain::view::{Claimed, PageRequest};
use autoproc_domain::{FileQueue, ItemId, QueueItem, RunId, Timestamp};
use autoproc_testkit::strategies::{clock_steps, grown_queue, histories, priorities, replay, statuses};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

const STEPS: usize = 30;

fn claim(queue: &mut FileQueue, limit: usize, scope: &Scope, now: Timestamp) -> Vec<Claimed> {
    let (run, id, scope) = (RunId::new("run"), RequestId::default(), scope.clone());
    let request = ExchangeRequest { run, id, settlements: Vec::new(), limit, scope };
    request.perform(queue, now).expect("an exchange is never rejected").reply.claims
}

fn ids(claims: &[Claimed]) -> Vec<ItemId> {
    claims.iter().map(|(token, _)| token.item).collect()
}

fn due_in_order(queue: &FileQueue, scope: &Scope, now: Timestamp) -> Vec<ItemId> {
    let is_due = |item: &&QueueItem| item.is_waiting() && due_time(item, now) <= now;
    let mut due: Vec<_> = queue.items().filter(is_due).filter(|item| scope.contains(item.id)).collect();
    due.sort_by_key(|item| (Reverse(item.priority.get()), item.sequence.get()));
    due.into_iter().map(|item| item.id).collect()
}

fn due_time(item: &QueueItem, now: Timestamp) -> Timestamp {
    item.backoff.map_or(Timestamp::MIN, |backoff| backoff.capped(now).not_before)
}

fn moved(now: Timestamp, step: i64) -> Timestamp {
    Timestamp::from_micros(now.as_micros() + step)
}

fn scopes() -> impl Strategy<Value = Scope> {
    let named = btree_set((0..20_u64).prop_map(ItemId::new), 0..12);
    prop_oneof![1 => Just(Scope::Queue), 1 => named.prop_map(|ids: BTreeSet<_>| ids.into_iter().collect())]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exactly_what_is_due_is_claimed_in_order(
        (mut queue, now) in grown_queue(STEPS), step in clock_steps(), scope in scopes(),
    ) {
        let now = moved(now, step);
        let wanted = due_in_order(&queue, &scope, now);
        if scope == Scope::Queue {
            prop_assert_eq!(queue.peek(now).map(|item| item.id), wanted.first().copied());
        }
        prop_assert_eq!(ids(&claim(&mut queue, usize::MAX, &scope, now)), wanted);
    }

    #[test]
    fn claims_one_by_one_are_claims_at_once((mut queue, now) in grown_queue(STEPS), step in clock_steps(), scope in scopes()) {
        let now = moved(now, step);
        let at_once = claim(&mut queue.clone(), usize::MAX, &scope, now);
        let mut one_by_one = Vec::new();
        for _ in 0..at_once.len() {
            one_by_one.extend(claim(&mut queue, 1, &scope, now));
        }
        prop_assert_eq!(one_by_one, at_once);
        prop_assert_eq!(claim(&mut queue, 1, &scope, now), vec![]);
    }

    #[test]
    fn a_limit_takes_the_first((queue, now) in grown_queue(STEPS), limit in 0..5_usize, scope in scopes()) {
        let all = ids(&claim(&mut queue.clone(), usize::MAX, &scope, now));
        let some = ids(&claim(&mut queue.clone(), limit, &scope, now));
        prop_assert_eq!(&some[..], &all[..limit.min(all.len())]);
    }

    #[test]
    fn a_scope_is_a_view_of_the_queue(history in histories(STEPS), scope in scopes()) {
        let mut last = None;
        let mut queue = FileQueue::new();
        replay(&history, |turn| {
            // This exchange claims nothing, but makes the queue keep an index of the scope.
            claim(&mut queue, 0, &scope, turn.now);
            for event in turn.events {
                queue.apply(event);
            }
            last = Some(turn.now);
            Ok(())
        })?;
        let Some(now) = last else { return Ok(()) };
        let fresh = ids(&claim(&mut queue.clone(), usize::MAX, &again(&scope), now));
        prop_assert_eq!(ids(&claim(&mut queue, usize::MAX, &scope, now)), fresh);
    }

    #[test]
    fn the_next_due_time_is_the_least_that_has_not_come((queue, now) in grown_queue(STEPS), step in clock_steps()) {
        let now = moved(now, step);
        let waiting = queue.items().filter(|item| item.is_waiting());
        let wanted = waiting.filter_map(QueueItem::not_before).filter(|due| *due > now).min();
        prop_assert_eq!(queue.next_due(now), wanted);
    }

    #[test]
    fn pages_together_are_the_items_in_claim_order(
        (queue, _) in grown_queue(STEPS), among in vec(statuses(), 0..3), limit in 1..4_usize,
    ) {
        let mut expected: Vec<_> =
            queue.items().filter(|item| among.is_empty() || among.contains(&item.status)).cloned().collect();
        expected.sort_by_key(ClaimKey::of);
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = queue.page(&PageRequest { statuses: among.clone(), after, limit: Some(limit) });
            prop_assert!(page.next.is_none() || page.items.len() == limit, "only the last page may be short");
            found.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
            prop_assert!(found.len() < expected.len(), "a page follows although no item is left");
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_page_is_in_the_order_of_claims((queue, _) in grown_queue(STEPS)) {
        let items = queue.page(&PageRequest::default()).items;
        prop_assert_eq!(items.len(), queue.counts().total());
        prop_assert!(items.is_sorted_by_key(|item| (Reverse(item.priority.get()), item.sequence.get())));
    }

    #[test]
    fn no_two_items_share_a_place(one in priorities(), other in priorities(), number in 1..50_u64, next in 1..50_u64) {
        let (one, other) = (ClaimKey::new(one, Sequence::new(number)), ClaimKey::new(other, Sequence::new(number + next)));
        prop_assert_ne!(one, other);
        prop_assert!((one < other) != (other < one));
    }
}

fn again(scope: &Scope) -> Scope {
    match scope {
        Scope::Queue => Scope::Queue,
        Scope::Items(ids) => ids.iter().copied().collect(),
    }
}
