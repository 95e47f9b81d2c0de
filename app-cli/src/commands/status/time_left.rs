//! The time left of a live run, computed from the history and the sizes of the pending files.

use std::time::Duration;

use autoproc_domain::forecast::{Backlog, RemainingFile, TimeLeft};
use autoproc_domain::ports::LiveRun;
use autoproc_domain::view::PageRequest;
use autoproc_domain::{FilePath, ProcessorState, Status};
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::forecasting::{MIN_MEAN, RecentAttempts, between, sizes_of};
use crate::view::time::rough_span;

/// The maximum number of pending files whose sizes are read. Further files count like the average
/// of these.
const MAX_FILES: usize = 1000;

/// Returns the time left of the run. `state` is the state that the run reported, and `waiting` is
/// the number of pending files of the queue that are not held. `None` if starts are held, if the run
/// is stopping, or if there are too few samples.
///
/// # Errors
/// [`CliError`] if the queue cannot be read.
pub(super) async fn of_run(
    run: &LiveRun,
    state: &ProcessorState,
    waiting: usize,
    context: &Context,
) -> Result<Option<TimeLeft>, CliError> {
    if state.run_id.as_ref() != Some(&run.info.id) || state.stop.is_some() || state.pressure.is_some() {
        return Ok(None);
    }
    let recent = RecentAttempts::read(&*context.wiring.history()).await;
    let recipe = recent.recipe_of(&run.info.id).or(run.info.recipe);
    let forecast = recipe.map(|recipe| recent.forecast(recipe, Some(&run.info.id)));
    let forecast = forecast.filter(|forecast| forecast.mean().is_some_and(|mean| mean >= MIN_MEAN));
    let Some(forecast) = forecast else { return Ok(None) };
    let Ok(Some(monitor)) = context.wiring.monitor() else { return Ok(None) };
    let remaining = usize::try_from(monitor.estimated_remaining_files).unwrap_or(usize::MAX);
    // A run of named files may leave others of the queue alone. The pending files of such a run are
    // not known by name. Its claims may be newer than its report.
    let is_whole_queue = remaining.saturating_add(2 * run.info.jobs) >= waiting;
    let mut pending = if is_whole_queue { pending(context).await? } else { Vec::new() };
    pending.truncate(remaining.saturating_sub(state.current_files.len()));
    let (running, now) = (&state.current_files, context.now());
    let sizes = sizes_of(running.iter().map(|file| &file.file_path).chain(&pending).cloned().collect());
    let (running_sizes, pending_sizes) = sizes.split_at(running.len());
    let file = |file_path, size_bytes, elapsed| RemainingFile { file_path, size_bytes, elapsed };
    let running = running.iter().zip(running_sizes);
    let running = running.map(|(run, size)| file(&run.file_path, *size, now.saturating_since(run.since)));
    let waiting = pending.iter().zip(pending_sizes).map(|(path, size)| file(path, *size, Duration::ZERO));
    let more = remaining.saturating_sub(sizes.len()) as u64;
    let backlog = Backlog { slots: run.info.jobs, running: running.collect(), pending: waiting.collect(), more };
    Ok(forecast.likely_time_left(&backlog).filter(|left| !left.about.is_zero()))
}

/// Returns the next pending files, in claim order.
async fn pending(context: &Context) -> Result<Vec<FilePath>, CliError> {
    let request = PageRequest { statuses: vec![Status::Pending], after: None, limit: Some(MAX_FILES) };
    let items = context.storage().page(request).await?.items.into_iter();
    Ok(items.filter(|item| !item.is_held).map(|item| item.file_path).collect())
}

/// Describes the time left, for instance `time left about 12m (9m to 17m)`.
pub(super) fn describe(left: &TimeLeft) -> String {
    let likely = left.likely.as_ref().map_or_else(String::new, |likely| between(*likely.start(), *likely.end()));
    format!("time left about {}{likely}", rough_span(left.about))
}

/// The time left, in JSON.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names end with their unit")]
pub(super) struct TimeLeftJson {
    about_s: f64,
    from_s: Option<f64>,
    to_s: Option<f64>,
}

impl From<&TimeLeft> for TimeLeftJson {
    fn from(left: &TimeLeft) -> Self {
        Self {
            about_s: left.about.as_secs_f64(),
            from_s: left.likely.as_ref().map(|likely| likely.start().as_secs_f64()),
            to_s: left.likely.as_ref().map(|likely| likely.end().as_secs_f64()),
        }
    }
}
