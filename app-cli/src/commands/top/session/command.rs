//! Executes commands of autoproc inside `autoproc top`.

use std::ffi::OsString;

use clap::{FromArgMatches as _, Subcommand as _};

use crate::commands::{Command, carry_out};
use crate::context::Context;
use crate::error::CliError;
use crate::escape::Printable;
use crate::exit_code::ExitCode;

/// Executes a command line. The words exclude the program name and the global options.
pub(super) async fn command(words: Vec<OsString>, context: &Context) -> Result<ExitCode, CliError> {
    let parser = Command::augment_subcommands(clap::Command::new("autoproc").no_binary_name(true));
    let parsed = parser.try_get_matches_from(words).and_then(|matches| Command::from_arg_matches(&matches));
    let command = parsed.map_err(|error| CliError::internal(error.to_string()))?;
    Box::pin(carry_out(command, context)).await
}

pub(super) fn in_words(error: &CliError) -> String {
    let hint = error.hint().map_or_else(String::new, |hint| format!(" ({hint})"));
    Printable(&format!("error: {}{hint}", error.message())).to_string()
}
