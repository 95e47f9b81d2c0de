//! JSON parts of several views.
//!
//! If a path is not UTF-8, `file_path_bytes` contains its bytes in hexadecimal.

use autoproc_domain::ports::LiveRun;
use autoproc_domain::view::Counts;
use autoproc_domain::{FilePath, QueueItem};
use serde::Serialize;

use crate::wiring::Pause;

#[derive(Serialize)]
pub(crate) struct PathJson {
    file_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_path_bytes: Option<String>,
}

impl From<&FilePath> for PathJson {
    fn from(path: &FilePath) -> Self {
        Self { file_path: path.text().into_owned(), file_path_bytes: path.exact_hex() }
    }
}

#[derive(Serialize)]
pub(crate) struct ItemJson {
    id: u64,
    #[serde(flatten)]
    path: PathJson,
    priority: i32,
    status: &'static str,
    held: bool,
    added_at: String,
    round: u32,
    attempts: u32,
    last_attempt: Option<String>,
    not_before: Option<String>,
    last_error: Option<String>,
    run_id: Option<String>,
}

impl From<&QueueItem> for ItemJson {
    fn from(item: &QueueItem) -> Self {
        Self {
            id: item.id.get(),
            path: (&item.file_path).into(),
            priority: item.priority.get(),
            status: item.status.word(),
            held: item.is_held,
            added_at: item.added_at.to_string(),
            round: item.round,
            attempts: item.attempts,
            last_attempt: item.last_attempt.map(|at| at.to_string()),
            not_before: item.not_before().map(|at| at.to_string()),
            last_error: item.last_error.as_deref().map(str::to_owned),
            run_id: item.claim.as_ref().map(|claim| claim.run.to_string()),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct CountsJson {
    pending: usize,
    processing: usize,
    completed: usize,
    failed: usize,
    timeout: usize,
    held: usize,
}

impl From<Counts> for CountsJson {
    fn from(counts: Counts) -> Self {
        let Counts { pending, processing, completed, failed, timeout, held } = counts;
        Self { pending, processing, completed, failed, timeout, held }
    }
}

#[derive(Serialize)]
pub(crate) struct LiveRunJson {
    run_id: String,
    owner: String,
    host: String,
    pid: u32,
    started_at: String,
    jobs: usize,
    max_attempts: u32,
    timeout_s: f64,
    paused: bool,
    /// Null if the run is not paused or the time is unknown.
    paused_at: Option<String>,
}

impl LiveRunJson {
    pub(crate) fn new(run: &LiveRun, pause: Option<&Pause>) -> Self {
        Self {
            paused: pause.is_some(),
            paused_at: pause.and_then(|pause| pause.since).map(|at| at.to_string()),
            run_id: run.info.id.to_string(),
            owner: run.info.location.to_string(),
            host: run.info.location.host.to_string(),
            pid: run.info.location.pid,
            started_at: run.info.started_at.to_string(),
            jobs: run.info.jobs,
            max_attempts: run.info.max_attempts,
            timeout_s: run.info.timeout.as_secs_f64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_kept_in_hex() {
        let path = FilePath::new(OsStr::from_bytes(b"/a\xff")).expect("a path");
        let json = serde_json::to_string(&PathJson::from(&path)).expect("a document");
        assert_eq!(json, "{\"file_path\":\"/a\u{fffd}\",\"file_path_bytes\":\"2f61ff\"}");
        let plain = FilePath::new("/a").expect("a path");
        assert_eq!(serde_json::to_string(&PathJson::from(&plain)).expect("a document"), "{\"file_path\":\"/a\"}");
    }
}
