//! Defines the command line: the global options and the commands.

mod hints;

use std::env;
use std::ffi::OsString;

use clap::builder::{Styles, styling::AnsiColor};
use clap::{ColorChoice, CommandFactory, FromArgMatches, Parser};

use crate::commands::Command;
use crate::global_args::GlobalArgs;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Process files unattended: put them on a durable queue, and run a command on each.
///
/// A run processes the files in order of priority (higher first, then first in, first out), ends
/// attempts that exceed their timeout, retries failed ones with backoff, and survives crashes. See
/// `autoproc run --help`.
#[derive(Debug, Parser)]
#[command(
    name = "autoproc",
    version,
    styles = STYLES,
    after_help = "Examples:
  autoproc queue add report.pdf 5
  autoproc run -- pdftotext {} text/{/.}.txt"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Parses the command line. Ends the process after printing help or an error.
    pub(crate) fn of_command_line() -> Self {
        let words: Vec<_> = env::args_os().collect();
        let mut command = Self::command().color(color(&words));
        let matches = command.try_get_matches_from_mut(&words);
        let parsed = matches.and_then(|matches| Self::from_arg_matches(&matches));
        parsed.unwrap_or_else(|error| hints::improved(error, &words, &mut command).format(&mut command).exit())
    }
}

/// Reads `--color` before clap does. Clap prints help and usage errors before it has parsed the
/// option.
fn color(words: &[OsString]) -> ColorChoice {
    let options = words.iter().take_while(|word| *word != "--").filter_map(|word| word.to_str());
    let mut choice = ColorChoice::Auto;
    let mut is_value = false;
    for word in options {
        let value = if is_value { Some(word) } else { word.strip_prefix("--color=") };
        choice = match value {
            Some("always") => ColorChoice::Always,
            Some("never") => ColorChoice::Never,
            _ => choice,
        };
        is_value = word == "--color";
    }
    choice
}
