//! Tests the file queue.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use autoproc_domain::event::Event;
use autoproc_domain::fingerprint::{Completion, Fingerprint};
use autoproc_domain::item::{Backoff, Claim, ClaimNumber, ClaimToken, RunId};
use autoproc_domain::queue::{ClaimKey, Inconsistent, LatestExchanges, Restore, Transaction};
use autoproc_domain::rejection::Rejection;
use autoproc_domain::request::{
    Enqueue, ExchangeRequest, NewItem, Repeat, RequestId, Scope, Selector, Settlement, Verdict,
};
use autoproc_domain::view::{EnqueueOutcome, Exchanged};
use autoproc_domain::{FilePath, FileQueue, ItemId, Priority, QueueItem, Recipe, Status, Timestamp};
use autoproc_testkit::AnyRequest;
use autoproc_testkit::strategies::{
    EPOCH, completions, errors, file_paths, fingerprints, grown_queue, histories, new_items, priorities, repeats,
    replay, statuses,
};
use proptest::bool::weighted;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

const STEPS: usize = 30;

fn check(queue: &FileQueue) -> TestCaseResult {
    let (mut paths, mut claims, mut numbers) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for item in queue.items() {
        prop_assert!(item.id.get() < queue.next_number() && item.sequence.get() < queue.next_number());
        prop_assert!(numbers.insert(item.sequence), "{:?} twice", item.sequence);
        prop_assert!(item.round >= 1, "{:?}", item);
        prop_assert_eq!(item.claim.is_some(), item.status == Status::Processing, "{:?}", item);
        prop_assert!(item.backoff.is_none() || item.status == Status::Pending, "{:?}", item);
        prop_assert!(!item.is_held || item.status == Status::Pending, "{:?}", item);
        prop_assert!(item.completion.is_none() || item.status == Status::Completed, "{:?}", item);
        prop_assert!(paths.insert(&item.file_path), "{} twice", item.file_path);
        if let Some(claim) = &item.claim {
            prop_assert!(claim.number < queue.next_claim() && claims.insert(claim.number), "{:?}", item);
        }
        prop_assert_eq!(queue.get(item.id), Some(item));
        prop_assert_eq!(queue.find(&Selector::Path(item.file_path.clone())), Some(item));
    }
    check_counts(queue)
}

fn check_counts(queue: &FileQueue) -> TestCaseResult {
    for status in Status::ALL {
        let counted = queue.items().filter(|item| item.status == status).count();
        prop_assert_eq!(queue.counts().of(status), counted, "{}", status);
    }
    prop_assert_eq!(queue.counts().held, queue.items().filter(|item| item.is_held).count());
    prop_assert_eq!(queue.size(), queue.get_pending().len());
    prop_assert_eq!(queue.is_empty(), queue.get_pending().is_empty());
    prop_assert_eq!(queue.processing().count(), queue.counts().processing);
    Ok(())
}

fn events() -> impl Strategy<Value = Event> {
    let id = || (0..8_u64).prop_map(ItemId::new);
    let backoff = Backoff { not_before: EPOCH, ordered_at: EPOCH };
    prop_oneof![
        3 => (new_items(), repeats()).prop_map(|(new, repeat)| Enqueue { repeat, ..Enqueue::default() }.event(&new, EPOCH)),
        3 => id().prop_map(|id| Event::Claimed { id, run: RunId::new("run"), at: EPOCH }),
        1 => (id(), priorities()).prop_map(|(id, priority)| Event::Reprioritised { id, priority }),
        1 => (id(), any::<bool>()).prop_map(|(id, is_held)| Event::Held { id, is_held }),
        1 => (id(), completions()).prop_map(|(id, completion)| Event::Completed { id, completion }),
        1 => (id(), errors()).prop_map(move |(id, error)| Event::RetryScheduled { id, backoff, error }),
        1 => (id(), any::<bool>(), errors()).prop_map(|(id, timed_out, error)| Event::Failed { id, timed_out, error }),
        1 => id().prop_map(|id| Event::Released { id }),
        1 => id().prop_map(|id| Event::Recovered { id }),
        1 => id().prop_map(|id| Event::CancelRequested { id }),
        1 => id().prop_map(move |id| Event::BroughtForward { id, backoff }),
        1 => id().prop_map(|id| Event::RoundBegun { id }),
        1 => id().prop_map(|id| Event::MovedToEnd { id }),
        1 => id().prop_map(|id| Event::Removed { id }),
        1 => vec(statuses(), 0..3).prop_map(|statuses| Event::Cleared { statuses }),
    ]
}

fn repeats_a_path(request: &Enqueue) -> bool {
    let paths: BTreeSet<_> = request.items.iter().map(|item| &item.file_path).collect();
    paths.len() < request.items.len()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_reachable_queue_is_sound(history in histories(STEPS)) {
        replay(&history, |turn| check(turn.after))?;
    }

    #[test]
    fn events_in_any_order_leave_a_sound_queue(events in vec(events(), 0..60)) {
        let mut queue = FileQueue::new();
        for event in &events {
            queue.apply(event);
        }
        check_counts(&queue)?;
        let key = |item: &&QueueItem| ClaimKey::of(item);
        let due = queue.items().filter(|item| item.is_due(EPOCH)).min_by_key(key);
        prop_assert_eq!(queue.peek(EPOCH), due);
    }

    #[test]
    fn folding_the_events_rebuilds_the_queue(history in histories(STEPS)) {
        let (mut folded, mut last) = (FileQueue::new(), FileQueue::new());
        replay(&history, |turn| {
            turn.events.iter().for_each(|event| folded.apply(event));
            last = turn.after.clone();
            Ok(())
        })?;
        prop_assert_eq!(folded, last);
    }

    /// A request has events if and only if it changes the queue. The exception is a request that
    /// adds a path twice: the second addition may undo the first.
    #[test]
    fn events_are_changes(history in histories(STEPS)) {
        replay(&history, |turn| {
            let has_events = !turn.events.is_empty();
            let is_repeated = matches!(&turn.request, AnyRequest::Enqueue(request) if repeats_a_path(request));
            let agrees = has_events == (turn.before != turn.after) || (is_repeated && has_events);
            prop_assert!(agrees, "{:?} gave {:?}", turn.request, turn.events);
            Ok(())
        })?;
    }

    #[test]
    fn numbers_only_grow(history in histories(STEPS)) {
        replay(&history, |turn| {
            prop_assert!(turn.before.next_number() <= turn.after.next_number());
            prop_assert!(turn.before.next_claim() <= turn.after.next_claim());
            let is_new = |id: ItemId| turn.before.get(id).is_none();
            let fresh = |item: &QueueItem| item.id.get() >= turn.before.next_number();
            prop_assert!(turn.after.items().all(|item| !is_new(item.id) || fresh(item)));
            Ok(())
        })?;
    }

    #[test]
    fn a_path_keeps_its_item(history in histories(STEPS)) {
        replay(&history, |turn| {
            let takes_out = matches!(turn.request, AnyRequest::Remove(_) | AnyRequest::Clear(_));
            for before in turn.before.items().filter(|_| !takes_out) {
                let after = turn.after.find(&Selector::Path(before.file_path.clone()));
                let is_kept = after.is_some_and(|after| after.id == before.id && after.round >= before.round);
                prop_assert!(is_kept, "{:?} became {:?}", before, after);
            }
            Ok(())
        })?;
    }

    #[test]
    fn the_indexes_agree_with_the_items((queue, now) in grown_queue(STEPS), seconds in -40..40_i64) {
        let at = Timestamp::from_micros(now.as_micros() + seconds * 1_000_000);
        let claim = ExchangeRequest {
            run: RunId::new("run"), id: RequestId::default(), settlements: Vec::new(), limit: 1, scope: Scope::Queue,
        };
        let claims = claim.perform(&mut queue.clone(), at).expect("an exchange is never rejected").reply.claims;
        let next = claims.first().map(|(token, _)| token.item);
        prop_assert_eq!(queue.peek(at).map(|item| item.id), next);
        let waiting = queue.items().filter(|item| item.is_waiting());
        let next = waiting.filter_map(QueueItem::not_before).filter(|due| *due > at).min();
        prop_assert_eq!(queue.next_due(at), next);
    }

    #[test]
    fn a_released_item_is_that_of_a_settlement((queue, now) in grown_queue(STEPS)) {
        for item in queue.items() {
            let Some(claim) = &item.claim else {
                prop_assert_eq!(&item.clone().released(), item);
                continue;
            };
            let token = ClaimToken { item: item.id, number: claim.number };
            let release = ExchangeRequest {
                run: claim.run.clone(),
                id: RequestId::default(),
                settlements: vec![Settlement { token, verdict: Verdict::Release }],
                limit: 0,
                scope: Scope::Queue,
            };
            let mut settled = queue.clone();
            release.perform(&mut settled, now).expect("an exchange is never rejected");
            prop_assert_eq!(settled.get(item.id), Some(&item.clone().released()));
        }
    }

    #[test]
    fn a_batch_is_its_files((queue, now) in grown_queue(STEPS), items in vec(new_items(), 0..20), repeat in repeats()) {
        let batch = |items| Enqueue { items, repeat, ..Enqueue::default() };
        let mut together = queue.clone();
        let performed = batch(items.clone()).perform(&mut together, now).expect("nothing is rejected");
        let mut apart = queue;
        let one_by_one = items.into_iter().flat_map(|new| {
            batch(vec![new]).perform(&mut apart, now).expect("nothing is rejected").reply
        });
        prop_assert_eq!(performed.reply, one_by_one.collect::<Vec<_>>());
        prop_assert_eq!(together, apart);
    }

    #[test]
    fn restoring_the_items_gives_an_equal_queue((queue, now) in grown_queue(STEPS), history in histories(5)) {
        let mut restore = Restore::default();
        for item in queue.items() {
            prop_assert_eq!(restore.push(item.clone()), Ok(()));
            prop_assert!(item.id.get() < restore.next_number() && restore.next_number() <= queue.next_number());
        }
        prop_assert_eq!(restore.folded(), 0);
        let mut restored = restore.finish(queue.next_number(), queue.next_claim());
        prop_assert_eq!(&restored, &queue);
        prop_assert_eq!(restored.next_due(now), queue.next_due(now));
        prop_assert_eq!(restored.peek(now), queue.peek(now));
        check(&restored)?;
        let mut queue = queue;
        replay(&history, |turn| {
            // These requests are earlier than the last change, as if the clock had been set back.
            let (request, now) = (turn.request, turn.now);
            prop_assert_eq!(request.perform(&mut restored, now), request.perform(&mut queue, now));
            Ok(())
        })?;
    }

    #[test]
    fn restoring_takes_only_what_makes_a_queue(items in vec(stored_items(), 0..12)) {
        let mut restore = Restore::default();
        let mut rounds = BTreeMap::<FilePath, u32>::new();
        for item in items {
            let (path, round) = (item.file_path.clone(), item.round);
            match restore.push(item) {
                Ok(()) => *rounds.entry(path).or_default() += round,
                Err(refused) => prop_assert_eq!(refused.item.file_path, path),
            }
        }
        let queue = restore.finish(1, ClaimNumber::FIRST);
        check(&queue)?;
        let kept: BTreeMap<_, _> = queue.items().map(|item| (item.file_path.clone(), item.round)).collect();
        prop_assert_eq!(kept, rounds);
    }

    #[test]
    fn restoring_keeps_the_order_of_the_file(ids in Just((1..9_u64).collect::<Vec<_>>()).prop_shuffle()) {
        let mut restore = Restore::default();
        for id in &ids {
            restore.push(added(*id)).expect("ids differ");
        }
        let mut queue = restore.finish(1, ClaimNumber::FIRST);
        let popped: Vec<_> = std::iter::from_fn(|| queue.pop(EPOCH)).map(|item| item.id.get()).collect();
        prop_assert_eq!(popped, ids);
        check(&queue)?;
    }
}

fn added(id: u64) -> QueueItem {
    let path = FilePath::new(format!("/{id}")).expect("it is absolute");
    QueueItem::added(ItemId::new(id), path, Priority::default(), EPOCH)
}

fn stored_items() -> impl Strategy<Value = QueueItem> {
    let numbers = (1..20_u64, 1..20_u64, 1..4_u32);
    (numbers, file_paths(), priorities(), statuses(), weighted(0.2), any::<bool>()).prop_map(
        |((id, sequence, round), file_path, priority, status, is_claimed, is_held)| {
            let claim = Claim { number: ClaimNumber::new(id), run: RunId::new("run"), is_cancelled: false };
            QueueItem {
                status,
                round,
                is_held,
                sequence: autoproc_domain::item::Sequence::new(sequence),
                claim: is_claimed.then(|| Box::new(claim)),
                backoff: Some(Backoff { not_before: EPOCH, ordered_at: EPOCH }),
                completion: Some(Box::default()),
                ..QueueItem::added(ItemId::new(id), file_path, priority, EPOCH)
            }
        },
    )
}

#[test]
fn an_id_that_stands_twice_is_refused() {
    let mut restore = Restore::default();
    restore.push(added(1)).expect("the first fits");
    let path = FilePath::new("/other").expect("it is absolute");
    let refused = restore.push(QueueItem { file_path: path, ..added(1) }).expect_err("the second does not");
    assert_eq!(refused.reason, Inconsistent::RepeatedId(ItemId::new(1)));
}

#[test]
fn a_copied_line_is_the_same_item() {
    let mut restore = Restore::default();
    restore.push(QueueItem { status: Status::Failed, ..added(1) }).expect("the first fits");
    restore.push(added(1)).expect("the copy fits");
    restore.push(QueueItem { status: Status::Completed, ..added(1) }).expect("another copy fits");
    let queue = restore.finish(1, ClaimNumber::FIRST);
    check(&queue).expect("a consistent queue");
    let kept: Vec<_> = queue.items().map(|item| (item.id.get(), item.status, item.round)).collect();
    assert_eq!(kept, [(1, Status::Pending, 3)]);
}

#[test]
fn the_live_item_of_a_path_is_kept() {
    let claim = Claim { number: ClaimNumber::FIRST, run: RunId::new("run"), is_cancelled: false };
    let of = |id: u64, status: Status| QueueItem {
        status,
        claim: (status == Status::Processing).then(|| Box::new(claim.clone())),
        file_path: added(1).file_path,
        ..added(id)
    };
    for (first, second, kept) in [
        (Status::Processing, Status::Pending, 1),
        (Status::Processing, Status::Failed, 1),
        (Status::Pending, Status::Completed, 1),
        (Status::Pending, Status::Processing, 2),
        (Status::Failed, Status::Pending, 2),
        (Status::Pending, Status::Pending, 2),
        (Status::Completed, Status::Timeout, 2),
    ] {
        let mut restore = Restore::default();
        restore.push(of(1, first)).expect("it fits");
        restore.push(of(2, second)).expect("it fits");
        assert_eq!(restore.folded(), 1);
        let queue = restore.finish(1, ClaimNumber::FIRST);
        let ids: Vec<_> = queue.items().map(|item| (item.id.get(), item.round)).collect();
        assert_eq!(ids, [(kept, 2)], "{first}, {second}");
    }
}

#[test]
fn a_popped_file_is_settled_by_its_path() {
    let path = |id: u64| added(id).file_path;
    let mut queue = FileQueue::new();
    let request = Enqueue::new((1..4).map(|id| NewItem::new(path(id))).collect());
    request.perform(&mut queue, EPOCH).expect("nothing is rejected");
    assert!(queue.mark_complete(&path(1), EPOCH).is_err(), "it was not popped");
    assert!(queue.mark_complete(&path(9), EPOCH).is_err(), "it is not in the queue");
    for id in 1..4 {
        assert_eq!(queue.peek(EPOCH).map(|item| item.file_path.clone()), Some(path(id)));
        assert_eq!(queue.pop(EPOCH).map(|item| item.file_path), Some(path(id)));
    }
    queue.mark_complete(&path(1), EPOCH).expect("it was popped");
    queue.mark_timeout(&path(2), EPOCH).expect("it was popped");
    let retry = Verdict::Retry { backoff: Duration::from_secs(2), error: "x".into() };
    queue.mark(&path(3), retry, EPOCH).expect("it was popped");
    let statuses: Vec<_> = queue.items().map(|item| item.status).collect();
    assert_eq!(statuses, [Status::Completed, Status::Timeout, Status::Pending]);
    let paths = |items: Vec<&QueueItem>| items.iter().map(|item| item.file_path.clone()).collect::<Vec<_>>();
    assert_eq!((paths(queue.get_failed()), paths(queue.get_pending())), (vec![path(2)], vec![path(3)]));
    assert_eq!(queue.pop(EPOCH), None, "it waits");
    assert!(queue.pop(EPOCH.saturating_add(Duration::from_secs(2))).is_some());
}

#[test]
fn a_file_that_another_run_is_processing_is_not_settled_by_its_path() {
    let path = added(1).file_path;
    let mut queue = FileQueue::new();
    queue.add(&path, Priority::default(), EPOCH);
    let (run, id, scope) = (RunId::new("night"), RequestId::default(), Scope::Queue);
    let request = ExchangeRequest { run, id, settlements: Vec::new(), limit: 1, scope };
    request.perform(&mut queue, EPOCH).expect("nothing is rejected");
    let before = queue.clone();
    let refused = Err(Rejection::Processing(Selector::Path(path.clone())));
    assert_eq!(queue.mark_complete(&path, EPOCH), refused);
    assert_eq!(queue.mark_timeout(&path, EPOCH), refused);
    assert_eq!(queue, before);
}

fn fingerprint(size: u64) -> Fingerprint {
    Fingerprint { size, modified_ns: 0 }
}

fn with(status: Status, size: Option<u64>) -> FileQueue {
    let completion = Completion { fingerprint: size.map(fingerprint), recipe: Some(Recipe::new([1; 8])) };
    let claim = Claim { number: ClaimNumber::FIRST, run: RunId::new("run"), is_cancelled: false };
    let item = QueueItem {
        status,
        attempts: 4,
        claim: (status == Status::Processing).then(|| Box::new(claim)),
        completion: Some(Box::new(completion)),
        ..added(1)
    };
    let mut restore = Restore::default();
    restore.push(item).expect("it fits");
    restore.push(added(2)).expect("it fits");
    restore.finish(1, ClaimNumber::FIRST)
}

#[test]
fn adding_again_is_safe() {
    use EnqueueOutcome::{AlreadyCompleted, Changed, FailedBefore, Raised, Repeated, Unchanged};
    let (same, other) = (Recipe::new([1; 8]), Recipe::new([2; 8]));
    let if_same = Repeat::IfOtherRecipe(same);
    let if_other = Repeat::IfOtherRecipe(other);
    for (status, then, now, priority, repeat, wanted) in [
        (Status::Pending, None, None, 0, Repeat::Always, Unchanged),
        (Status::Pending, None, Some(2), 1, Repeat::IfChanged, Raised),
        (Status::Processing, None, None, 0, Repeat::Always, Unchanged),
        (Status::Failed, None, None, 0, Repeat::IfChanged, FailedBefore),
        (Status::Timeout, None, None, 0, if_same, FailedBefore),
        (Status::Completed, Some(1), Some(1), 9, Repeat::IfChanged, AlreadyCompleted),
        (Status::Completed, Some(1), Some(2), 0, Repeat::IfChanged, Changed),
        (Status::Completed, Some(1), Some(2), 0, if_same, Changed),
        (Status::Completed, Some(1), Some(1), 0, if_same, AlreadyCompleted),
        (Status::Completed, Some(1), Some(1), 0, if_other, Repeated),
        (Status::Completed, Some(1), Some(1), 0, Repeat::Always, Repeated),
        // A missing fingerprint counts as unchanged.
        (Status::Completed, None, Some(2), 0, Repeat::IfChanged, AlreadyCompleted),
        (Status::Completed, Some(1), None, 0, Repeat::IfChanged, AlreadyCompleted),
    ] {
        let mut queue = with(status, then);
        let path = FilePath::new("/1").expect("it is absolute");
        let new = NewItem::new(path).with_priority(Priority::new(priority)).with_fingerprint(now.map(fingerprint));
        let request = Enqueue { items: vec![new], repeat, ..Enqueue::default() };
        let reply = request.perform(&mut queue, EPOCH).expect("nothing is rejected").reply;
        assert_eq!((reply[0].outcome, reply[0].item), (wanted, Some(ItemId::new(1))), "{status}, {repeat:?}");
        let item = queue.get(ItemId::new(1)).expect("it is there");
        let is_new_round = (item.round, item.attempts, item.status) == (2, 0, Status::Pending);
        assert_eq!(is_new_round, wanted.is_new_work(), "{item:?}");
        assert_eq!(item.sequence > added(2).sequence, wanted.is_new_work(), "{item:?}");
    }
}

#[test]
fn a_repeated_exchange_has_its_answer_until_the_run_ends() {
    let request = |run: &str| ExchangeRequest {
        run: RunId::new(run),
        id: RequestId::default().next(),
        settlements: Vec::new(),
        limit: 1,
        scope: Scope::Queue,
    };
    let (mut latest, answer) = (LatestExchanges::default(), Exchanged { has_waiting: true, ..Exchanged::default() });
    latest.record(&request("one"), &answer);
    latest.record(&request("other"), &answer);
    assert_eq!(latest.answer(&request("one")), Some(answer.clone()));
    let next = ExchangeRequest { id: request("one").id.next(), ..request("one") };
    assert_eq!(latest.answer(&next), None);
    latest.forget(&RunId::new("one"));
    assert_eq!([latest.answer(&request("one")), latest.answer(&request("other"))], [None, Some(answer)]);
}

#[test]
fn a_backoff_is_never_longer_than_ordered() {
    let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
    let backoff = Backoff { not_before: at(102), ordered_at: at(100) };
    assert_eq!(backoff.capped(at(101)), backoff);
    assert_eq!(backoff.capped(at(50)), Backoff { not_before: at(52), ordered_at: at(50) });
    let endless = Backoff { not_before: Timestamp::MAX, ordered_at: at(100) };
    assert_eq!(endless.capped(at(50)), endless);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_unchanged_completed_file_is_left_alone(seen in option::of(fingerprints()), recipe in any::<[u8; 8]>()) {
        let (path, recipe) = (FilePath::new("/a").expect("it is absolute"), Recipe::new(recipe));
        let mut queue = FileQueue::new();
        queue.add(&path, Priority::default(), EPOCH);
        queue.pop(EPOCH);
        let completion = Completion { fingerprint: seen, recipe: Some(recipe) };
        queue.mark(&path, autoproc_domain::request::Verdict::Complete(completion), EPOCH).expect("it was popped");
        let before = queue.clone();
        let again = NewItem::new(path).with_fingerprint(seen);
        for repeat in [Repeat::IfChanged, Repeat::IfOtherRecipe(recipe)] {
            let request = Enqueue { items: vec![again.clone()], repeat, ..Enqueue::default() };
            let performed = request.perform(&mut queue, EPOCH).expect("nothing is rejected");
            prop_assert_eq!(performed.reply[0].outcome, EnqueueOutcome::AlreadyCompleted);
            prop_assert_eq!(&queue, &before);
        }
    }
}
