//! `man`: generates manual pages.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueHint};
use clap_mangen::Man;

use crate::console::Console;
use crate::error::CliError;
use crate::escape::{Printable, Shown};
use crate::exit_code::ExitCode;

const COMMANDS: &str = "`autoproc --help` lists the commands";

/// The arguments of `man`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc man | man -l -
  autoproc man queue add > autoproc-queue-add.1
  autoproc man --dir ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The command, word by word
    #[arg(value_name = "COMMAND", value_parser = NonEmptyStringValueParser::new())]
    command: Vec<String>,
    /// Write the pages of all commands to this folder; it is created if it is missing
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "command")]
    dir: Option<PathBuf>,
}

pub(crate) fn man(args: &ManArgs, root: clap::Command, console: &Console) -> Result<ExitCode, CliError> {
    let mut root = root.disable_help_subcommand(true);
    root.build();
    if let Some(dir) = &args.dir {
        let count = write_all(&root, dir).map_err(|error| {
            let hint = "check its permissions, or choose another folder with --dir";
            CliError::cannot_write(dir, &error).with_hint_unless_full(hint, &error)
        })?;
        console.print(|out| writeln!(out, "{count} manual pages written to {}", Shown(dir)))?;
        return Ok(ExitCode::Success);
    }
    let mut command = &root;
    for word in &args.command {
        command = command
            .find_subcommand(word)
            .ok_or_else(|| CliError::usage(format!("there is no command {}", Printable(word))).with_hint(COMMANDS))?;
    }
    console.print(|out| page(command).render(out))?;
    Ok(ExitCode::Success)
}

fn write_all(root: &clap::Command, dir: &Path) -> io::Result<usize> {
    fs::create_dir_all(dir)?;
    let (mut count, mut left) = (0, vec![root]);
    while let Some(command) = left.pop() {
        page(command).generate_to(dir)?;
        count += 1;
        left.extend(command.get_subcommands().filter(|below| !below.is_hide_set()));
    }
    Ok(count)
}

fn page(command: &clap::Command) -> Man {
    // clap_mangen omits options that the short help hides, so none may be hidden there.
    let whole = command.clone().mut_args(|arg| arg.hide_short_help(false));
    Man::new(whole.override_usage(synopsis(command)))
}

fn synopsis(command: &clap::Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let options = command.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set());
    // The usage already contains the required options.
    let options: Vec<_> = options.filter(|arg| !arg.is_required_set()).map(option).collect();
    usage.trim_start_matches("Usage: ").replacen("[OPTIONS]", &options.join(" "), 1)
}

fn option(arg: &clap::Arg) -> String {
    match (arg.get_short(), arg.get_long()) {
        (Some(short), Some(_)) => format!("[-{short}|{arg}]"),
        _ => format!("[{arg}]"),
    }
}
