//! Records the command line of a run, so that `autoproc resume` can start the run again.

use std::env;

use autoproc_domain::RunId;
use autoproc_subprocess::RUN_VARIABLE;
use autoproc_system::RunCommand;

use crate::context::Context;
use crate::error::CliError;

/// Records the command line of this process. Returns true if `resume` can start the run again. If it
/// cannot be recorded, prints a warning: the run does not need the record. A command of a live run
/// may start further runs of the same queue; these are not recorded, because the outer run starts
/// them again.
///
/// # Errors
/// [`CliError`] if the live runs cannot be read.
pub(super) async fn record(is_read_once: bool, context: &Context) -> Result<bool, CliError> {
    // Without a current folder, relative words would have no meaning later.
    if context.cwd.as_os_str().is_empty() || is_nested(context).await? {
        return Ok(false);
    }
    let words = env::args_os().skip(1).collect();
    let command = RunCommand { words, current_dir: context.cwd.clone(), is_read_once };
    let recorded = context.wiring.record_run_command(&command);
    if let Err(error) = &recorded {
        context.console.warn(format_args!("`autoproc resume` cannot start this run again: {error}"));
    }
    Ok(recorded.is_ok())
}

/// True if a live run of the same queue has started this process.
async fn is_nested(context: &Context) -> Result<bool, CliError> {
    let outer = env::var(RUN_VARIABLE).ok().map(RunId::new);
    Ok(match outer {
        Some(outer) => context.live_runs().await?.contains(&outer),
        None => false,
    })
}
