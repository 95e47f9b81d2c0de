//! Finds the run that `report` shows by default: the latest one that had something to do.

use autoproc_domain::ports::{PastRun, RunFilter, RunsSummary};
use autoproc_domain::run_info::StoppedBy;

use crate::context::Context;
use crate::error::CliError;

/// The number of most recent runs that the first search reads. If cron starts a run every ten
/// minutes, about 60 runs in a night have nothing to do.
const FIRST_SEARCH: usize = 64;

/// The factor by which the number of runs grows from one search to the next.
const GROWTH: usize = 8;

pub(super) struct Latest {
    /// The summary of the run to report. If no run is recorded, it contains no run.
    pub(super) summary: RunsSummary,
    /// The runs after the run to report, the earliest first.
    pub(super) later: Vec<PastRun>,
}

/// Finds the latest run that had something to do. If there is none, returns the latest run.
///
/// # Errors
/// [`CliError`] if the history cannot be read.
pub(super) async fn latest(context: &Context) -> Result<Latest, CliError> {
    let last = context.past_runs(RunFilter::Latest(1)).await?;
    if !last.runs.iter().all(is_idle) || last.runs.is_empty() {
        return Ok(Latest { summary: last, later: Vec::new() });
    }
    let mut count = FIRST_SEARCH;
    loop {
        let mut runs = context.past_runs(RunFilter::Latest(count)).await?.runs;
        if let Some(index) = runs.iter().rposition(|run| !is_idle(run)) {
            let later = runs.split_off(index + 1);
            let summary = context.past_runs(RunFilter::Named(vec![runs[index].id.clone()])).await?;
            return Ok(Latest { summary, later });
        }
        if runs.len() < count {
            return Ok(Latest { summary: last, later: Vec::new() });
        }
        count = count.saturating_mul(GROWTH);
    }
}

/// True if the run completed, failed and retried no file, and ended because nothing was due. A run
/// that ended in another way is not idle: it may have begun attempts that were not counted.
fn is_idle(run: &PastRun) -> bool {
    let has_done_nothing = run.completed + run.failed + run.retried == 0;
    let stopped_by = run.end.and_then(|end| end.stopped_by);
    has_done_nothing && matches!(stopped_by, Some(StoppedBy::QueueEmpty | StoppedBy::NothingDue))
}
