//! Asks live runs to stop.

mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use autoproc_domain::RunId;
use autoproc_domain::ports::{LiveRun, StopLevel};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde::Serialize;
use tokio::time::sleep;

use crate::completion::Candidates;
use crate::context::Context;
use crate::error::CliError;
use crate::escape::printable;
use crate::view::View;
use crate::view::json::LiveRunJson;
use crate::view::screen::Screen;
use crate::view::time::span;
use crate::wiring::{Pause, RunControl, StopTarget};

const POLL_INTERVAL: Duration = Duration::from_millis(200);

const NOTHING: &str = "there is nothing to stop";

/// The arguments of `stop`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc stop          finish the current files, start no others
  autoproc stop --now    end the current attempts too; their files wait for the next run
  autoproc stop --wait   and return when every run has ended
  autoproc stop --host scan7 --store postgres://anna@db.example.com/queue

Exit status:
  0   the request is made; with --wait, every run has ended
  2   with --host or --run: no live run is on this host, or has this name
  75  with --wait: a run has not ended within --timeout")]
pub(crate) struct StopArgs {
    /// End the current attempts instead of letting them finish; they do not use up a retry
    #[arg(long)]
    now: bool,
    /// Stop only the runs on this host, as `status` names it; for a queue in a database
    #[arg(long, value_name = "HOST", add = Candidates::LiveHosts, value_parser = NonEmptyStringValueParser::new())]
    host: Option<String>,
    /// Stop only this run: its name, or the beginning of the name; for a queue in a database
    #[arg(long, value_name = "RUN", add = Candidates::LiveRuns, conflicts_with = "host", value_parser = NonEmptyStringValueParser::new())]
    run: Option<String>,
    /// Wait until every run that is live now has ended
    #[arg(long)]
    wait: bool,
    /// Longest time to wait [default: no limit]
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, requires = "wait", value_parser = autoproc_time_text::parse)]
    timeout: Option<Duration>,
}

/// Lists the live runs after the stop request is written, so that no run that obeys it is missing.
pub(super) async fn stop(args: &StopArgs, context: &Context) -> Result<(), CliError> {
    context.require_queue()?;
    let level = if args.now { StopLevel::Aborting } else { StopLevel::Draining };
    let target = target::of(args, context).await?;
    let stop_file = request(level, &target, context).await?;
    let mut live_runs = context.runs().live().await?;
    live_runs.retain(|run| target.includes(run));
    let control = context.wiring.run_control();
    let pauses = control.pauses(&live_runs);
    if args.now {
        wake(&live_runs, &control, context).await?;
    }
    let asked: BTreeSet<_> = live_runs.iter().map(|run| run.info.id.clone()).collect();
    context.show_change(&Stopping { level, stop_file, live_runs, pauses })?;
    if args.wait { wait(&asked, args.timeout, context).await } else { Ok(()) }
}

/// Writes the stop request, and returns the path of the stop file. `None` for a database.
async fn request(level: StopLevel, target: &StopTarget, context: &Context) -> Result<Option<PathBuf>, CliError> {
    if let Some(server) = context.wiring.server() {
        server.request_stop(level, target.clone()).await?;
        return Ok(None);
    }
    let stop_file = context.project.stop_file();
    let is_now = level >= StopLevel::Aborting;
    context.wiring.write_stop_file(is_now).map_err(|error| CliError::cannot_write(&stop_file, &error))?;
    Ok(Some(stop_file))
}

/// Resumes suspended runs, because a suspended process cannot read the stop request.
async fn wake(runs: &[LiveRun], control: &RunControl, context: &Context) -> Result<(), CliError> {
    for run in runs {
        if let Err(error) = control.continue_process(run, &*context.runs()).await? {
            let owner = printable(&run.info.location);
            context.console.warn(format_args!("{owner} is suspended and cannot be continued: {error}"));
        }
    }
    Ok(())
}

async fn wait(asked: &BTreeSet<RunId>, timeout: Option<Duration>, context: &Context) -> Result<(), CliError> {
    let (began, mut told) = (Instant::now(), 0);
    loop {
        let mut left = context.runs().live().await?;
        left.retain(|run| asked.contains(&run.info.id));
        if left.is_empty() {
            return Ok(());
        }
        if timeout.is_some_and(|timeout| began.elapsed() >= timeout) {
            return Err(still_live(&left, began.elapsed()));
        }
        if told != left.len() {
            told = left.len();
            context.remark(&format!("waiting for {}", owners(&left)));
        }
        sleep(POLL_INTERVAL).await;
    }
}

fn still_live(left: &[LiveRun], waited: Duration) -> CliError {
    CliError::try_again(format!("waited {}; runs still live: {}", span(waited), owners(left)))
        .with_hint("wait longer, or end the current attempts with: autoproc stop --now --wait")
}

fn owners(runs: &[LiveRun]) -> String {
    runs.iter().map(|run| printable(&run.info.location)).collect::<Vec<_>>().join(", ")
}

struct Stopping {
    level: StopLevel,
    /// `None` if the request is in a database.
    stop_file: Option<PathBuf>,
    /// The live runs that the request addresses.
    live_runs: Vec<LiveRun>,
    pauses: BTreeMap<RunId, Pause>,
}

#[derive(Serialize)]
struct StoppingJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_file: Option<String>,
    level: &'static str,
    live_runs: Vec<LiveRunJson>,
}

impl Stopping {
    fn line(&self, run: &LiveRun, out: &mut Screen<'_>) -> io::Result<()> {
        let owner = printable(&run.info.location);
        match (self.level == StopLevel::Draining, self.pauses.contains_key(&run.info.id)) {
            (true, false) => writeln!(out, "{owner} will finish its current files and stop"),
            (true, true) => writeln!(
                out,
                "{owner} is paused: after `autoproc resume` it will finish its current files and stop; \
                 `autoproc stop --now` ends them"
            ),
            (false, _) => writeln!(out, "{owner} will end its current attempts and stop"),
        }
    }
}

impl View for Stopping {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.live_runs.is_empty() {
            let consequence = if self.stop_file.is_some() { "the next one will discard this request" } else { NOTHING };
            return writeln!(out, "no run is live: {consequence}");
        }
        self.live_runs.iter().try_for_each(|run| self.line(run, out))
    }

    fn document(&self) -> impl Serialize {
        StoppingJson {
            stop_file: self.stop_file.as_ref().map(|file| file.to_string_lossy().into_owned()),
            level: self.level.word(),
            live_runs: self.live_runs.iter().map(|run| LiveRunJson::new(run, self.pauses.get(&run.info.id))).collect(),
        }
    }
}
