//! `status`: what runs, what waits and why.

use autoproc_domain::view::PageRequest;
use autoproc_domain::{ProcessorState, QueueItem, Status as ItemStatus};

use crate::context::Context;
use crate::error::{CliError, in_one_line};
use crate::view::Status;

/// How many waiting files are named: what fits on a screen beside the rest.
const MOST_WAITING: usize = 10;

pub(super) async fn status(context: &Context) -> Result<(), CliError> {
    let storage = context.storage();
    let view = Status {
        counts: storage.counts().await?,
        live_runs: context.runs().live().await?,
        latest: latest(context),
        processing: items(ItemStatus::Processing, None, context).await?,
        waiting: items(ItemStatus::Pending, Some(MOST_WAITING), context).await?,
        now: context.now(),
    };
    context.show(&view)
}

async fn items(status: ItemStatus, limit: Option<usize>, context: &Context) -> Result<Vec<QueueItem>, CliError> {
    let request = PageRequest { statuses: vec![status], after: None, limit };
    Ok(context.storage().page(request).await?.items)
}

/// The state file is for show: one that cannot be read is no reason to hide the queue, which is the truth.
fn latest(context: &Context) -> Option<ProcessorState> {
    context.wiring.processor_state().unwrap_or_else(|error| {
        context.console.warn(in_one_line(&error));
        None
    })
}
