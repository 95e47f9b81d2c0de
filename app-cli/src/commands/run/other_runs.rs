//! Warns if runs with different commands process the same files.

use autoproc_domain::ports::LiveRun;
use autoproc_domain::request::Scope;
use autoproc_domain::run::RunConfig;
use autoproc_domain::view::PageRequest;
use autoproc_domain::{QueueItem, Recipe, Status};

use crate::context::Context;
use crate::error::CliError;
use crate::escape::{Printable, printable};
use crate::exit_code::ExitCode;
use crate::view::files;
use crate::view::past_run::short_id;

/// If the new run takes files from the whole queue, warns of a live run with another recipe. Each
/// pending file would be processed by only one of the two commands. Runs of earlier versions of
/// autoproc are not reported, because they register no recipe.
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
            "another run takes files from this queue too{work}: each waiting file is processed by one of the two commands (run {id}, {location})"
        ));
    }
    Ok(())
}

/// Returns the exit code of a run that has ended with `code`. If another command completed files of
/// the run's scope meanwhile, warns, and turns success into *try again*: the run's own command was
/// not executed on these files.
///
/// # Errors
/// [`CliError`] if the queue cannot be read.
pub(super) async fn checked(
    code: ExitCode,
    scope: &Scope,
    recipe: Option<Recipe>,
    context: &Context,
) -> Result<ExitCode, CliError> {
    if code != ExitCode::Success || *scope == Scope::Queue {
        return Ok(code);
    }
    let request = PageRequest { statuses: vec![Status::Completed], ..PageRequest::default() };
    let completed = context.storage().page(request).await?.items;
    let is_others = |item: &&QueueItem| {
        let by = item.completion.as_ref().and_then(|completion| completion.recipe);
        scope.contains(item.id) && by.is_some() && by != recipe
    };
    let count = completed.iter().filter(is_others).count();
    if count == 0 {
        return Ok(code);
    }
    let files = files(count);
    context.console.warn(format_args!(
        "{files} completed by another command meanwhile; the same line again processes them with this one"
    ));
    Ok(ExitCode::TryAgain)
}
