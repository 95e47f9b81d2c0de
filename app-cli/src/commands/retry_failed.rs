//! `retry-failed`: ended items begin another round.

use autoproc_domain::request::Requeue;

use crate::context::Context;
use crate::error::CliError;
use crate::view::Requeued;

pub(super) async fn retry_failed(selection: Requeue, context: &Context) -> Result<(), CliError> {
    let requeued = context.storage().requeue(selection, context.now()).await?;
    context.show(&Requeued(requeued))
}
