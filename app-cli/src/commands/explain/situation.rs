//! Reads the facts that determine the future of a file.

use std::ops::ControlFlow;

use autoproc_domain::claim_key::ClaimKey;
use autoproc_domain::fingerprint::has_changed;
use autoproc_domain::ports::{LiveRun, PastAttempt};
use autoproc_domain::{Priority, QueueItem, Status, Timestamp};
use autoproc_subprocess::fingerprint_of;

use crate::commands::status::figures::{Figures, in_history, obeying};
use crate::commands::status::{holding, obstacles};
use crate::context::Context;
use crate::error::CliError;

pub(super) struct Situation {
    pub(super) now: Timestamp,
    pub(super) runs: Runs,
    /// The attempt limit of the claiming run or, if no run has claimed the file, of all live runs.
    /// `None` if the limits differ, or if no such run is live.
    pub(super) max_attempts: Option<u32>,
    /// True if the history has no latest attempt, or no error of it.
    pub(super) is_error_missing: bool,
    pub(super) claimant: Option<Claimant>,
    pub(super) ahead: Ahead,
    pub(super) file: FileNow,
    /// True if `resume` would repeat the run of the latest attempt.
    pub(super) can_resume: bool,
}

/// Whether the live runs start pending files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Runs {
    /// No run is live.
    None,
    /// At least one live run starts files.
    Starting,
    /// Every live run is stopping. The text describes the stop.
    Stopping(String),
    /// Every live run is stopping or paused, and at least one is paused.
    Paused,
    /// No live run starts files, and at least one holds its starts. The text is the reason.
    Holding(String),
}

/// The run that has claimed the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claimant {
    Live {
        host: String,
        is_paused: bool,
    },
    /// The run is dead. The text is the obstacle to a recovery.
    Dead(Option<String>),
}

/// The due files that a run claims before this file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ahead {
    pub(super) due: u64,
    /// The highest priority of the counted files; `None` if there are none.
    pub(super) priority: Option<Priority>,
}

/// The file on disk, compared with its state when it was completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileNow {
    Missing,
    Changed,
    Unchanged,
    /// The recorded or present fingerprint is unknown, or the file is not completed.
    Unknown,
}

impl Situation {
    /// Reads the situation of an item. `latest` is its latest attempt.
    pub(super) async fn read(
        item: &QueueItem,
        latest: Option<&PastAttempt>,
        context: &Context,
    ) -> Result<Self, CliError> {
        let live = context.runs().live().await?;
        let now = context.now();
        Ok(Self {
            runs: runs(&live, context).await,
            max_attempts: max_attempts(item, &live),
            is_error_missing: latest.is_none_or(|latest| latest.error.is_none()),
            claimant: claimant(item, &live, context).await?,
            ahead: if item.is_due(now) { ahead(item, now, context).await? } else { Ahead::default() },
            file: file_now(item),
            can_resume: can_resume(latest, context),
            now,
        })
    }
}

fn max_attempts(item: &QueueItem, live: &[LiveRun]) -> Option<u32> {
    let claimant = item.claim.as_ref().map(|claim| &claim.run);
    let mut limits = live
        .iter()
        .filter(|run| claimant.is_none_or(|claimant| run.info.id == *claimant))
        .map(|run| run.info.max_attempts);
    let first = limits.next()?;
    limits.all(|limit| limit == first).then_some(first)
}

/// Returns the state of the live run with the highest [`rank`]. Only the latest run of this folder
/// can be known to hold its starts.
async fn runs(live: &[LiveRun], context: &Context) -> Runs {
    let latest = context.wiring.processor_state().ok().flatten();
    let figures = in_history(live, context).await;
    let pauses = context.wiring.run_control().pauses(live);
    let is_stopping = context.wiring.standing_stop().is_some();
    let mut summary = Runs::None;
    for run in live {
        let id = &run.info.id;
        let stop = Figures::of(id, latest.as_ref(), &figures).and_then(|figures| figures.stop);
        let state = latest.as_ref().filter(|latest| latest.run_id.as_ref() == Some(id));
        let one = match (stop, state.and_then(|state| holding(state, context.now()))) {
            (Some(stop), _) => Runs::Stopping(obeying(&stop)),
            _ if is_stopping => Runs::Stopping("stopping, because of a stop request".to_owned()),
            _ if pauses.contains_key(id) => Runs::Paused,
            (None, Some(reason)) => Runs::Holding(reason),
            (None, None) => Runs::Starting,
        };
        if rank(&one) > rank(&summary) {
            summary = one;
        }
    }
    summary
}

/// Ranks a state: the higher, the sooner a file is likely to start.
fn rank(runs: &Runs) -> u8 {
    match runs {
        Runs::None => 0,
        Runs::Stopping(_) => 1,
        Runs::Paused => 2,
        Runs::Holding(_) => 3,
        Runs::Starting => 4,
    }
}

async fn claimant(item: &QueueItem, live: &[LiveRun], context: &Context) -> Result<Option<Claimant>, CliError> {
    let Some(claim) = &item.claim else { return Ok(None) };
    let Some(run) = live.iter().find(|run| run.info.id == claim.run) else {
        let mut obstacles = obstacles(std::slice::from_ref(item), live, context).await?;
        return Ok(Some(Claimant::Dead(obstacles.remove(&claim.run))));
    };
    let is_paused = context.wiring.run_control().pause_of(run).is_some();
    Ok(Some(Claimant::Live { host: run.info.location.host.to_string(), is_paused }))
}

async fn ahead(item: &QueueItem, now: Timestamp, context: &Context) -> Result<Ahead, CliError> {
    let (key, mut ahead) = (ClaimKey::of(item), Ahead::default());
    let count = |other: QueueItem| {
        if ClaimKey::of(&other) >= key {
            return ControlFlow::Break(());
        }
        if other.is_due(now) {
            ahead.due += 1;
            ahead.priority = ahead.priority.max(Some(other.priority));
        }
        ControlFlow::Continue(())
    };
    context.each_item_until(&[Status::Pending], count).await?;
    Ok(ahead)
}

fn file_now(item: &QueueItem) -> FileNow {
    let path = item.file_path.as_path();
    if path.try_exists().is_ok_and(|exists| !exists) {
        return FileNow::Missing;
    }
    let before = item.completion.as_ref().and_then(|completion| completion.fingerprint);
    match (before, fingerprint_of(path)) {
        (Some(_), now @ Some(_)) if has_changed(before, now) => FileNow::Changed,
        (Some(_), Some(_)) => FileNow::Unchanged,
        _ => FileNow::Unknown,
    }
}

fn can_resume(latest: Option<&PastAttempt>, context: &Context) -> bool {
    let recorded = context.wiring.run_command().ok().flatten().filter(|recorded| recorded.is_own);
    let run = recorded.and_then(|recorded| recorded.command.run);
    run.is_some() && run.as_ref() == latest.map(|latest| &latest.run)
}
