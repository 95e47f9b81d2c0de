//! The report as a JSON document.

use autoproc_domain::Status;
use autoproc_domain::ports::PastAttempt;
use serde::Serialize;

use super::Report;
use crate::view::json::{CountsJson, PastAttemptJson, PathJson};
use crate::view::past_run::PastRunJson;

#[derive(Serialize)]
pub(super) struct ReportJson {
    since: Option<String>,
    runs: Vec<PastRunJson>,
    processed: u64,
    failed: u64,
    retried: u64,
    failed_files: u64,
    failures: Vec<FailureJson>,
    slowest: Vec<FileAttemptJson>,
    counts: CountsJson,
}

#[derive(Serialize)]
struct FailureJson {
    #[serde(flatten)]
    attempt: FileAttemptJson,
    status_now: Option<&'static str>,
}

/// A past attempt with its file.
#[derive(Serialize)]
struct FileAttemptJson {
    item_id: u64,
    #[serde(flatten)]
    path: PathJson,
    #[serde(flatten)]
    attempt: PastAttemptJson,
}

impl From<&PastAttempt> for FileAttemptJson {
    fn from(past: &PastAttempt) -> Self {
        Self { item_id: past.of.id.get(), path: (&past.of.file_path).into(), attempt: past.into() }
    }
}

impl From<&Report> for ReportJson {
    fn from(report: &Report) -> Self {
        let failure = |(attempt, now): (&PastAttempt, Option<Status>)| FailureJson {
            attempt: attempt.into(),
            status_now: now.map(Status::word),
        };
        Self {
            since: report.since.map(|at| at.to_string()),
            runs: report.runs().map(|shown| (&shown).into()).collect(),
            processed: report.sum(|run| run.completed),
            failed: report.sum(|run| run.failed),
            retried: report.sum(|run| run.retried),
            failed_files: report.summary.failed_files,
            failures: report.failures().map(failure).collect(),
            slowest: report.summary.slowest.iter().map(FileAttemptJson::from).collect(),
            counts: report.counts.into(),
        }
    }
}
