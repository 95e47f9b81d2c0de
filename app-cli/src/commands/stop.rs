//! `stop`: writes the stop request, and waits for live runs to end if asked to.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use autoproc_domain::RunId;
use autoproc_domain::ports::{LiveRun, StopLevel};
use tokio::time::sleep;

use crate::args::StopArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::escape::printable;
use crate::render::span;
use crate::view::Stopping;

/// Polling interval for the end of runs.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Writes the request before it lists the live runs: a run that begins in between clears the
/// request, and must not be reported as stopping.
pub(super) async fn stop(args: &StopArgs, context: &Context) -> Result<(), CliError> {
    let stop_file = context.project.stop_file();
    context.wiring.request_stop(args.now).map_err(|error| CliError::cannot_write(&stop_file, &error))?;
    let live_runs = context.runs().live().await?;
    let level = if args.now { StopLevel::Aborting } else { StopLevel::Draining };
    let asked: BTreeSet<_> = live_runs.iter().map(|run| run.info.id.clone()).collect();
    context.show(&Stopping { level, stop_file, live_runs })?;
    if args.wait { wait(&asked, args.timeout, context).await } else { Ok(()) }
}

/// Waits until these runs have ended; ignores runs that begin meanwhile.
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
    CliError::try_again(format!("after {} still live: {}", span(waited), owners(left)))
        .with_hint("wait longer, or end its current attempts with: autoproc stop --now --wait")
}

fn owners(runs: &[LiveRun]) -> String {
    runs.iter().map(|run| printable(&run.info.location)).collect::<Vec<_>>().join(", ")
}
