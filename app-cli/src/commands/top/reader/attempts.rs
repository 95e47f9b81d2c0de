//! Builds the list of processing files.

use autoproc_domain::QueueItem;
use autoproc_domain::ports::LiveRun;

use super::history_part::HistoryPart;
use super::queue_part::QueuePart;
use super::runs_part::RunsPart;
use crate::commands::top::last_line::last_line;
use crate::commands::top::snapshot::{Progress, RunningFile};
use crate::context::Context;
use crate::escape::Printable;

/// The maximum number of outputs to read: more than a screen shows.
const MAX_READ: usize = 64;

const LAST_BYTES: u64 = 4096;

/// Returns the processing files: running attempts, attempts that have not started, files of dead
/// runs.
pub(super) fn running(
    live: &[LiveRun],
    runs: &RunsPart,
    queue: &QueuePart,
    history: &HistoryPart,
    host: &str,
    context: &Context,
) -> Vec<RunningFile> {
    let file = |item: &QueueItem| {
        let run = item.claim.as_ref().and_then(|claim| live.iter().find(|live| live.info.id == claim.run));
        let foreign = run.map(|run| &run.info.location.host).filter(|theirs| theirs.as_ref() != host);
        let row = RunningFile {
            id: item.id,
            file_path: item.file_path.clone(),
            host: foreign.map(|host| Printable(host).to_string()),
            progress: progress(item, run, runs),
            expected: history.expected.get(&item.id).cloned(),
            last_line: None,
            delay: history.delays.get(&item.id).copied(),
            attempt: item.attempts,
            log: context.wiring.attempt_logs().current(item),
        };
        let is_here = run.is_some_and(|run| context.wiring.run_control().is_described_here(run));
        (row, is_here)
    };
    let mut files: Vec<_> = queue.processing.iter().map(file).collect();
    files.sort_by_key(|(row, _)| (rank(row.progress), row.id));
    for (row, is_here) in files.iter_mut().take(MAX_READ) {
        let end = row.log.as_ref().filter(|_| *is_here).and_then(|log| log.last_bytes(LAST_BYTES).ok().flatten());
        row.last_line = end.and_then(|end| last_line(&end.bytes));
    }
    files.into_iter().map(|(row, _)| row).collect()
}

fn progress(item: &QueueItem, run: Option<&LiveRun>, runs: &RunsPart) -> Progress {
    let Some(run) = run else { return Progress::Abandoned };
    let since = match runs.state_of(run) {
        Some(state) => state.current_files.iter().find(|current| current.id == item.id).map(|current| current.since),
        None => item.last_attempt,
    };
    since.map_or(Progress::Claimed, Progress::Since)
}

fn rank(progress: Progress) -> (u8, i64) {
    match progress {
        Progress::Since(since) => (0, since.as_micros()),
        Progress::Claimed => (1, 0),
        Progress::Abandoned => (2, 0),
    }
}
