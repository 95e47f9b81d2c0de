//! Forecasts the time left of a live run.

use std::ops::RangeInclusive;
use std::time::Duration;

use autoproc_domain::forecast::{Backlog, RemainingFile, TimeLeft};
use autoproc_domain::ports::LiveRun;
use autoproc_domain::view::PageRequest;
use autoproc_domain::{FilePath, ProcessorState, Status};
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::forecasting::{MIN_MEAN, RecentAttempts, between, sizes_of, takes_longer};
use crate::view::time::rough_span;

/// The maximum number of pending files to measure.
const MAX_FILES: usize = 1000;

/// Returns `None` if the time left of the run cannot be forecast. `waiting` is the number of
/// pending files that are not held.
///
/// # Errors
/// [`CliError`] if the queue cannot be read.
pub(in crate::commands) async fn of_run(
    run: &LiveRun,
    state: &ProcessorState,
    waiting: usize,
    recent: &RecentAttempts,
    context: &Context,
) -> Result<Option<TimeLeft>, CliError> {
    if state.run_id.as_ref() != Some(&run.info.id) || state.stop.is_some() || state.pressure.is_some() {
        return Ok(None);
    }
    let recipe = recent.recipe_of(&run.info.id).or(run.info.recipe);
    let forecast = recipe.map(|recipe| recent.forecast(recipe, Some(&run.info.id)));
    let forecast = forecast.filter(|forecast| forecast.mean().is_some_and(|mean| mean >= MIN_MEAN));
    let Some(forecast) = forecast else { return Ok(None) };
    let Ok(Some(monitor)) = context.wiring.monitor() else { return Ok(None) };
    let remaining = usize::try_from(monitor.estimated_remaining_files).unwrap_or(usize::MAX);
    // If the run processes only named files, it is unknown which pending files belong to the run.
    // The margin of `2 * jobs` allows for changes of the queue since `remaining` was reported.
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
    let is_known = |left: &TimeLeft| !matches!(left, TimeLeft::About { about: Duration::ZERO, .. });
    Ok(forecast.likely_time_left(&backlog).filter(is_known))
}

async fn pending(context: &Context) -> Result<Vec<FilePath>, CliError> {
    let request = PageRequest { statuses: vec![Status::Pending], after: None, limit: Some(MAX_FILES) };
    let items = context.storage().page(request).await?.items.into_iter();
    Ok(items.filter(|item| !item.is_held).map(|item| item.file_path).collect())
}

pub(in crate::commands) fn describe(left: &TimeLeft) -> String {
    match left {
        TimeLeft::About { about, likely } => {
            let likely = likely.as_ref().map_or_else(String::new, |likely| between(*likely.start(), *likely.end()));
            format!("time left about {}{likely}", rough_span(*about))
        }
        TimeLeft::MoreThan(Duration::ZERO) => {
            "time left unknown: the remaining files are much larger than the files so far".to_owned()
        }
        TimeLeft::MoreThan(bound) => format!("time left more than {}", rough_span(*bound)),
        TimeLeft::Unknown { overdue } => format!("time left unknown: {}", takes_longer(overdue.len())),
    }
}

#[derive(Serialize)]
pub(super) struct TimeLeftJson {
    time_left: Option<AboutJson>,
    time_left_above_s: Option<f64>,
    overdue_files: usize,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names end with their unit")]
struct AboutJson {
    about_s: f64,
    from_s: Option<f64>,
    to_s: Option<f64>,
}

impl From<Option<&TimeLeft>> for TimeLeftJson {
    fn from(left: Option<&TimeLeft>) -> Self {
        let none = Self { time_left: None, time_left_above_s: None, overdue_files: 0 };
        match left {
            None => none,
            Some(TimeLeft::About { about, likely }) => {
                let end = |end: fn(&RangeInclusive<Duration>) -> &Duration| Some(end(likely.as_ref()?).as_secs_f64());
                let (from_s, to_s) = (end(RangeInclusive::start), end(RangeInclusive::end));
                Self { time_left: Some(AboutJson { about_s: about.as_secs_f64(), from_s, to_s }), ..none }
            }
            Some(TimeLeft::MoreThan(bound)) => Self { time_left_above_s: Some(bound.as_secs_f64()), ..none },
            Some(TimeLeft::Unknown { overdue }) => Self { overdue_files: overdue.len(), ..none },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_time_left_has_a_reason() {
        let bound = |seconds| describe(&TimeLeft::MoreThan(Duration::from_secs(seconds)));
        assert_eq!(bound(90), "time left more than 1m 30s");
        assert_eq!(bound(0), "time left unknown: the remaining files are much larger than the files so far");
        let overdue = |overdue| describe(&TimeLeft::Unknown { overdue });
        assert_eq!(overdue(vec![1]), "time left unknown: 1 file takes longer than expected");
        assert_eq!(overdue(vec![0, 2]), "time left unknown: 2 files take longer than expected");
    }
}
