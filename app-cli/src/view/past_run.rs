//! Prints past and live runs.

use autoproc_domain::ports::{ObeyedStop, PastRun, StopCause};
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::{RunId, Timestamp};
use serde::Serialize;

/// The length of a shortened run name. These characters of a UUID encode the time (RFC 9562).
const SHORT_ID: usize = 13;

/// The number of characters in a UUID.
const FULL_ID: usize = 36;

pub(crate) fn continued(project_option: &str) -> String {
    format!("next: `autoproc resume{project_option}` continues")
}

/// Shortens the name of a run. `report --run` accepts a shortened name.
pub(crate) fn short_id(run: &RunId) -> &str {
    let name = run.as_str();
    if name.len() == FULL_ID { name.get(..SHORT_ID).unwrap_or(name) } else { name }
}

pub(crate) struct RunShown<'r> {
    pub(crate) run: &'r PastRun,
    pub(crate) is_live: bool,
}

impl RunShown<'_> {
    /// Returns the time from the beginning of the run to its end or latest event.
    pub(crate) fn elapsed(&self) -> std::time::Duration {
        self.ended_at()
            .unwrap_or(self.run.last_event_at)
            .saturating_since(self.run.started_at.unwrap_or(self.run.last_event_at))
    }

    pub(crate) fn ended_at(&self) -> Option<Timestamp> {
        self.run.end.map(|end| end.at)
    }

    pub(crate) fn ending(&self) -> String {
        match (self.run.end, self.run.stop) {
            (Some(end), _) => stopped_by(end.stopped_by).to_owned(),
            (None, Some(stop)) if self.is_live => format!("stopping after {}", cause(stop.cause)),
            (None, _) if self.is_live => "running".to_owned(),
            (None, _) => "died".to_owned(),
        }
    }

    fn status(&self) -> &'static str {
        match self.run.end.map(|end| end.stopped_by) {
            Some(Some(StoppedBy::QueueEmpty | StoppedBy::NothingDue)) => "completed",
            Some(_) => "stopped",
            None if self.is_live => "running",
            None => "died",
        }
    }
}

fn stopped_by(reason: Option<StoppedBy>) -> &'static str {
    match reason {
        Some(StoppedBy::QueueEmpty) => "completed",
        Some(StoppedBy::NothingDue) => "finished; no more files were due",
        Some(StoppedBy::Request(StopCause::StopFile | StopCause::Command)) => "stopped by a stop request",
        Some(StoppedBy::Request(StopCause::Interrupt)) => "stopped by Ctrl-C",
        Some(StoppedBy::Request(StopCause::Terminate)) => "stopped by SIGTERM",
        Some(StoppedBy::Request(StopCause::HangUp)) => "stopped by SIGHUP",
        Some(StoppedBy::TooManyFailed) => "failure limit",
        Some(StoppedBy::Deadline) => "stopped by --until",
        Some(StoppedBy::StorageFull) => "store full",
        Some(StoppedBy::InputMissing) => "folder missing",
        Some(StoppedBy::FailingAlike) => "files failed alike",
        Some(StoppedBy::ProgramMissing) => "program missing",
        Some(StoppedBy::Error) => "error",
        None => "ended",
    }
}

pub(crate) fn cause(cause: StopCause) -> &'static str {
    match cause {
        StopCause::StopFile => "the stop file",
        StopCause::Command => "a stop request",
        StopCause::Interrupt => "Ctrl-C",
        StopCause::Terminate => "SIGTERM",
        StopCause::HangUp => "SIGHUP",
    }
}

#[derive(Serialize)]
pub(crate) struct PastRunJson {
    run_id: String,
    started_at: Option<String>,
    ended_at: Option<String>,
    last_event_at: String,
    elapsed_s: f64,
    status: &'static str,
    stopped_by: Option<&'static str>,
    stop: Option<RunStopJson>,
    processed: u64,
    failed: u64,
    retried: u64,
}

#[derive(Serialize)]
pub(crate) struct RunStopJson {
    level: &'static str,
    cause: &'static str,
    since: String,
}

impl From<ObeyedStop> for RunStopJson {
    fn from(stop: ObeyedStop) -> Self {
        Self { level: stop.level.word(), cause: stop.cause.word(), since: stop.at.to_string() }
    }
}

impl From<&RunShown<'_>> for PastRunJson {
    fn from(shown: &RunShown<'_>) -> Self {
        let RunShown { run, .. } = shown;
        Self {
            run_id: run.id.to_string(),
            started_at: run.started_at.map(|at| at.to_string()),
            ended_at: shown.ended_at().map(|at| at.to_string()),
            last_event_at: run.last_event_at.to_string(),
            elapsed_s: shown.elapsed().as_secs_f64(),
            status: shown.status(),
            stopped_by: run.end.and_then(|end| end.stopped_by).map(StoppedBy::word),
            stop: run.stop.map(RunStopJson::from),
            processed: run.completed,
            failed: run.failed,
            retried: run.retried,
        }
    }
}
