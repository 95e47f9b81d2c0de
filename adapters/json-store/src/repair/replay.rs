//! Applies the readable journal lines after the damage.
//!
//! The changes in the damaged part are unknown. If in doubt, a file is kept. It is better to
//! process a file twice than to lose it. These are the rules:
//!
//! - The addition of a file always applies, because the event contains the path.
//! - A clear event applies only if it clears completed items and no others. Other statuses in the
//!   queue may be outdated.
//! - Any other event names an item by its id. It applies only to an item from before the damage,
//!   because lost events may have changed the later ids.
//! - A result proves an earlier claim, and a claim proves that the item was pending. If these
//!   earlier events are lost, they are reconstructed. So completed files are not processed again.
//! - A cancellation proves no claim, because a pending file can be cancelled.

use autoproc_domain::event::Event;
use autoproc_domain::failure::CANCELLED;
use autoproc_domain::item::{ClaimNumber, QueueItem};
use autoproc_domain::queue::Restore;
use autoproc_domain::{FileQueue, ItemId, RunId, Status};

use super::ChangeCounts;
use crate::journal::SalvagedLine;
use crate::record::UNKNOWN_RUN;

/// The minimum length of an operation or item that assigns an id or a claim number.
///
/// So n lost bytes assigned at most n / 32 ids.
const MIN_BYTES_PER_NUMBER: u64 = 32;

/// Applies events to the queue. Returns the counts of applied and skipped events.
pub(super) fn replay(
    queue: &mut FileQueue,
    known_below: ItemId,
    after: u64,
    lines: &[SalvagedLine],
) -> (ChangeCounts, ChangeCounts) {
    let (mut kept, mut skipped) = (ChangeCounts::default(), ChangeCounts::default());
    let mut last = after;
    for line in lines {
        // A line whose number is not above `last` is a copy of an earlier line or belongs to
        // another history.
        let is_next = line.seq > last;
        last = last.max(line.seq);
        for event in &line.events {
            let applies = is_next && apply_one(queue, known_below, event);
            if applies { kept.count(event) } else { skipped.count(event) }
        }
    }
    (kept, skipped)
}

/// Raises the next id and claim number above all lost ones.
pub(super) fn numbered_above(queue: &FileQueue, lost_bytes: u64) -> FileQueue {
    let given = lost_bytes.div_ceil(MIN_BYTES_PER_NUMBER);
    let mut restore = Restore::default();
    for item in queue.items() {
        restore.push(item.clone()).expect("the items of a queue are consistent");
    }
    let next_number = queue.next_number().saturating_add(given);
    restore.finish(next_number, ClaimNumber::new(queue.next_claim().get().saturating_add(given)))
}

fn apply_one(queue: &mut FileQueue, known_below: ItemId, event: &Event) -> bool {
    let applies = match event {
        Event::Enqueued { .. } => true,
        Event::Cleared { statuses } => statuses.iter().all(|status| *status == Status::Completed),
        Event::Reprioritised { id, .. } => status(queue, known_below, *id).is_some_and(Status::is_live),
        Event::Held { id, .. } | Event::BroughtForward { id, .. } => {
            status(queue, known_below, *id) == Some(Status::Pending)
        }
        Event::MovedToEnd { id } | Event::Removed { id } => status(queue, known_below, *id).is_some(),
        Event::RoundBegun { id } => {
            matches!(status(queue, known_below, *id), Some(Status::Failed | Status::Timeout))
        }
        Event::Claimed { id, .. } => make_pending(queue, known_below, *id),
        Event::Failed { id, error, .. } if **error == *CANCELLED => make_live(queue, known_below, *id),
        Event::Completed { id, .. }
        | Event::RetryScheduled { id, .. }
        | Event::Failed { id, .. }
        | Event::Released { id }
        | Event::Recovered { id }
        | Event::CancelRequested { id } => make_processing(queue, known_below, *id),
    };
    if applies {
        queue.apply(event);
    }
    applies
}

/// Returns the status of an item from before the damage.
fn status(queue: &FileQueue, known_below: ItemId, id: ItemId) -> Option<Status> {
    let known = queue.get(id).filter(|_| id < known_below);
    known.map(|item| item.status)
}

/// Makes an item pending or processing, so that it can be cancelled.
fn make_live(queue: &mut FileQueue, known_below: ItemId, id: ItemId) -> bool {
    status(queue, known_below, id) == Some(Status::Processing) || make_pending(queue, known_below, id)
}

/// Makes an item pending, so that it can be claimed.
fn make_pending(queue: &mut FileQueue, known_below: ItemId, id: ItemId) -> bool {
    match status(queue, known_below, id) {
        Some(Status::Pending) => {}
        Some(Status::Processing) => queue.apply(&Event::Recovered { id }),
        Some(Status::Failed | Status::Timeout) => queue.apply(&Event::RoundBegun { id }),
        Some(Status::Completed) | None => return false,
    }
    true
}

/// Makes an item processing, so that it can have a result.
fn make_processing(queue: &mut FileQueue, known_below: ItemId, id: ItemId) -> bool {
    if !make_live(queue, known_below, id) {
        return false;
    }
    if status(queue, known_below, id) == Some(Status::Processing) {
        return true;
    }
    let at = queue.get(id).map(|item: &QueueItem| item.last_attempt.unwrap_or(item.added_at));
    if let Some(at) = at {
        queue.apply(&Event::Claimed { id, run: RunId::new(UNKNOWN_RUN), at });
    }
    true
}

#[cfg(test)]
mod tests {
    use autoproc_domain::fingerprint::Completion;
    use autoproc_domain::request::{Enqueue, NewItem};
    use autoproc_domain::{FilePath, Timestamp};

    use super::*;

    fn added(file: &str) -> Event {
        let new = NewItem::new(FilePath::new(file).expect("a path"));
        Enqueue::default().event(&new, Timestamp::from_micros(0))
    }

    fn completed(id: ItemId) -> Event {
        Event::Completed { id, completion: Completion::default() }
    }

    fn line(seq: u64, events: Vec<Event>) -> SalvagedLine {
        SalvagedLine { seq, store: None, events }
    }

    fn replayed(lines: &[SalvagedLine]) -> (Vec<Status>, ChangeCounts, ChangeCounts) {
        let mut queue = FileQueue::new();
        queue.apply(&added("/a"));
        let known_below = ItemId::new(queue.next_number());
        let (kept, skipped) = replay(&mut queue, known_below, 1, lines);
        (queue.items().map(|item| item.status).collect(), kept, skipped)
    }

    #[test]
    fn a_number_assigned_behind_the_damage_is_ignored() {
        let second = ItemId::new(2);
        let (statuses, kept, skipped) = replayed(&[line(3, vec![added("/b"), completed(second)])]);
        assert_eq!(statuses, [Status::Pending, Status::Pending]);
        assert_eq!((kept.additions, kept.results, skipped.results), (1, 0, 1));
    }

    #[test]
    fn a_repeated_line_is_not_applied_again() {
        let done = completed(ItemId::FIRST);
        let (statuses, _, skipped) = replayed(&[line(1, vec![done.clone()]), line(3, vec![]), line(3, vec![done])]);
        assert_eq!(statuses, [Status::Pending]);
        assert_eq!(skipped.results, 2);
    }

    #[test]
    fn only_completed_items_are_cleared() {
        let clear = |status| line(3, vec![Event::Cleared { statuses: vec![status] }]);
        assert_eq!(replayed(&[clear(Status::Pending)]).0, [Status::Pending]);
        let done = line(2, vec![completed(ItemId::FIRST)]);
        assert_eq!(replayed(&[done, clear(Status::Completed)]).0, []);
    }

    #[test]
    fn a_file_that_was_cancelled_while_it_was_pending_has_no_attempt() {
        let mut queue = FileQueue::new();
        queue.apply(&added("/a"));
        let (id, next_claim) = (ItemId::FIRST, queue.next_claim());
        let cancelled = Event::Failed { id, timed_out: false, error: CANCELLED.into() };
        replay(&mut queue, ItemId::new(2), 1, &[line(3, vec![cancelled])]);
        let item = queue.get(id).expect("the item");
        assert_eq!((item.status, item.attempts), (Status::Failed, 0));
        assert_eq!(queue.next_claim(), next_claim);
    }

    #[test]
    fn a_removed_item_stays_removed_and_a_requeued_one_waits() {
        let id = ItemId::FIRST;
        assert_eq!(replayed(&[line(3, vec![Event::Removed { id }])]).0, []);
        let failed = Event::Failed { id, timed_out: false, error: "x".into() };
        let (statuses, kept, _) = replayed(&[line(3, vec![failed, Event::RoundBegun { id }])]);
        assert_eq!((statuses, kept.results, kept.others), (vec![Status::Pending], 1, 1));
    }
}
