//! `status`: live runs, pending files, and reasons for waiting.

use autoproc_domain::view::PageRequest;
use autoproc_domain::{ProcessorState, QueueItem, Status as ItemStatus};

use crate::context::Context;
use crate::error::{CliError, in_one_line};
use crate::view::Status;

/// Number of pending files shown: they fit on a screen with the rest.
const MAX_WAITING: usize = 10;

pub(super) async fn status(context: &Context) -> Result<(), CliError> {
    let storage = context.storage();
    let view = Status {
        counts: storage.counts().await?,
        live_runs: context.runs().live().await?,
        latest: latest(context),
        processing: items(ItemStatus::Processing, None, context).await?,
        waiting: items(ItemStatus::Pending, Some(MAX_WAITING), context).await?,
        now: context.now(),
    };
    context.show(&view)
}

async fn items(status: ItemStatus, limit: Option<usize>, context: &Context) -> Result<Vec<QueueItem>, CliError> {
    let request = PageRequest { statuses: vec![status], after: None, limit };
    Ok(context.storage().page(request).await?.items)
}

/// The state file is informational: if it cannot be read, the queue is shown without it.
fn latest(context: &Context) -> Option<ProcessorState> {
    context.wiring.processor_state().unwrap_or_else(|error| {
        context.console.warn(in_one_line(&error));
        None
    })
}
