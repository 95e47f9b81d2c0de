//! Reads journals of version 1 of this program.
//!
//! Version 1 gave a file a new id when the file was added again after its last attempt. Later lines
//! of the journal use the new id. So this module removes the old item before it adds the file.
//! Version 1 also did not record when a backoff was set.

use autoproc_domain::FileQueue;
use autoproc_domain::event::Event;
use autoproc_domain::request::Selector;

use super::Op;

/// True if only version 1 wrote operations in this form.
pub(super) fn is_incomplete(op: &Op<'_>) -> bool {
    matches!(op, Op::Enqueue { .. } | Op::Retry { from: None, .. } | Op::BringForward { from: None, .. })
}

/// Prepares an event of version 1 for the current queue.
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
