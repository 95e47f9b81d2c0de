//! The aggregate: what holds in every state that commands can reach, and how events carry it.

use std::collections::BTreeSet;

use autoproc_domain::event::Event;
use autoproc_domain::item::{Claim, ClaimNumber};
use autoproc_domain::queue::{ClaimKey, Restore, Transaction, decide};
use autoproc_domain::request::{Command, Enqueue, NewItem, Selector};
use autoproc_domain::{FileQueue, ItemId, QueueItem, RunId, Status, Timestamp};
use autoproc_testkit::strategies::{EPOCH, commands, errors, file_paths, grown_queue, priorities, replay, statuses};
use proptest::bool::weighted;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

/// Commands in the longest history.
const STEPS: usize = 30;

/// What must hold of every queue.
fn check(queue: &FileQueue) -> TestCaseResult {
    let mut live_paths = BTreeSet::new();
    let mut claims = BTreeSet::new();
    for item in queue.items() {
        prop_assert!(item.id < queue.next_id());
        prop_assert_eq!(item.claim.is_some(), item.status == Status::Processing, "{:?}", item);
        prop_assert!(item.not_before.is_none() || item.status == Status::Pending, "{:?}", item);
        prop_assert!(!item.status.is_live() || live_paths.insert(&item.file_path), "{} twice", item.file_path);
        if let Some(claim) = &item.claim {
            prop_assert!(claim.number < queue.next_claim() && claims.insert(claim.number), "{:?}", item);
        }
        let found = queue.find(&Selector::Path(item.file_path.clone())).map(|found| found.status.is_live());
        prop_assert!(!item.status.is_live() || found == Some(true), "{} hides a live item", item.file_path);
    }
    check_counts(queue)
}

fn check_counts(queue: &FileQueue) -> TestCaseResult {
    for status in Status::ALL {
        let counted = queue.items().filter(|item| item.status == status).count();
        prop_assert_eq!(queue.counts().of(status), counted, "{}", status);
    }
    prop_assert_eq!(queue.size(), queue.pending().count());
    prop_assert_eq!(queue.is_empty(), queue.pending().next().is_none());
    prop_assert_eq!(queue.processing().count(), queue.counts().processing);
    Ok(())
}

/// Any event about a few items, whether it fits or not.
fn events() -> impl Strategy<Value = Event> {
    let id = || (0..8_u64).prop_map(ItemId::new);
    prop_oneof![
        3 => (file_paths(), priorities()).prop_map(|(file_path, priority)| Event::Enqueued { file_path, priority, at: EPOCH }),
        3 => id().prop_map(|id| Event::Claimed { id, run: RunId::new("run"), at: EPOCH }),
        1 => (id(), priorities()).prop_map(|(id, priority)| Event::Reprioritised { id, priority }),
        1 => id().prop_map(|id| Event::Completed { id }),
        1 => (id(), errors()).prop_map(|(id, error)| Event::RetryScheduled { id, not_before: EPOCH, error }),
        1 => (id(), any::<bool>(), errors()).prop_map(|(id, timed_out, error)| Event::Failed { id, timed_out, error }),
        1 => id().prop_map(|id| Event::Released { id }),
        1 => id().prop_map(|id| Event::Recovered { id }),
        1 => id().prop_map(|id| Event::BroughtForward { id, not_before: EPOCH }),
        1 => id().prop_map(|id| Event::Requeued { id }),
        1 => id().prop_map(|id| Event::Removed { id }),
        1 => vec(statuses(), 0..3).prop_map(|statuses| Event::Cleared { statuses }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_reachable_queue_is_sound(history in commands(STEPS)) {
        replay(&history, |turn| check(turn.after))?;
    }

    /// Also the queue that a journal with a foreign line in it would give: nothing panics, no index goes astray.
    #[test]
    fn events_in_any_order_leave_counts_true(events in vec(events(), 0..60)) {
        let mut queue = FileQueue::new();
        for event in &events {
            queue.apply(event);
        }
        check_counts(&queue)?;
    }

    #[test]
    fn folding_the_events_rebuilds_the_queue(history in commands(STEPS)) {
        let (mut folded, mut last) = (FileQueue::new(), FileQueue::new());
        replay(&history, |turn| {
            turn.decided.iter().flatten().for_each(|event| folded.apply(event));
            last = turn.after.clone();
            Ok(())
        })?;
        prop_assert_eq!(folded, last);
    }

    #[test]
    fn deciding_changes_nothing_and_always_says_the_same(history in commands(STEPS)) {
        replay(&history, |turn| {
            let before = turn.before.clone();
            prop_assert_eq!(&decide(turn.before, turn.command, turn.now), turn.decided);
            prop_assert_eq!(turn.before, &before);
            Ok(())
        })?;
    }

    /// Performing is deciding and applying; a rejection leaves the queue as it was.
    #[test]
    fn performing_is_deciding_and_applying(history in commands(STEPS)) {
        replay(&history, |turn| {
            let mut queue = turn.before.clone();
            let now = turn.now;
            let performed = match turn.command {
                Command::Enqueue(request) => request.perform(&mut queue, now).map(|done| done.events),
                Command::Exchange(request) => request.perform(&mut queue, now).map(|done| done.events),
                Command::Requeue(request) => request.perform(&mut queue, now).map(|done| done.events),
                Command::Reprioritise(request) => request.perform(&mut queue, now).map(|done| done.events),
                Command::Remove(request) => request.perform(&mut queue, now).map(|done| done.events),
                Command::Clear(request) => request.perform(&mut queue, now).map(|done| done.events),
                Command::Recover(request) => request.perform(&mut queue, now).map(|done| done.events),
            };
            prop_assert_eq!(&performed, turn.decided);
            prop_assert_eq!(&queue, if performed.is_ok() { turn.after } else { turn.before });
            Ok(())
        })?;
    }

    /// No events where nothing changes, so that a store has nothing to write, and no change without an event.
    #[test]
    fn events_are_changes(history in commands(STEPS)) {
        replay(&history, |turn| {
            let has_events = turn.decided.iter().flatten().next().is_some();
            prop_assert_eq!(has_events, turn.before != turn.after, "{:?} gave {:?}", turn.command, turn.decided);
            Ok(())
        })?;
    }

    #[test]
    fn numbers_only_grow(history in commands(STEPS)) {
        replay(&history, |turn| {
            prop_assert!(turn.before.next_id() <= turn.after.next_id());
            prop_assert!(turn.before.next_claim() <= turn.after.next_claim());
            let is_new = |id: ItemId| turn.before.get(id).is_none();
            prop_assert!(turn.after.items().all(|item| !is_new(item.id) || item.id >= turn.before.next_id()));
            Ok(())
        })?;
    }

    /// What is due and what falls due next, at any time: also at one before the latest claim, as two runs ask that share a
    /// queue, or one whose clock was set back.
    #[test]
    fn what_is_due_is_what_the_items_say((queue, now) in grown_queue(STEPS), seconds in -40..40_i64) {
        let at = Timestamp::from_micros(now.as_micros() + seconds * 1_000_000);
        let due = queue.pending().filter(|item| item.is_due(at)).min_by_key(|item| ClaimKey::of(item));
        prop_assert_eq!(queue.peek(at), due);
        let next = queue.pending().filter_map(|item| item.not_before).filter(|due| *due > at).min();
        prop_assert_eq!(queue.next_due(at), next);
    }

    /// A batch comes to what its files come to one after the other, and says each path once.
    #[test]
    fn a_batch_is_its_files((queue, now) in grown_queue(STEPS), files in vec((file_paths(), priorities()), 0..20)) {
        let files: Vec<_> = files.into_iter().map(|(file_path, priority)| NewItem { file_path, priority }).collect();
        let mut together = queue.clone();
        let performed = Enqueue(files.clone()).perform(&mut together, now).expect("nothing is refused");
        let mut apart = queue;
        let one_by_one = files.into_iter().flat_map(|file| {
            Enqueue(vec![file]).perform(&mut apart, now).expect("nothing is refused").reply
        });
        prop_assert_eq!(performed.reply, one_by_one.collect::<Vec<_>>());
        let paths: BTreeSet<_> = performed.events.iter().map(|event| match event {
            Event::Enqueued { file_path, .. } => file_path.clone(),
            Event::Reprioritised { id, .. } => together.get(*id).expect("it is there").file_path.clone(),
            other => panic!("{other:?} comes of an addition"),
        }).collect();
        prop_assert_eq!(paths.len(), performed.events.len());
        prop_assert_eq!(together, apart);
    }

    /// And the restored queue goes on as the one it was taken from.
    #[test]
    fn restoring_the_items_gives_an_equal_queue((queue, now) in grown_queue(STEPS), history in commands(5)) {
        let mut restore = Restore::default();
        for item in queue.items() {
            prop_assert_eq!(restore.push(item.clone()), Ok(()));
        }
        let restored = restore.finish(queue.next_id(), queue.next_claim());
        prop_assert_eq!(&restored, &queue);
        prop_assert_eq!(restored.next_due(now), queue.next_due(now));
        prop_assert_eq!(restored.peek(now), queue.peek(now));
        check(&restored)?;
        replay(&history, |turn| {
            prop_assert_eq!(decide(&restored, turn.command, now), decide(&queue, turn.command, now));
            Ok(())
        })?;
    }

    /// Whatever a state file holds, also two entries of a path as the original program could write them: no item that
    /// does not fit gets in, and the live one of a path is the one that is found.
    #[test]
    fn restoring_takes_only_what_makes_a_queue(items in vec(stored_items(), 0..12)) {
        let mut restore = Restore::default();
        for item in items {
            // Whether it was taken shows in what came of it.
            let _ = restore.push(item);
        }
        check(&restore.finish(ItemId::FIRST, ClaimNumber::FIRST))?;
    }
}

/// Items as a file may hold them: numbers and claims that need not fit. No two have the same claim number, as no queue
/// gives one out twice; that a file which does is harmless is the token's doing, which names the item too.
fn stored_items() -> impl Strategy<Value = QueueItem> {
    (1..20_u64, file_paths(), priorities(), statuses(), weighted(0.2)).prop_map(
        |(id, file_path, priority, status, is_claimed)| QueueItem {
            status,
            claim: is_claimed.then(|| Box::new(Claim { number: ClaimNumber::new(id), run: RunId::new("run") })),
            not_before: Some(EPOCH),
            ..QueueItem::added(ItemId::new(id), file_path, priority, EPOCH)
        },
    )
}
