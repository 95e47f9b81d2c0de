//! `completions`: a script for a shell, generated from the definition of the command line.

use std::io::Write as _;

use clap::Args;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code::ExitCode;

/// `completions`
#[derive(Debug, Args)]
#[command(after_help = "Example:
  autoproc completions bash > ~/.local/share/bash-completion/completions/autoproc")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

pub(crate) fn completions(
    args: &CompletionsArgs,
    root: &clap::Command,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut without_hidden(root), "autoproc", &mut script);
    console.print(|out| out.write_all(&script))?;
    Ok(ExitCode::Success)
}

/// Returns the command line without its hidden commands, which completions would otherwise offer.
fn without_hidden(whole: &clap::Command) -> clap::Command {
    let shown = whole.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    clap::Command::new("autoproc")
        .version(env!("CARGO_PKG_VERSION"))
        .args(whole.get_arguments().cloned())
        .subcommands(shown)
}
