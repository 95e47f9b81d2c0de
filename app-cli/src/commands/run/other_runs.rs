//! Warns if two runs with different commands share a queue.

use autoproc_domain::ports::LiveRun;
use autoproc_domain::request::Scope;
use autoproc_domain::run::RunConfig;

use crate::context::Context;
use crate::error::CliError;
use crate::escape::{Printable, printable};
use crate::view::past_run::short_id;

/// If this run processes the whole queue, warns of another live run with a different command. Each
/// pending file is then processed by only one of the two runs.
///
/// # Errors
/// [`CliError`] if the live runs cannot be read.
pub(super) async fn warn_of_others(config: &RunConfig, context: &Context) -> Result<(), CliError> {
    if config.scope != Scope::Queue {
        return Ok(());
    }
    let live = context.runs().live().await?;
    let is_other = |run: &&LiveRun| run.info.recipe.is_some() && run.info.recipe != config.recipe;
    if let Some(LiveRun { info, .. }) = live.iter().find(is_other) {
        let (id, location) = (printable(&short_id(&info.id)), printable(&info.location));
        let work = info.work.as_deref().map_or_else(String::new, |work| format!(", with `{}`", Printable(work)));
        context.console.warn(format_args!(
            "run {id} ({location}) also takes files from this queue{work}: each waiting file is processed either by that run or by this one"
        ));
    }
    Ok(())
}
