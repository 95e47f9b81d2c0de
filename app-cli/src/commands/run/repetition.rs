//! Records the command line of a run, so that `autoproc resume` can start the run again.

use std::env;

use autoproc_system::RunCommand;

use crate::context::Context;

/// Records the command line of this process. If it cannot be recorded, prints a warning: the run
/// does not need the record.
pub(super) fn record(reads_stdin: bool, context: &Context) {
    // Without a current folder, relative words would have no meaning later.
    if context.cwd.as_os_str().is_empty() {
        return;
    }
    let words = env::args_os().skip(1).collect();
    let command = RunCommand { words, current_dir: context.cwd.clone(), reads_stdin };
    if let Err(error) = context.wiring.record_run_command(&command) {
        context.console.warn(format_args!("`autoproc resume` cannot start this run again: {error}"));
    }
}
