//! Finds running attempts that take much longer than expected.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, SystemTime};

use autoproc_domain::ports::LiveRun;
use autoproc_domain::{ItemId, ProcessorState, QueueItem, Timestamp};
use autoproc_subprocess::idle_items;
use autoproc_subprocess::process_table::Marker;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::context::Context;
use crate::forecasting::RecentAttempts;

/// The minimum time without output of a stalled attempt.
const MIN_SILENCE: Duration = Duration::from_mins(1);

/// How long the CPU time of silent attempts is watched.
const WATCH_TIME: Duration = Duration::from_millis(200);

/// The maximum time to read the processes.
const READ_TIMEOUT: Duration = Duration::from_millis(500);

/// How a running attempt takes much longer than expected; see [`Forecast::slow`].
///
/// [`Forecast::slow`]: autoproc_domain::forecast::Forecast::slow
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delay {
    Slow,
    /// The attempt also prints nothing and uses hardly any CPU time.
    Stalled,
}

/// A running attempt: the item, and how long the attempt has run.
pub(crate) type Running<'a> = (&'a QueueItem, Duration);

impl Delay {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Stalled => "stalled",
        }
    }

    /// Returns the text that follows the elapsed time of an attempt, such as `, slow`.
    pub(crate) fn remark(delay: Option<Self>) -> String {
        delay.map_or_else(String::new, |delay| format!(", {}", delay.word()))
    }
}

/// Returns the items of this run whose attempts have started.
pub(crate) fn running<'a>(
    run: &LiveRun,
    processing: &'a [QueueItem],
    latest: Option<&ProcessorState>,
    now: Timestamp,
) -> Vec<Running<'a>> {
    let id = &run.info.id;
    let latest = latest.filter(|latest| latest.run_id.as_ref() == Some(id));
    let has_started =
        |item: &QueueItem| latest.is_none_or(|latest| latest.current_files.iter().any(|current| current.id == item.id));
    let is_running = |item: &&QueueItem| item.claim.as_ref().is_some_and(|claim| claim.run == *id) && has_started(item);
    let started = processing.iter().filter(is_running);
    started.filter_map(|item| Some((item, now.saturating_since(item.last_attempt?)))).collect()
}

/// Returns those `running` attempts of a live run that take much longer than expected; none while
/// the run is paused. After the pause, the paused time counts as running time.
///
/// An attempt counts as stalled only if its processes are on this machine. If an attempt has been
/// silent for long enough, this function takes [`WATCH_TIME`].
pub(crate) async fn delays(
    run: &LiveRun,
    running: &[Running<'_>],
    recent: &RecentAttempts,
    context: &Context,
) -> BTreeMap<ItemId, Delay> {
    let control = context.wiring.run_control();
    if control.pause_of(run).is_some() {
        return BTreeMap::new();
    }
    let files: Vec<_> = running.iter().map(|(item, elapsed)| (&item.file_path, *elapsed)).collect();
    let slow = recent.slow(&run.info, &files);
    let is_silent = |(at, expected): &(usize, Duration)| {
        let (item, elapsed) = running[*at];
        silence(item, elapsed, context) >= MIN_SILENCE.max(*expected / 4)
    };
    let is_here = control.is_local(run);
    let idle = if is_here && slow.iter().any(is_silent) { idle(run, context).await } else { BTreeSet::new() };
    let delay = |late: &(usize, Duration)| {
        let id = running[late.0].0.id;
        (id, if idle.contains(&id) && is_silent(late) { Delay::Stalled } else { Delay::Slow })
    };
    slow.iter().map(delay).collect()
}

/// Returns the time since the latest output; zero if unknown.
fn silence(item: &QueueItem, elapsed: Duration, context: &Context) -> Duration {
    let Some(log) = context.wiring.attempt_logs().current(item) else { return Duration::ZERO };
    match log.written_at() {
        Ok(Some(at)) => SystemTime::now().duration_since(at).unwrap_or_default(),
        Ok(None) => elapsed,
        Err(_) => Duration::ZERO,
    }
}

/// Returns an empty set if the processes cannot be read in time. Reading the environment of a
/// process that hangs in the kernel may hang too, so a thread of its own does it.
async fn idle(run: &LiveRun, context: &Context) -> BTreeSet<ItemId> {
    let marker = Marker::of_run(&run.info.id).in_project(context.project.root());
    let (sender, receiver) = oneshot::channel();
    let watch = move || drop(sender.send(idle_items(&marker, WATCH_TIME)));
    // If no thread starts, the channel is closed at once.
    let _ = thread::Builder::new().name("idle attempts".to_owned()).spawn(watch);
    let answer = timeout(WATCH_TIME + READ_TIMEOUT, receiver).await;
    answer.ok().and_then(Result::ok).and_then(Result::ok).unwrap_or_default()
}
