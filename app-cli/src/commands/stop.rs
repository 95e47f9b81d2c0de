//! `stop`: the request is written where live runs look for it, and their ends can be waited for.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use autoproc_domain::RunId;
use autoproc_domain::ports::{LiveRun, StopLevel};
use tokio::time::sleep;

use crate::args::StopArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::render::span;
use crate::view::Stopping;

/// How often it is looked whether a run has ended.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The request comes first and the look at who is live second: a run that begins in between discards the request, and
/// would be told of wrongly the other way round.
pub(super) async fn stop(args: &StopArgs, context: &Context) -> Result<(), CliError> {
    let stop_file = context.project.stop_file();
    context.wiring.request_stop(args.now).map_err(|error| CliError::cannot_write(&stop_file, &error))?;
    let live_runs = context.runs().live().await?;
    let level = if args.now { StopLevel::Aborting } else { StopLevel::Draining };
    let asked: BTreeSet<_> = live_runs.iter().map(|run| run.info.id.clone()).collect();
    context.show(&Stopping { level, stop_file, live_runs })?;
    if args.wait { wait(&asked, args.timeout, context).await } else { Ok(()) }
}

/// Waits until these runs have ended. One that begins meanwhile is none of them.
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
        sleep(LOOK_EVERY).await;
    }
}

fn still_live(left: &[LiveRun], waited: Duration) -> CliError {
    CliError::try_again(format!("after {} still live: {}", span(waited), owners(left)))
        .with_hint("wait longer, or end its current attempts with: autoproc stop --now --wait")
}

fn owners(runs: &[LiveRun]) -> String {
    runs.iter().map(|run| run.info.location.to_string()).collect::<Vec<_>>().join(", ")
}
