//! Converts the errors of adapters to errors of commands.

use std::io;

use autoproc_subprocess::process_table::UnusableTable;
use autoproc_workflow::FindError;
use autoproc_workflow::execution::ExecutionError;
use autoproc_workflow::runners::RunnersError;

use crate::error::{CliError, in_one_line};
use crate::exit_code::ExitCode;

fn table_error(error: UnusableTable) -> CliError {
    CliError::new(ExitCode::Io, error.to_string())
        .with_hint("mount it in this namespace with `mount -t proc proc /proc`, as `unshare --mount-proc` does")
}

/// Checks that processes can be supervised.
///
/// # Errors
/// [`CliError`] if `/proc` is missing or belongs to another pid namespace.
pub(crate) fn check_process_table() -> Result<(), CliError> {
    autoproc_subprocess::process_table::check().map_err(table_error)
}

pub(crate) fn execution_error(error: &ExecutionError) -> CliError {
    let code = match error {
        ExecutionError::Damaged { .. } => ExitCode::Damaged,
        ExecutionError::Newer { .. } => ExitCode::Config,
        _ => ExitCode::Io,
    };
    CliError::new(code, in_one_line(error))
}

pub(crate) fn runners_error(error: &RunnersError) -> CliError {
    match error {
        RunnersError::Invalid { .. } => CliError::config(in_one_line(error)),
        _ => CliError::new(ExitCode::Io, in_one_line(error)),
    }
}

pub(crate) fn find_error(error: &FindError) -> CliError {
    match error {
        FindError::NotFound { .. } => CliError::usage(in_one_line(error))
            .with_hint("`autoproc workflow list` lists all workflows; to name a file, include a `/` or `.yaml`"),
        FindError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            CliError::usage(in_one_line(error)).with_hint("`autoproc workflow list` lists all workflows")
        }
        FindError::Runners(error) => runners_error(error),
        _ => CliError::new(ExitCode::Io, in_one_line(error)),
    }
}
