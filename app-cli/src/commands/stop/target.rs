//! Selects the runs that a stop request addresses.

use std::collections::BTreeSet;

use autoproc_domain::RunId;

use super::StopArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::escape::Printable;
use crate::wiring::StopTarget;

/// Returns the runs that the arguments select.
///
/// # Errors
/// [`CliError`] if no live run matches, if a name is ambiguous, or if a host or run is named for a
/// queue in a folder.
pub(super) async fn of(args: &StopArgs, context: &Context) -> Result<StopTarget, CliError> {
    match (&args.host, &args.run) {
        (None, None) => Ok(StopTarget::AllRuns),
        _ if context.wiring.server().is_none() => Err(in_folder()),
        (Some(host), _) => on_host(host, context).await,
        (None, Some(name)) => named(name, context).await.map(StopTarget::Run),
    }
}

fn in_folder() -> CliError {
    CliError::usage("--host and --run are for a queue in a database; this queue is in a folder")
        .with_hint("`autoproc stop` stops every run of this queue")
}

async fn on_host(host: &str, context: &Context) -> Result<StopTarget, CliError> {
    let live = context.runs().live().await?;
    let hosts: BTreeSet<&str> = live.iter().map(|run| &*run.info.location.host).collect();
    if hosts.contains(host) {
        return Ok(StopTarget::Host(host.into()));
    }
    let error = CliError::usage(format!("no live run is on the host {}", Printable(host)));
    let hosts = hosts.into_iter().map(|host| Printable(host).to_string()).collect::<Vec<_>>().join(", ");
    Err(error.with_hint(if hosts.is_empty() {
        "no run is live".to_owned()
    } else {
        format!("live runs are on: {hosts}")
    }))
}

/// Returns the live run with this name, or the only one whose name begins with it.
async fn named(name: &str, context: &Context) -> Result<RunId, CliError> {
    let live = context.runs().live().await?.into_iter().map(|run| run.info.id);
    let mut matching: Vec<_> = live.filter(|id| id.as_str().starts_with(name)).collect();
    let exact = matching.iter().position(|id| id.as_str() == name);
    let shown = Printable(name);
    match (exact, matching.pop(), matching.is_empty()) {
        (Some(_), _, _) => Ok(RunId::new(name)),
        (None, Some(run), true) => Ok(run),
        (None, None, _) => {
            Err(CliError::usage(format!("no live run is named {shown}")).with_hint("`autoproc status` lists them"))
        }
        (None, Some(_), false) => Err(CliError::usage(format!("the names of several live runs begin with {shown}"))
            .with_hint("`autoproc status --json` has the complete names")),
    }
}
