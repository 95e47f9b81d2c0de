//! Collects what the live view needs to forecast the time left: the next files of the run, and the
//! durations of earlier runs of the same recipe.

use std::sync::Arc;

use autoproc_domain::Status;
use autoproc_domain::run::RunConfig;
use autoproc_domain::view::PageRequest;

use super::live::Live;
use crate::context::Context;
use crate::error::CliError;
use crate::forecasting::RecentAttempts;

/// The maximum number of pending files whose sizes are known. Further files count like the average
/// of these.
const MAX_FILES: usize = 5000;

/// Gives the live view the next files of the run, and the forecast from earlier runs.
///
/// # Errors
/// [`CliError`] if the queue cannot be read.
pub(super) async fn prepare(live: &Arc<Live>, config: &RunConfig, context: &Context) -> Result<(), CliError> {
    let request = PageRequest { statuses: vec![Status::Pending], after: None, limit: Some(MAX_FILES) };
    let page = context.storage().page(request).await?.items.into_iter();
    let files = page.filter(|item| !item.is_held && config.scope.contains(item.id));
    let files = files.map(|item| (item.id, item.file_path)).collect();
    let recent = RecentAttempts::read(&*context.wiring.history()).await;
    live.foresee(files, config.recipe.map(|recipe| recent.forecast(recipe, None)));
    Ok(())
}
