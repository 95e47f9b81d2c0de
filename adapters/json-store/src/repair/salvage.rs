//! Applying what was read behind damage to the queue as it was before it.
//!
//! What is lost in between is unknown, so an event may speak of an item that nobody knows, or of one that has gone further
//! than it seems. The rules lean to one side: a file that was added is kept, and may be processed twice.
//!
//! - An addition carries its path and always applies.
//! - Any other event names an item by its number, and the number of an item that was added behind the damage depends on
//!   the additions that are lost. So only items from before the damage are believed to be meant.
//! - A result says that a claim was there before it, and a claim that the item was pending; where that is lost, it is made
//!   up for, so that what is recorded as completed is not processed again.
//! - A clear speaks of items by their status, which may have been another one; only of completed items it is believed.

use autoproc_domain::event::Event;

use autoproc_domain::item::{ClaimNumber, QueueItem};
use autoproc_domain::queue::Restore;
use autoproc_domain::{FileQueue, ItemId, RunId, Status};

use super::Tally;
use crate::journal::Stray;

/// The fewest bytes in which a journal or a snapshot gives out a number: the shortest claim and the shortest item are well
/// above it.
const LEAST_BYTES_PER_NUMBER: u64 = 32;

/// The run of a claim that is lost: no such run ever lives.
const LOST_RUN: &str = "unknown";

/// Applies what still applies; says what did, and what did not.
pub(super) fn apply(queue: &mut FileQueue, known_below: ItemId, after: u64, strays: &[Stray]) -> (Tally, Tally) {
    let (mut kept, mut skipped) = (Tally::default(), Tally::default());
    let mut last = after;
    for stray in strays {
        // A line out of order is a copy of one that counts already, or stands in another history.
        let is_next = stray.seq > last;
        last = last.max(stray.seq);
        for event in &stray.events {
            let applies = is_next && apply_one(queue, known_below, event);
            if applies { kept.count(event) } else { skipped.count(event) }
        }
    }
    (kept, skipped)
}

/// The same queue, which goes on numbering above every number that lost bytes may have given out.
pub(super) fn numbered_above(queue: &FileQueue, lost_bytes: u64) -> FileQueue {
    let given = lost_bytes.div_ceil(LEAST_BYTES_PER_NUMBER);
    let mut restore = Restore::default();
    for item in queue.items() {
        restore.push(item.clone()).expect("the items of a queue ascend and are consistent");
    }
    let next_id = ItemId::new(queue.next_id().get().saturating_add(given));
    restore.finish(next_id, ClaimNumber::new(queue.next_claim().get().saturating_add(given)))
}

fn apply_one(queue: &mut FileQueue, known_below: ItemId, event: &Event) -> bool {
    let applies = match event {
        Event::Enqueued { .. } => true,
        Event::Cleared { statuses } => statuses.iter().all(|status| *status == Status::Completed),
        Event::Reprioritised { id, .. } => status(queue, known_below, *id).is_some_and(Status::is_live),
        Event::BroughtForward { id, .. } => status(queue, known_below, *id) == Some(Status::Pending),
        Event::Removed { id } => status(queue, known_below, *id).is_some(),
        Event::Requeued { id } => {
            matches!(status(queue, known_below, *id), Some(Status::Failed | Status::Timeout))
        }
        Event::Claimed { id, .. } => make_pending(queue, known_below, *id),
        Event::Completed { id }
        | Event::RetryScheduled { id, .. }
        | Event::Failed { id, .. }
        | Event::Released { id }
        | Event::Recovered { id } => make_processing(queue, known_below, *id),
    };
    if applies {
        queue.apply(event);
    }
    applies
}

/// Where an item stands, if it is one that can be meant.
fn status(queue: &FileQueue, known_below: ItemId, id: ItemId) -> Option<Status> {
    let known = queue.get(id).filter(|_| id < known_below);
    known.map(|item| item.status)
}

/// Makes up for what must have come before a claim; says whether it could have.
fn make_pending(queue: &mut FileQueue, known_below: ItemId, id: ItemId) -> bool {
    match status(queue, known_below, id) {
        Some(Status::Pending) => {}
        Some(Status::Processing) => queue.apply(&Event::Recovered { id }),
        Some(Status::Failed | Status::Timeout) => queue.apply(&Event::Requeued { id }),
        Some(Status::Completed) | None => return false,
    }
    true
}

/// Makes up for what must have come before a result; says whether it could have.
fn make_processing(queue: &mut FileQueue, known_below: ItemId, id: ItemId) -> bool {
    if status(queue, known_below, id) == Some(Status::Processing) {
        return true;
    }
    if !make_pending(queue, known_below, id) {
        return false;
    }
    let at = queue.get(id).map(|item: &QueueItem| item.last_attempt.unwrap_or(item.added_at));
    if let Some(at) = at {
        queue.apply(&Event::Claimed { id, run: RunId::new(LOST_RUN), at });
    }
    true
}

#[cfg(test)]
mod tests {
    use autoproc_domain::{FilePath, Priority, Timestamp};

    use super::*;

    fn added(file: &str) -> Event {
        let at = Timestamp::from_micros(0);
        Event::Enqueued { file_path: FilePath::new(file).expect("a path"), priority: Priority::default(), at }
    }

    fn stray(seq: u64, events: Vec<Event>) -> Stray {
        Stray { seq, store: None, events }
    }

    /// A queue of `/a` after transaction 1, and what lines behind damage make of it: statuses, kept, skipped.
    fn salvaged(strays: &[Stray]) -> (Vec<Status>, Tally, Tally) {
        let mut queue = FileQueue::new();
        queue.apply(&added("/a"));
        let known_below = queue.next_id();
        let (kept, skipped) = apply(&mut queue, known_below, 1, strays);
        (queue.items().map(|item| item.status).collect(), kept, skipped)
    }

    #[test]
    fn a_number_given_behind_the_damage_is_not_believed() {
        let second = ItemId::new(2);
        let (statuses, kept, skipped) = salvaged(&[stray(3, vec![added("/b"), Event::Completed { id: second }])]);
        assert_eq!(statuses, [Status::Pending, Status::Pending]);
        assert_eq!((kept.additions, kept.results, skipped.results), (1, 0, 1));
    }

    #[test]
    fn a_line_that_counts_already_is_not_applied_again() {
        let done = Event::Completed { id: ItemId::FIRST };
        let (statuses, _, skipped) = salvaged(&[stray(1, vec![done.clone()]), stray(3, vec![]), stray(3, vec![done])]);
        assert_eq!(statuses, [Status::Pending]);
        assert_eq!(skipped.results, 2);
    }

    #[test]
    fn only_completed_items_are_cleared() {
        let clear = |status| stray(3, vec![Event::Cleared { statuses: vec![status] }]);
        assert_eq!(salvaged(&[clear(Status::Pending)]).0, [Status::Pending]);
        let done = stray(2, vec![Event::Completed { id: ItemId::FIRST }]);
        assert_eq!(salvaged(&[done, clear(Status::Completed)]).0, []);
    }

    #[test]
    fn what_was_removed_stays_removed_and_what_was_requeued_runs() {
        let id = ItemId::FIRST;
        assert_eq!(salvaged(&[stray(3, vec![Event::Removed { id }])]).0, []);
        let failed = Event::Failed { id, timed_out: false, error: "x".into() };
        let (statuses, kept, _) = salvaged(&[stray(3, vec![failed, Event::Requeued { id }])]);
        assert_eq!((statuses, kept.results, kept.others), (vec![Status::Pending], 1, 1));
    }
}
