//! Reads the figures of the queue and its runs.

use std::time::Duration;

use autoproc_domain::forecast::TimeLeft;
use autoproc_domain::ports::LiveRun;
use autoproc_domain::request::Scope;
use autoproc_domain::view::{Counts, PageRequest};
use autoproc_domain::{ProcessorState, QueueItem, Status};

use crate::commands::status::time_left;
use crate::context::Context;
use crate::error::{CliError, in_one_line};
use crate::forecasting::RecentAttempts;

pub(super) struct Figures {
    pub(super) counts: Counts,
    pub(super) is_due: bool,
    pub(super) live_runs: usize,
    /// The maximum number of concurrent attempts of all live runs together.
    pub(super) slots: usize,
    pub(super) paused_runs: usize,
    /// The number of processing files whose run is dead.
    pub(super) abandoned: usize,
    /// The time since the earliest claim of a processing file. Zero if there is none.
    pub(super) oldest_processing: Duration,
    pub(super) is_stop_requested: bool,
    /// True if the latest run is live and holds its starts: it starts no attempts, or fewer than
    /// usual.
    pub(super) are_starts_held: bool,
    /// The forecast time until the end of the only live run.
    pub(super) time_left: Option<Duration>,
    pub(super) latest: Option<ProcessorState>,
}

impl Figures {
    /// # Errors
    /// [`CliError`] if the queue cannot be read.
    pub(super) async fn read(context: &Context) -> Result<Self, CliError> {
        let (storage, now) = (context.storage(), context.now());
        let counts = storage.counts(Scope::Queue).await?;
        let live = context.runs().live().await?;
        let request = PageRequest { statuses: vec![Status::Processing], after: None, limit: None };
        let processing = storage.page(request).await?.items;
        let is_live =
            |item: &QueueItem| item.claim.as_ref().is_some_and(|claim| live.iter().any(|run| run.info.id == claim.run));
        let latest = latest(context);
        let state = latest.as_ref().filter(|state| live.iter().any(|run| state.run_id.as_ref() == Some(&run.info.id)));
        let pauses = context.wiring.run_control().pauses(&live);
        let is_stop_requested = context.wiring.standing_stop().is_some();
        let is_moving = pauses.is_empty() && !is_stop_requested;
        Ok(Self {
            is_due: storage.peek(now).await?.is_some(),
            live_runs: live.len(),
            slots: live.iter().map(|run| run.info.jobs).sum(),
            paused_runs: pauses.len(),
            abandoned: processing.iter().filter(|item| !is_live(item)).count(),
            oldest_processing: processing
                .iter()
                .filter_map(|item| item.last_attempt)
                .min()
                .map_or(Duration::ZERO, |claimed_at| now.saturating_since(claimed_at)),
            are_starts_held: state.is_some_and(|state| state.pressure.is_some()),
            time_left: if is_moving { time_left(&live, state, counts, context).await? } else { None },
            is_stop_requested,
            counts,
            latest,
        })
    }
}

fn latest(context: &Context) -> Option<ProcessorState> {
    context.wiring.processor_state().unwrap_or_else(|error| {
        context.console.warn(in_one_line(&error));
        None
    })
}

async fn time_left(
    live: &[LiveRun],
    state: Option<&ProcessorState>,
    counts: Counts,
    context: &Context,
) -> Result<Option<Duration>, CliError> {
    let ([run], Some(state)) = (live, state) else { return Ok(None) };
    let recent = RecentAttempts::read(&*context.wiring.history()).await;
    let left = time_left::of_run(run, state, counts.waiting(), &recent, context).await?;
    Ok(match left {
        Some(TimeLeft::About { about, .. }) => Some(about),
        _ => None,
    })
}
