//! The command `completions`: prints a completion script for a shell.

use std::ffi::OsStr;
use std::io::Write as _;

use clap::{Args, ValueEnum as _};

use crate::completion;
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code::ExitCode;

/// The arguments of `completions`.
#[derive(Debug, Args)]
#[command(
    after_help = "In bash, zsh and fish, the script asks autoproc at each Tab, so it stays valid when autoproc is upgraded.
For zsh, add the folder before compinit in ~/.zshrc: fpath+=~/.zfunc

Examples:
  autoproc completions bash > ~/.local/share/bash-completion/completions/autoproc
  autoproc completions zsh > ~/.zfunc/_autoproc
  autoproc completions fish > ~/.config/fish/completions/autoproc.fish"
)]
pub(crate) struct CompletionsArgs {
    /// The shell for which the script is printed
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

pub(crate) fn completions(
    args: &CompletionsArgs,
    root: &clap::Command,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let name = args.shell.to_possible_value();
    let asking = name.and_then(|name| completion::script(OsStr::new(name.get_name())));
    let script = asking.map_or_else(|| fixed(args.shell, root), |script| script.as_bytes().to_vec());
    console.print(|out| out.write_all(&script))?;
    Ok(ExitCode::Success)
}

/// Returns a script with a fixed list, for shells that cannot ask autoproc.
fn fixed(shell: clap_complete::Shell, root: &clap::Command) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut without_hidden(root), "autoproc", &mut script);
    script
}

/// Removes the hidden commands, because completions would offer them.
fn without_hidden(whole: &clap::Command) -> clap::Command {
    let shown = whole.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    clap::Command::new("autoproc")
        .version(env!("CARGO_PKG_VERSION"))
        .args(whole.get_arguments().cloned())
        .subcommands(shown)
}
