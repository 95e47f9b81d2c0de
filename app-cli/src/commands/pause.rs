//! `pause` and `resume`: suspend and continue live runs on this machine.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use autoproc_domain::ports::LiveRun;
use autoproc_domain::view::PageRequest;
use autoproc_domain::{FilePath, QueueItem, Status, Timestamp};
use clap::Args;
use serde::Serialize;
use tokio::time::sleep;

use crate::context::Context;
use crate::error::{CliError, in_one_line};
use crate::escape::printable;
use crate::view::json::PathJson;
use crate::view::screen::Screen;
use crate::view::time::{local, span};
use crate::view::{View, files};
use crate::wiring::{Pause, RunControl};

const POLL_INTERVAL: Duration = Duration::from_millis(50);

const TIMEOUT: Duration = Duration::from_secs(30);

/// The arguments of `pause`.
#[derive(Debug, Args)]
#[command(
    after_help = "Suspends the running commands with all their child processes, stops their timeouts, and starts no file. \
`autoproc resume` continues them. Runs on other machines are listed, but not paused.

Exit status:
  0   every live run of this machine is paused, or there is none
  75  a run did not confirm the request within 30 seconds

Examples:
  autoproc pause
  autoproc resume"
)]
pub(crate) struct PauseArgs {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Paused,
    Running,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Unconfirmed,
    Changed,
    Unchanged,
    Ended,
    /// The run is on another machine, or belongs to another project folder.
    Elsewhere,
}

struct Affected {
    run: LiveRun,
    outcome: Outcome,
    pause: Option<Pause>,
    files: Vec<FilePath>,
}

pub(super) async fn pause(context: &Context) -> Result<(), CliError> {
    if context.outer_run().await?.is_some() {
        // Nothing could resume the run before its timeout, because the pause stops the timeout too.
        return Err(CliError::usage("a command of a run cannot pause the runs: it would suspend itself").with_hint(
            "pause them from another terminal, or end this run after its current files with `autoproc stop`",
        ));
    }
    change(Wanted::Paused, context).await
}

pub(super) async fn resume(context: &Context) -> Result<(), CliError> {
    change(Wanted::Running, context).await
}

async fn change(wanted: Wanted, context: &Context) -> Result<(), CliError> {
    context.require_queue()?;
    let control = context.wiring.run_control();
    control.remove_abandoned();
    let mut affected = Vec::new();
    for run in context.runs().live().await? {
        let outcome = request(wanted, &run, &control, context).await?;
        affected.push(Affected { run, outcome, pause: None, files: Vec::new() });
    }
    wait(wanted, &mut affected, &control, context).await?;
    describe(&mut affected, &control, context).await;
    context.show_change(&Changed { wanted, affected: &affected, elsewhere: control.elsewhere() })?;
    let late: Vec<_> = affected.iter().filter(|one| one.outcome == Outcome::Unconfirmed).collect();
    if late.is_empty() { Ok(()) } else { Err(unconfirmed(wanted, &late)) }
}

async fn request(wanted: Wanted, run: &LiveRun, control: &RunControl, context: &Context) -> Result<Outcome, CliError> {
    if !control.is_local(run) {
        return Ok(Outcome::Elsewhere);
    }
    let (files, pause) = (control.files(run), control.pause_of(run));
    let cannot_write = |error| CliError::cannot_write(files.request_path(), &error);
    let is_new = match wanted {
        // A signal has suspended this run. When the run continues, for instance after `fg`, it
        // reads the request and stays paused.
        Wanted::Paused if pause.is_some_and(|pause| pause.is_stopped) => {
            files.request().map_err(cannot_write)?;
            false
        }
        Wanted::Paused => files.request().map_err(cannot_write)? || pause.is_none(),
        Wanted::Running => {
            let is_withdrawn = files.withdraw().map_err(cannot_write)?;
            let continued = control.continue_process(run, &*context.runs()).await?;
            let refused = |error| CliError::io(format!("cannot continue {}", printable(&run.info.location)), &error);
            continued.map_err(refused)? || is_withdrawn || pause.is_some()
        }
    };
    Ok(if is_new { Outcome::Unconfirmed } else { Outcome::Unchanged })
}

async fn wait(
    wanted: Wanted,
    affected: &mut [Affected],
    control: &RunControl,
    context: &Context,
) -> Result<(), CliError> {
    let began = Instant::now();
    while affected.iter().any(|one| one.outcome == Outcome::Unconfirmed) && began.elapsed() < TIMEOUT {
        let live = context.runs().live().await?;
        for one in affected.iter_mut().filter(|one| one.outcome == Outcome::Unconfirmed) {
            let is_paused = control.pause_of(&one.run).is_some();
            let is_done = match wanted {
                Wanted::Paused => is_paused && control.stands_still(&one.run),
                Wanted::Running => !is_paused,
            };
            if !live.iter().any(|run| run.info.id == one.run.info.id) {
                // The run may have ended without removing the request.
                let _ = control.files(&one.run).withdraw();
                one.outcome = Outcome::Ended;
            } else if is_done {
                one.outcome = Outcome::Changed;
            }
        }
        sleep(POLL_INTERVAL).await;
    }
    Ok(())
}

async fn describe(affected: &mut [Affected], control: &RunControl, context: &Context) {
    let request = PageRequest { statuses: vec![Status::Processing], after: None, limit: None };
    let items = match context.storage().page(request).await {
        Ok(page) => page.items,
        Err(error) => {
            context.console.warn(format_args!("cannot list the files being processed: {}", in_one_line(&error)));
            Vec::new()
        }
    };
    for one in affected {
        let is_own = |item: &&QueueItem| item.claim.as_ref().is_some_and(|claim| claim.run == one.run.info.id);
        one.files = items.iter().filter(is_own).map(|item| item.file_path.clone()).collect();
        one.pause = control.pause_of(&one.run);
    }
}

fn unconfirmed(wanted: Wanted, late: &[&Affected]) -> CliError {
    let owners = late.iter().map(|one| printable(&one.run.info.location)).collect::<Vec<_>>().join(", ");
    let (state, hint) = match wanted {
        Wanted::Paused => ("paused", "the request stands; `autoproc resume` withdraws it"),
        Wanted::Running => ("resumed", "look at the processes with: autoproc status"),
    };
    CliError::try_again(format!("waited {}; runs that are not {state}: {owners}", span(TIMEOUT))).with_hint(hint)
}

struct Changed<'a> {
    wanted: Wanted,
    affected: &'a [Affected],
    /// The reason why a run elsewhere is not changed, such as `is on another machine`.
    elsewhere: &'static str,
}

impl View for Changed<'_> {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.affected.is_empty() {
            let verb = if self.wanted == Wanted::Paused { "pause" } else { "resume" };
            return writeln!(out, "no run is live: there is nothing to {verb}");
        }
        self.affected.iter().try_for_each(|one| line(self, one, out))
    }

    fn document(&self) -> impl Serialize {
        ChangedJson { runs: self.affected.iter().map(|one| AffectedJson::new(self.wanted, one)).collect() }
    }
}

fn line(view: &Changed<'_>, one: &Affected, out: &mut Screen<'_>) -> io::Result<()> {
    let info = &one.run.info;
    let run = format!("run {} ({})", printable(&info.id), printable(&info.location));
    let since = one.pause.and_then(|pause| pause.since).map_or_else(String::new, |at| format!(" since {}", local(at)));
    match (one.outcome, view.wanted) {
        (Outcome::Unconfirmed, _) => return Ok(()),
        (Outcome::Ended, Wanted::Running) => return writeln!(out, "resumed: {run}; it has ended meanwhile"),
        (Outcome::Ended, Wanted::Paused) => return writeln!(out, "{run} has ended"),
        (Outcome::Elsewhere, _) => return writeln!(out, "left alone: {run} {}", view.elsewhere),
        (Outcome::Unchanged, Wanted::Running) => return writeln!(out, "not paused: {run}"),
        (Outcome::Unchanged, Wanted::Paused) => write!(out, "already paused{since}: {run}")?,
        (Outcome::Changed, Wanted::Paused) => write!(out, "paused: {run}")?,
        (Outcome::Changed, Wanted::Running) => write!(out, "resumed: {run}")?,
    }
    writeln!(out, ", {} in progress", files(one.files.len()))?;
    one.files.iter().try_for_each(|file| writeln!(out, "{}", out.line("  ", file, "")))
}

#[derive(Serialize)]
struct ChangedJson {
    runs: Vec<AffectedJson>,
}

#[derive(Serialize)]
struct AffectedJson {
    run_id: String,
    owner: String,
    host: String,
    pid: u32,
    outcome: &'static str,
    paused_at: Option<String>,
    files: Vec<PathJson>,
}

impl AffectedJson {
    fn new(wanted: Wanted, one: &Affected) -> Self {
        let location = &one.run.info.location;
        Self {
            run_id: one.run.info.id.to_string(),
            owner: location.to_string(),
            host: location.host.to_string(),
            pid: location.pid,
            outcome: word(one.outcome, wanted),
            paused_at: one.pause.and_then(|pause| pause.since).map(|at: Timestamp| at.to_string()),
            files: one.files.iter().map(PathJson::from).collect(),
        }
    }
}

fn word(outcome: Outcome, wanted: Wanted) -> &'static str {
    match (outcome, wanted) {
        (Outcome::Unconfirmed, _) => "unconfirmed",
        (Outcome::Ended, _) => "ended",
        (Outcome::Elsewhere, _) => "elsewhere",
        (Outcome::Unchanged, Wanted::Paused) => "already_paused",
        (Outcome::Unchanged, Wanted::Running) => "not_paused",
        (Outcome::Changed, Wanted::Paused) => "paused",
        (Outcome::Changed, Wanted::Running) => "resumed",
    }
}
