//! Forecasts the duration of a run from earlier runs.

use std::sync::Arc;

use autoproc_domain::forecast::Forecast;
use autoproc_domain::run::RunConfig;
use autoproc_domain::view::PageRequest;
use autoproc_domain::{FilePath, ItemId, Status};

use super::live::Live;
use crate::context::Context;
use crate::error::CliError;
use crate::forecasting::RecentAttempts;

const MAX_FILES: usize = 5000;

/// Returns a forecast that is based on earlier runs. Passes it, with the next files, to the live
/// view. If neither the live view nor the run needs the history, the forecast has no samples.
///
/// # Errors
/// [`CliError`] if the queue cannot be read.
pub(super) async fn prepare(
    live: Option<&Arc<Live>>,
    config: &RunConfig,
    context: &Context,
) -> Result<Forecast, CliError> {
    let decides_by_history = config.uses_forecasts() || config.pause_on_same.is_some();
    if live.is_none() && !decides_by_history {
        return Ok(Forecast::default());
    }
    let recent = RecentAttempts::read(&*context.wiring.history()).await;
    let forecast = config.recipe.map(|recipe| recent.forecast(recipe, None)).unwrap_or_default();
    if let Some(live) = live {
        live.foresee(next_files(config, context).await?, forecast.clone());
    }
    Ok(forecast)
}

async fn next_files(config: &RunConfig, context: &Context) -> Result<Vec<(ItemId, FilePath)>, CliError> {
    let request = PageRequest { statuses: vec![Status::Pending], after: None, limit: Some(MAX_FILES) };
    let page = context.storage().page(request).await?.items.into_iter();
    let files = page.filter(|item| !item.is_held && config.scope.contains(item.id));
    Ok(files.map(|item| (item.id, item.file_path)).collect())
}
