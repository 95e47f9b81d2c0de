//! `stop`: the request is written where live runs look for it.

use autoproc_domain::ports::StopLevel;

use crate::context::Context;
use crate::error::CliError;
use crate::view::Stopping;

/// The request comes first and the look at who is live second: a run that begins in between discards the request, and
/// would be told of wrongly the other way round.
pub(super) async fn stop(now: bool, context: &Context) -> Result<(), CliError> {
    let stop_file = context.project.stop_file();
    context.wiring.request_stop(now).map_err(|error| CliError::cannot_write(&stop_file, &error))?;
    let live_runs = context.storage().live_runs().await?;
    let level = if now { StopLevel::Aborting } else { StopLevel::Draining };
    context.show(&Stopping { level, stop_file, live_runs })
}
