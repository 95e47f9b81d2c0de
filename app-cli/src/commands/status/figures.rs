//! Reads how many files a live run has completed and failed.

use autoproc_domain::forecast::TimeLeft;
use autoproc_domain::ports::{LiveRun, ObeyedStop, PastRun, RunFilter, StopLevel};
use autoproc_domain::{ProcessorState, RunId};
use serde::Serialize;

use super::machines::AtWorkJson;
use super::time_left::TimeLeftJson;
use crate::context::Context;
use crate::view::json::LiveRunJson;
use crate::view::past_run::{self, RunStopJson};
use crate::view::time::local;
use crate::wiring::Pause;

/// Reads the figures of live runs from the history. Returns an empty list if the state file
/// contains the figures or, with a warning, if the history cannot be read.
pub(in crate::commands) async fn in_history(live: &[LiveRun], context: &Context) -> Vec<PastRun> {
    let is_in_state_file = live.len() < 2 && context.wiring.server().is_none();
    if is_in_state_file || live.is_empty() {
        return Vec::new();
    }
    let ids = live.iter().map(|run| run.info.id.clone()).collect();
    let summary = context.past_runs(RunFilter::Named(ids)).await;
    match summary {
        Ok(summary) => summary.runs,
        Err(error) => {
            context.console.warn(error.message());
            Vec::new()
        }
    }
}

pub(in crate::commands) struct Figures {
    pub(super) completed: u64,
    /// Includes timeouts.
    pub(super) failed: u64,
    pub(in crate::commands) stop: Option<ObeyedStop>,
}

impl Figures {
    pub(in crate::commands) fn of(run: &RunId, latest: Option<&ProcessorState>, logged: &[PastRun]) -> Option<Self> {
        if let Some(latest) = latest.filter(|latest| latest.run_id.as_ref() == Some(run)) {
            let (completed, failed) = (latest.files_processed, latest.files_failed);
            return Some(Self { completed, failed, stop: latest.stop });
        }
        let past = logged.iter().find(|past| past.id == *run)?;
        Some(Self { completed: past.completed, failed: past.failed, stop: past.stop })
    }
}

pub(super) fn done(completed: u64, failed: u64, which: &str) -> String {
    format!("{completed} completed, {failed} failed or timed out in {which} run")
}

pub(in crate::commands) fn obeying(stop: &ObeyedStop) -> String {
    let what = match stop.level {
        StopLevel::Running | StopLevel::Draining => "stopping after the current files",
        StopLevel::Aborting => "ending the current attempts",
        StopLevel::Killing => "killing the current attempts",
    };
    format!("{what}, because of {}, since {}", past_run::cause(stop.cause), local(stop.at))
}

#[derive(Serialize)]
pub(super) struct RunningJson {
    #[serde(flatten)]
    run: LiveRunJson,
    processed: Option<u64>,
    failed: Option<u64>,
    #[serde(flatten)]
    at_work: AtWorkJson,
    stop: Option<RunStopJson>,
    #[serde(flatten)]
    time_left: TimeLeftJson,
}

impl RunningJson {
    pub(super) fn new(
        run: &LiveRun,
        pause: Option<&Pause>,
        figures: Option<&Figures>,
        at_work: AtWorkJson,
        time_left: Option<&TimeLeft>,
    ) -> Self {
        let figure = |value: fn(&Figures) -> u64| figures.map(value);
        Self {
            run: LiveRunJson::new(run, pause),
            processed: figure(|figures| figures.completed),
            failed: figure(|figures| figures.failed),
            at_work,
            stop: figures.and_then(|figures| figures.stop).map(RunStopJson::from),
            time_left: time_left.into(),
        }
    }
}
