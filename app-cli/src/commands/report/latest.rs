//! Finds the run that `report` shows by default.

use autoproc_domain::ports::{PastRun, RunFilter, RunsSummary};
use autoproc_domain::run_info::StoppedBy;

use crate::context::Context;
use crate::error::CliError;

/// The number of runs in the first search. With cron, about 60 runs in a night have nothing to do.
const FIRST_SEARCH: usize = 64;

const GROWTH: usize = 8;

pub(super) struct Latest {
    pub(super) summary: RunsSummary,
    /// The runs after the run to report, the earliest first.
    pub(super) later: Vec<PastRun>,
}

/// Finds the latest run that had something to do, or else the latest run.
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

fn is_idle(run: &PastRun) -> bool {
    let has_done_nothing = run.completed + run.failed + run.retried == 0;
    let stopped_by = run.end.and_then(|end| end.stopped_by);
    has_done_nothing && matches!(stopped_by, Some(StoppedBy::QueueEmpty | StoppedBy::NothingDue))
}
