//! `report --html`: writes the report as an HTML page.
//!
//! `escape` escapes all text that is not part of the program.

mod axis;
mod escape;
pub(super) mod night;
mod outcome;
mod page;
mod rate;
mod scatter;
mod svg;
#[cfg(test)]
mod tests;
mod timeline;

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use autoproc_domain::RunId;
use autoproc_domain::ports::{StopLevel, StopSignal};
use tokio::time::timeout;

use super::{Report, ReportArgs, read};
use crate::context::Context;
use crate::error::CliError;
use crate::escape::Shown;
use crate::target_file::{FileKind, TargetFile};
use crate::view::quoting::quoted_template;
use crate::view::time::Zone;
use night::Night;
use page::{BEGINNING, Page};

const PAGE: FileKind = FileKind { beginning: BEGINNING, name: "a page that `autoproc report --html` wrote" };

/// The interval between reloads of the page, and the minimum pause of `--watch`, in seconds.
const REFRESH_S: u64 = 5;

/// The minimum pause of `--watch` is also this multiple of the time to create a page. The pause
/// keeps the load on a database server low.
const PAUSES_PER_READ: u32 = 10;

const CHECK_INTERVAL: Duration = Duration::from_secs(1);

const MAX_COMMAND_WORDS: usize = 200;

pub(super) async fn report(file: &Path, args: &ReportArgs, context: &Context) -> Result<(), CliError> {
    if file.as_os_str() == "-" {
        return print(args, context).await;
    }
    let target = TargetFile::checked(file, &PAGE, args.force, context)?;
    let report = if args.watch { watch(&target, args, context).await? } else { write(&target, args, context).await? };
    if context.json {
        return context.show_named(&report);
    }
    context.console.print(|out| writeln!(out, "report written to {}", Shown(file))).map(drop)
}

async fn print(args: &ReportArgs, context: &Context) -> Result<(), CliError> {
    let hint = "name a file";
    if args.watch {
        return Err(CliError::usage("--watch cannot write to standard output").with_hint(hint));
    }
    if context.json {
        return Err(CliError::usage("--json and `--html -` both write to standard output").with_hint(hint));
    }
    let report = read(args, context).await?;
    let page = document(&report, None, context).await?;
    context.console.print_exactly(|out| out.write_all(page.as_bytes())).map(drop)
}

async fn write(target: &TargetFile, args: &ReportArgs, context: &Context) -> Result<Report, CliError> {
    let report = read(args, context).await?;
    target.write(&document(&report, None, context).await?)?;
    Ok(report)
}

async fn watch(target: &TargetFile, args: &ReportArgs, context: &Context) -> Result<Report, CliError> {
    let stop = context.wiring.signals()?;
    loop {
        let began = Instant::now();
        // Reads the live runs before the report, so that the report contains the end of each run
        // that is not live.
        let live = context.live_runs().await?;
        let report = read(args, context).await?;
        let ids: HashSet<_> = report.summary.runs.iter().map(|run| run.id.clone()).collect();
        if ids.is_disjoint(&live) {
            target.write(&document(&report, None, context).await?)?;
            return Ok(report);
        }
        target.write(&document(&report, Some(REFRESH_S), context).await?)?;
        let pause = Duration::from_secs(REFRESH_S).max(began.elapsed() * PAUSES_PER_READ);
        if wait(&ids, pause, &*stop, context).await? {
            return write(target, args, context).await;
        }
    }
}

/// Waits for the end of the pause or of the runs. Returns true after a stop signal.
async fn wait(
    runs: &HashSet<RunId>,
    pause: Duration,
    stop: &dyn StopSignal,
    context: &Context,
) -> Result<bool, CliError> {
    let began = Instant::now();
    while began.elapsed() < pause {
        if timeout(CHECK_INTERVAL, stop.raised_above(StopLevel::Running)).await.is_ok() {
            return Ok(true);
        }
        if runs.is_disjoint(&context.live_runs().await?) {
            return Ok(false);
        }
    }
    Ok(false)
}

async fn document(report: &Report, refresh_s: Option<u64>, context: &Context) -> Result<String, CliError> {
    let (now, zone) = (context.now(), Zone::current());
    let night = Night::new(&report.summary.runs, &report.live, now);
    let ids = report.summary.runs.iter().map(|run| run.id.clone()).collect();
    let night = night_of(night, ids, context).await?;
    let page = Page {
        report,
        night: &night,
        project: context.project.root(),
        command: command(report),
        now,
        zone: &zone,
        refresh_s,
    };
    Ok(page.document())
}

async fn night_of(night: Night, runs: Vec<RunId>, context: &Context) -> Result<Night, CliError> {
    let shared = Arc::new(Mutex::new(night));
    let visited = shared.clone();
    let add = move |attempt, ended_at| {
        visited.lock().unwrap_or_else(PoisonError::into_inner).add(&attempt, ended_at);
    };
    let read = context.wiring.history().visit_attempts(runs, Box::new(add)).await;
    read.map_err(|error| CliError::io(format!("cannot read {}", Shown(Path::new(&error.place))), &error.source))?;
    let night = Arc::into_inner(shared).ok_or_else(|| CliError::internal("the history keeps its visitor"))?;
    Ok(night.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn command(report: &Report) -> Option<String> {
    let word = |word: &OsString| quoted_template(&word.to_string_lossy());
    let words: Vec<_> = report.command.as_ref()?.iter().take(MAX_COMMAND_WORDS).map(word).collect();
    Some(format!("autoproc {}", words.join(" ")))
}
