//! `completions` and `man`: generated from the definition of the command line.

use clap::CommandFactory;

use crate::args::{Cli, CompletionsArgs, ManArgs};
use crate::console::Console;
use crate::error::CliError;
use crate::escape::Printable;
use crate::exit_code::ExitCode;

pub(crate) fn completions(args: &CompletionsArgs, console: &Console) -> Result<ExitCode, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut without_hidden(&Cli::command()), "autoproc", &mut script);
    console.print(|out| out.write_all(&script))?;
    Ok(ExitCode::Success)
}

/// The program without its hidden commands, which completions would offer otherwise.
fn without_hidden(whole: &clap::Command) -> clap::Command {
    let shown = whole.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    clap::Command::new("autoproc")
        .version(env!("CARGO_PKG_VERSION"))
        .args(whole.get_arguments().cloned())
        .subcommands(shown)
}

pub(crate) fn manual(args: &ManArgs, console: &Console) -> Result<ExitCode, CliError> {
    let mut root = Cli::command();
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
