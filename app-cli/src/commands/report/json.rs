//! The report as a JSON document.

use autoproc_domain::Status;
use autoproc_domain::ports::{EndedAttempt, PastEnd};
use serde::Serialize;

use super::Report;
use crate::view::failure_group::GroupJson;
use crate::view::json::{CountsJson, PathJson};
use crate::view::past_run::PastRunJson;

#[derive(Serialize)]
pub(super) struct ReportJson {
    since: Option<String>,
    runs: Vec<PastRunJson>,
    later_idle_runs: usize,
    processed: u64,
    failed: u64,
    retried: u64,
    failed_files: u64,
    failures: Vec<FailureJson>,
    changed_files: u64,
    first_changed: Option<PathJson>,
    failure_groups: Vec<GroupJson>,
    slowest: Vec<FileAttemptJson>,
    counts: CountsJson,
}

#[derive(Serialize)]
struct FailureJson {
    #[serde(flatten)]
    attempt: FileAttemptJson,
    status_now: Option<&'static str>,
}

#[derive(Serialize)]
struct FileAttemptJson {
    item_id: u64,
    #[serde(flatten)]
    path: PathJson,
    run_id: String,
    round: u32,
    attempt: u32,
    end: Option<&'static str>,
    ended_at: String,
    duration_s: Option<f64>,
    error: Option<String>,
}

impl From<&EndedAttempt> for FileAttemptJson {
    fn from(ended: &EndedAttempt) -> Self {
        let past = &ended.attempt;
        Self {
            item_id: past.of.id.get(),
            path: (&past.of.file_path).into(),
            run_id: past.run.to_string(),
            round: past.of.round,
            attempt: past.of.attempt.get(),
            end: past.end.map(PastEnd::word),
            ended_at: ended.ended_at.to_string(),
            duration_s: past.elapsed.map(|elapsed| elapsed.as_secs_f64()),
            error: past.error.as_deref().map(str::to_owned),
        }
    }
}

impl From<&Report> for ReportJson {
    fn from(report: &Report) -> Self {
        let failure = |(attempt, now): (&EndedAttempt, Option<Status>)| FailureJson {
            attempt: attempt.into(),
            status_now: now.map(Status::word),
        };
        Self {
            since: report.since.map(|at| at.to_string()),
            runs: report.runs().map(|shown| (&shown).into()).collect(),
            later_idle_runs: report.later.len(),
            processed: report.sum(|run| run.completed),
            failed: report.sum(|run| run.failed),
            retried: report.sum(|run| run.retried),
            failed_files: report.summary.failed_files,
            failures: report.failures().map(failure).collect(),
            changed_files: report.summary.changed_files,
            first_changed: report.summary.first_changed.as_ref().map(PathJson::from),
            failure_groups: GroupJson::largest(&report.groups),
            slowest: report.summary.slowest.iter().map(FileAttemptJson::from).collect(),
            counts: report.counts.into(),
        }
    }
}
