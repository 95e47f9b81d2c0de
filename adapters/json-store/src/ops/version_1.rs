//! Operations in the journals of version 1 of this program. Version 1 could have several items for
//! one path, and did not record when a backoff was set.
//!
//! If an ended file was added again, version 1 gave the addition a new item number, and later lines
//! of the journal use the new number. So the ended item is removed from the queue before the file
//! is added.

use autoproc_domain::FileQueue;
use autoproc_domain::event::Event;
use autoproc_domain::request::Selector;

use super::Op;

/// True if only version 1 wrote the operation in this form, so that [`complete`] must prepare it.
pub(super) fn is_incomplete(op: &Op<'_>) -> bool {
    matches!(op, Op::Enqueue { .. } | Op::Retry { from: None, .. } | Op::BringForward { from: None, .. })
}

/// Prepares an event of version 1 before it is applied: removes the ended item of an added file,
/// and sets the time at which a backoff was set to that of the latest claim or, if that is unknown,
/// to the end of the backoff.
pub(super) fn complete(event: &mut Event, queue: &mut FileQueue) {
    match event {
        Event::Enqueued { file_path, .. } => {
            let item = queue.find(&Selector::Path(file_path.clone()));
            if let Some(id) = item.filter(|item| !item.status.is_live()).map(|item| item.id) {
                queue.apply(&Event::Removed { id });
            }
        }
        Event::RetryScheduled { id, backoff, .. } | Event::BroughtForward { id, backoff } => {
            let claimed_at = queue.get(*id).and_then(|item| item.last_attempt);
            backoff.ordered_at = claimed_at.unwrap_or(backoff.not_before);
        }
        _ => {}
    }
}
