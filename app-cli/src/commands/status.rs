//! Shows the live runs and the files of the queue.

pub(super) mod figures;
mod machines;
pub(super) mod time_left;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use autoproc_domain::forecast::TimeLeft;
use autoproc_domain::ports::{LiveRun, PastRun, StopLevel, Unproven};
use autoproc_domain::request::Scope;
use autoproc_domain::run::CurrentFile;
use autoproc_domain::signature::FailureGroups;
use autoproc_domain::view::{Counts, PageRequest};
use autoproc_domain::{ItemId, ProcessorState, QueueItem, RunId, Status as ItemStatus, Timestamp};
use autoproc_subprocess::DEFAULT_GRACE;
use autoproc_system::StandingStop;
use serde::Serialize;

use crate::context::{Context, OTHER_FOLDER};
use crate::delay::{self, Delay};
use crate::error::{CliError, in_one_line};
use crate::escape::{Printable, Shown, printable};
use crate::failure_groups;
use crate::forecasting::RecentAttempts;
use crate::view::failure_group::{GroupJson, MAX_SINGLE};
use crate::view::json::{CountsJson, ItemJson, PathJson};
use crate::view::layout::Layout;
use crate::view::screen::Screen;
use crate::view::time::{Zone, local, span};
use crate::view::{View, files, held, item};
use crate::wiring::Pause;
use figures::{Figures, RunningJson, done, obeying};
use machines::AtWorkJson;

const INDENT: &str = "  ";

const MAX_WAITING: usize = 10;

const MAX_FAILED: usize = 10;

pub(super) async fn status(context: &Context) -> Result<(), CliError> {
    let storage = context.storage();
    let (mut failed, groups) = failure_groups::of_first(context).await?;
    failed.truncate(MAX_FAILED);
    let live_runs = context.runs().live().await?;
    let processing = items(ItemStatus::Processing, None, context).await?;
    let (latest, pauses) = (latest(context), context.wiring.run_control().pauses(&live_runs));
    let (stop, counts) = (context.wiring.standing_stop(), storage.counts(Scope::Queue).await?);
    let recent = match live_runs.as_slice() {
        [] => RecentAttempts::default(),
        _ => RecentAttempts::read(&*context.wiring.history()).await,
    };
    let time_left = match (live_runs.as_slice(), &latest, &stop) {
        ([run], Some(state), None) if pauses.is_empty() => {
            time_left::of_run(run, state, counts.waiting(), &recent, context).await?
        }
        _ => None,
    };
    let now = context.now();
    let mut delays = BTreeMap::new();
    for run in &live_runs {
        let running = delay::running(run, &processing, latest.as_ref(), now);
        delays.extend(delay::delays(run, &running, &recent, context).await);
    }
    let view = Status {
        obstacles: obstacles(&processing, &live_runs, context).await?,
        figures: figures::in_history(&live_runs, context).await,
        pauses,
        time_left,
        delays,
        live_runs,
        counts,
        latest,
        processing,
        waiting: items(ItemStatus::Pending, Some(MAX_WAITING), context).await?,
        failed,
        groups,
        stop,
        project_dir: context.project.root().to_owned(),
        queue: context.queue_in_words(),
        store: context.store_place(),
        has_queue: context.had_queue,
        now,
    };
    context.show(&view)
}

async fn items(status: ItemStatus, limit: Option<usize>, context: &Context) -> Result<Vec<QueueItem>, CliError> {
    let request = PageRequest { statuses: vec![status], after: None, limit };
    Ok(context.storage().page(request).await?.items)
}

pub(super) async fn obstacles(
    processing: &[QueueItem],
    live: &[LiveRun],
    context: &Context,
) -> Result<BTreeMap<RunId, String>, CliError> {
    let is_live = |run: &RunId| live.iter().any(|live| live.info.id == *run);
    let claims: Vec<_> = processing.iter().filter_map(|item| item.claim.as_ref()).collect();
    if claims.iter().all(|claim| is_live(&claim.run)) {
        return Ok(BTreeMap::new());
    }
    let reaper = context.wiring.reaper(DEFAULT_GRACE);
    let dead = context.runs().dead().await?.into_iter();
    let holders = dead.filter(|dead| claims.iter().any(|claim| claim.run == dead.run));
    Ok(holders.filter_map(|dead| Some((dead.run.clone(), reaper.obstacle(&dead)?))).collect())
}

/// Reads the state file. Only warns if the file cannot be read, because `status` works without it.
fn latest(context: &Context) -> Option<ProcessorState> {
    context.wiring.processor_state().unwrap_or_else(|error| {
        context.console.warn(in_one_line(&error));
        None
    })
}

struct Status {
    now: Timestamp,
    counts: Counts,
    live_runs: Vec<LiveRun>,
    figures: Vec<PastRun>,
    pauses: BTreeMap<RunId, Pause>,
    /// `None` unless exactly one run is live and its time left is known.
    time_left: Option<TimeLeft>,
    /// The items whose attempts take much longer than expected, except those of paused runs.
    delays: BTreeMap<ItemId, Delay>,
    latest: Option<ProcessorState>,
    processing: Vec<QueueItem>,
    /// The dead runs whose files cannot be recovered, each with the reason.
    obstacles: BTreeMap<RunId, String>,
    failed: Vec<QueueItem>,
    groups: FailureGroups,
    stop: Option<StandingStop>,
    project_dir: PathBuf,
    queue: String,
    /// The address of the database; `None` if the queue is in a folder.
    store: Option<String>,
    has_queue: bool,
    waiting: Vec<QueueItem>,
}

impl Status {
    fn run_of(&self, item: &QueueItem) -> Option<&LiveRun> {
        let claim = item.claim.as_ref()?;
        self.live_runs.iter().find(|run| run.info.id == claim.run)
    }

    /// Returns why an item of a dead run cannot be recovered.
    fn doubt_about(&self, item: &QueueItem) -> Option<&str> {
        let claim = item.claim.as_ref()?;
        let withheld = self.latest.iter().flat_map(|latest| &latest.withheld).find(|left| left.run == claim.run);
        withheld.map(|left| &*left.reason).or(self.obstacles.get(&claim.run).map(String::as_str))
    }

    fn max_attempts(&self) -> Option<u32> {
        self.live_runs.iter().map(|run| run.info.max_attempts).max()
    }

    fn figures_of(&self, run: &LiveRun) -> Option<Figures> {
        Figures::of(&run.info.id, self.latest.as_ref(), &self.figures)
    }

    fn files_per_second(&self) -> Option<f64> {
        let latest = self.latest.as_ref()?;
        let run = self.live_runs.iter().find(|run| Some(&run.info.id) == latest.run_id.as_ref())?;
        machines::rate(self, run)
    }
}

/// The maximum number of processing files to show. A run may claim dozens of files in advance.
const MAX_PROCESSING: usize = 16;

impl View for Status {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if !self.has_queue {
            return writeln!(out, "there is no queue in {}; {OTHER_FOLDER}", Shown(&self.project_dir));
        }
        writeln!(out, "{}", self.queue)?;
        if let Some(stop) = &self.stop {
            stopping(stop, !self.live_runs.is_empty(), out)?;
        }
        if self.live_runs.is_empty() {
            not_running(self, out)?;
        }
        if self.store.is_some() && !self.live_runs.is_empty() {
            machines::table(self, out)?;
            self.live_runs.iter().try_for_each(|run| notes(self, run, out))?;
        } else {
            self.live_runs.iter().try_for_each(|run| running(self, run, out))?;
        }
        totals(self.counts, out)?;
        let processing =
            self.processing.iter().take(MAX_PROCESSING).map(|item| current(self, item, out)).collect::<Vec<_>>();
        named("processing now:", &processing, self.processing.len(), out)?;
        let waiting = self.waiting.iter().map(|item| waiting(self, item, out)).collect::<Vec<_>>();
        named("waiting:", &waiting, self.counts.pending, out)?;
        let failed = self.failed.iter().map(|item| failure(item, self.now, out)).collect::<Vec<_>>();
        named("failed:", &failed, self.counts.failed + self.counts.timeout, out)?;
        main_reason(&self.groups, out)
    }

    fn document(&self) -> impl Serialize {
        StatusJson {
            counts: self.counts.into(),
            live_runs: self
                .live_runs
                .iter()
                .map(|run| {
                    let (pause, figures) = (self.pauses.get(&run.info.id), self.figures_of(run));
                    let at_work = AtWorkJson::new(self, run);
                    RunningJson::new(run, pause, figures.as_ref(), at_work, self.time_left.as_ref())
                })
                .collect(),
            files_per_second: self.files_per_second(),
            processing: self
                .processing
                .iter()
                .map(|item| ProcessingJson::new(item, self.delays.get(&item.id).copied()))
                .collect(),
            waiting: self.waiting.iter().map(ItemJson::from).collect(),
            latest_run: self.latest.as_ref().map(StateJson::from),
            failed: self.failed.iter().map(ItemJson::from).collect(),
            failure_groups: GroupJson::largest(&self.groups),
            stop: self.stop.as_ref().map(StopJson::from),
            project_dir: self.project_dir.to_string_lossy().into_owned(),
            store: self.store.clone(),
        }
    }
}

fn named(heading: &str, files: &[String], total: usize, out: &mut dyn Write) -> io::Result<()> {
    if total > 0 {
        writeln!(out, "\n{heading}")?;
    }
    files.iter().try_for_each(|file| writeln!(out, "{file}"))?;
    match total.saturating_sub(files.len()) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more"),
    }
}

fn main_reason(groups: &FailureGroups, out: &mut dyn Write) -> io::Result<()> {
    let total = groups.total();
    let largest = groups.largest_first().into_iter().next();
    let Some(largest) = largest.filter(|group| total > MAX_SINGLE && 2 * group.count > total) else { return Ok(()) };
    let (count, reason) = (largest.count, Printable(largest.signature.reason()));
    writeln!(out, "  {count} of {total} for the same reason (`autoproc failures` shows all): {reason}")
}

fn stopping(stop: &StandingStop, is_live: bool, out: &mut dyn Write) -> io::Result<()> {
    let since = stop.since.map_or_else(String::new, |at| format!(" since {}", local(at)));
    writeln!(out, "a stop has been requested{since}{}", effect(stop.level, is_live))
}

pub(super) const fn effect(level: StopLevel, is_live: bool) -> &'static str {
    match level {
        _ if !is_live => "; the next run discards the request",
        StopLevel::Aborting | StopLevel::Killing => ": live runs end the current attempts",
        StopLevel::Running | StopLevel::Draining => ": live runs finish the current files",
    }
}

fn failure(item: &QueueItem, now: Timestamp, layout: &Layout) -> String {
    layout.line(INDENT, &item.file_path, &format!("  {}", item::note(item, now)))
}

fn not_running(view: &Status, out: &mut dyn Write) -> io::Result<()> {
    let Some(latest) = &view.latest else { return writeln!(out, "no run is live, and none was started here yet") };
    writeln!(out, "no run is live; the latest {}", ending(latest))?;
    writeln!(out, "{}", done(latest.files_processed, latest.files_failed, "that"))
}

/// Describes the end of the latest run. Must be called only if no run is live.
pub(super) fn ending(latest: &ProcessorState) -> String {
    match (latest.stopped_at, latest.started_at) {
        (Some(at), _) => format!("{} at {}", latest.status.word(), local(at)),
        (None, Some(at)) => format!("started at {} and did not shut down cleanly", local(at)),
        (None, None) => latest.status.word().to_owned(),
    }
}

fn running(view: &Status, run: &LiveRun, out: &mut dyn Write) -> io::Result<()> {
    let info = &run.info;
    let elapsed = span(view.now.saturating_since(info.started_at));
    let paused = view.pauses.get(&info.id).map_or_else(String::new, paused);
    writeln!(
        out,
        "running since {} ({elapsed}){paused}, {} at a time, by {}",
        local(info.started_at),
        info.jobs,
        printable(&info.location)
    )?;
    let Some(figures) = view.figures_of(run) else { return Ok(()) };
    let latest = view.latest.as_ref().filter(|latest| latest.run_id.as_ref() == Some(&info.id));
    let rate = view.files_per_second().filter(|_| latest.is_some());
    let rate = rate.map_or(String::new(), |rate| format!(", {rate:.2} files/s"));
    writeln!(out, "{}{rate}", done(figures.completed, figures.failed, "this"))?;
    if let Some(left) = &view.time_left {
        writeln!(out, "{}", time_left::describe(left))?;
    }
    if let Some(stop) = figures.stop {
        writeln!(out, "{}", obeying(&stop))?;
    }
    match latest.and_then(|latest| holding(latest, view.now)) {
        Some(reason) => writeln!(out, "not starting new files: {reason}"),
        None => Ok(()),
    }
}

fn notes(view: &Status, run: &LiveRun, out: &mut dyn Write) -> io::Result<()> {
    let owner = printable(&run.info.location);
    if let Some(pause) = view.pauses.get(&run.info.id) {
        writeln!(out, "{owner}{}", paused(pause))?;
    }
    if let Some(stop) = view.figures_of(run).and_then(|figures| figures.stop) {
        writeln!(out, "{owner}: {}", obeying(&stop))?;
    }
    if let Some(left) = &view.time_left {
        writeln!(out, "{}", time_left::describe(left))?;
    }
    let latest = view.latest.as_ref().filter(|latest| latest.run_id.as_ref() == Some(&run.info.id));
    match latest.and_then(|latest| holding(latest, view.now)) {
        Some(reason) => writeln!(out, "{owner} is not starting new files: {reason}"),
        None => Ok(()),
    }
}

/// Says why a run starts no files, and when it tries again.
pub(super) fn holding(state: &ProcessorState, now: Timestamp) -> Option<String> {
    let reason = Printable(state.pressure.as_deref()?);
    let probe = state.probe_at.filter(|at| *at > now);
    let probe =
        probe.map_or_else(String::new, |at| format!("; tries one file at {}", Zone::current().time_after(now, at)));
    Some(format!("{reason}{probe}"))
}

fn paused(pause: &Pause) -> String {
    let since = pause.since.map_or_else(String::new, |at| format!(" since {}", local(at)));
    format!(", paused{since} (`autoproc resume` continues it)")
}

pub(super) fn totals(counts: Counts, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{}: {} pending{}, {} processing, {} completed, {} failed, {} timeout",
        files(counts.total()),
        counts.pending,
        held(counts.held),
        counts.processing,
        counts.completed,
        counts.failed,
        counts.timeout
    )
}

fn current(view: &Status, item: &QueueItem, layout: &Layout) -> String {
    let since = item.last_attempt.map_or(String::new(), |at| format!(", for {}", span(view.now.saturating_since(at))));
    let after = match view.run_of(item) {
        Some(run) => {
            let remark = Delay::remark(view.delays.get(&item.id).copied());
            format!("  attempt {} of {}{since}{remark}", item.attempts, run.info.max_attempts)
        }
        None => format!("  attempt {}; {}", item.attempts, whose(view, item)),
    };
    layout.line(INDENT, &item.file_path, &after)
}

fn whose(view: &Status, item: &QueueItem) -> String {
    match view.doubt_about(item) {
        Some(reason) => format!(
            "its run is dead, but processes of that run may still be working: {}; \
             `autoproc queue recover --force` returns it to pending",
            Printable(reason)
        ),
        None => "its run died; the next run recovers it".to_owned(),
    }
}

fn waiting(view: &Status, item: &QueueItem, layout: &Layout) -> String {
    let mut why = vec![format!("priority {}", item.priority)];
    if item.attempts > 0 {
        let of = view.max_attempts().map_or(String::new(), |max| format!(" of {}", max.saturating_sub(1)));
        why.push(format!("retry {}{of}", item.attempts));
    }
    let note = item::note(item, view.now);
    why.extend((!note.is_empty()).then_some(note));
    layout.line(INDENT, &item.file_path, &format!("  {}", why.join(", ")))
}

#[derive(Serialize)]
struct StatusJson {
    counts: CountsJson,
    live_runs: Vec<RunningJson>,
    files_per_second: Option<f64>,
    processing: Vec<ProcessingJson>,
    waiting: Vec<ItemJson>,
    latest_run: Option<StateJson>,
    failed: Vec<ItemJson>,
    failure_groups: Vec<GroupJson>,
    stop: Option<StopJson>,
    project_dir: String,
    /// The address of the database, without user and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<String>,
}

#[derive(Serialize)]
struct ProcessingJson {
    #[serde(flatten)]
    item: ItemJson,
    slow: bool,
    stalled: bool,
}

impl ProcessingJson {
    fn new(item: &QueueItem, delay: Option<Delay>) -> Self {
        Self { item: item.into(), slow: delay.is_some(), stalled: delay == Some(Delay::Stalled) }
    }
}

#[derive(Serialize)]
struct StopJson {
    level: &'static str,
    since: Option<String>,
}

impl From<&StandingStop> for StopJson {
    fn from(stop: &StandingStop) -> Self {
        Self { level: stop.level.word(), since: stop.since.map(|at| at.to_string()) }
    }
}

#[derive(Serialize)]
struct StateJson {
    status: &'static str,
    run_id: Option<String>,
    started_at: Option<String>,
    stopped_at: Option<String>,
    updated_at: Option<String>,
    files_processed: u64,
    files_failed: u64,
    current_files: Vec<CurrentJson>,
    held: Option<String>,
    probe_at: Option<String>,
    withheld: Vec<WithheldJson>,
}

#[derive(Serialize)]
struct WithheldJson {
    run_id: String,
    reason: String,
}

impl From<&Unproven> for WithheldJson {
    fn from(left: &Unproven) -> Self {
        Self { run_id: left.run.to_string(), reason: left.reason.to_string() }
    }
}

#[derive(Serialize)]
struct CurrentJson {
    item_id: u64,
    #[serde(flatten)]
    path: PathJson,
    since: String,
}

impl From<&CurrentFile> for CurrentJson {
    fn from(file: &CurrentFile) -> Self {
        Self { item_id: file.id.get(), path: (&file.file_path).into(), since: file.since.to_string() }
    }
}

impl From<&ProcessorState> for StateJson {
    fn from(state: &ProcessorState) -> Self {
        Self {
            status: state.status.word(),
            run_id: state.run_id.as_ref().map(ToString::to_string),
            started_at: state.started_at.map(|at| at.to_string()),
            stopped_at: state.stopped_at.map(|at| at.to_string()),
            updated_at: state.updated_at.map(|at| at.to_string()),
            files_processed: state.files_processed,
            files_failed: state.files_failed,
            current_files: state.current_files.iter().map(CurrentJson::from).collect(),
            held: state.pressure.as_deref().map(str::to_owned),
            probe_at: state.probe_at.map(|at| at.to_string()),
            withheld: state.withheld.iter().map(WithheldJson::from).collect(),
        }
    }
}
