//! `man`: a manual page, generated from the definition of the command line.

use clap::Args;

use crate::console::Console;
use crate::error::CliError;
use crate::escape::Printable;
use crate::exit_code::ExitCode;

/// `man`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc man | man -l -
  autoproc man queue add > autoproc-queue-add.1")]
pub(crate) struct ManArgs {
    /// The command, word by word
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
}

pub(crate) fn man(args: &ManArgs, mut root: clap::Command, console: &Console) -> Result<ExitCode, CliError> {
    root.build();
    let mut command = &root;
    for word in &args.command {
        command = command
            .find_subcommand(word)
            .ok_or_else(|| CliError::usage(format!("there is no command {}", Printable(word))))?;
    }
    let page = clap_mangen::Man::new(command.clone());
    console.print(|out| page.render(out))?;
    Ok(ExitCode::Success)
}
