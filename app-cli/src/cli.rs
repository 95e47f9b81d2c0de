//! The command line: the global options, and the command.

mod hints;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{Styles, styling::AnsiColor};
use clap::{Args, ColorChoice, CommandFactory, FromArgMatches, Parser, ValueHint};

use crate::commands::Command;
use crate::console::ColorWhen;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// The heading of the global options in a command's help.
const GLOBAL: &str = "Global options";

const PROJECT_DIR_HELP: &str = "Folder of the queue [default: AUTOPROC_PROJECT_DIR, or CLAUDE_PROJECT_DIR, or the nearest folder upwards with .claude/mission-control, or the current folder]";

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
  autoproc run -- pdftotext {} text/{/.}.txt
  autoproc status"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The options of every command.
#[derive(Debug, Args)]
pub(crate) struct GlobalArgs {
    /// Folder of the queue [default: the nearest folder upwards with a queue]
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        value_hint = ValueHint::DirPath,
        long_help = PROJECT_DIR_HELP,
        help_heading = GLOBAL
    )]
    pub(crate) project_dir: Option<PathBuf>,
    /// Longest time to wait while another process writes to the queue
    #[arg(
        long,
        global = true,
        value_name = "TIME",
        allow_negative_numbers = true,
        default_value = "10",
        value_parser = autoproc_time_text::parse,
        hide_short_help = true,
        help_heading = GLOBAL
    )]
    pub(crate) lock_timeout: Duration,
    /// Allow writing to a queue on a network file system [env:
    /// `AUTOPROC_ALLOW_NETWORK_FS=1`]
    #[arg(long, global = true, hide_short_help = true, help_heading = GLOBAL)]
    pub(crate) allow_network_fs: bool,
    /// Print data as JSON
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,
    /// Use of colour; `auto` follows `NO_COLOR` and `CLICOLOR_FORCE`
    #[arg(
        long,
        global = true,
        value_name = "auto|always|never",
        hide_possible_values = true,
        default_value = "auto",
        hide_short_help = true,
        help_heading = GLOBAL
    )]
    pub(crate) color: ColorWhen,
}

impl Cli {
    /// Parses the command line of this process. If the command line is invalid or asks for help,
    /// prints the error or the help, and ends the process.
    pub(crate) fn of_command_line() -> Self {
        let words: Vec<_> = env::args_os().collect();
        let mut command = Self::command().color(color(&words));
        let matches = command.try_get_matches_from_mut(&words);
        let parsed = matches.and_then(|matches| Self::from_arg_matches(&matches));
        parsed.unwrap_or_else(|error| hints::improved(error, &words).format(&mut command).exit())
    }
}

/// Returns the use of colour for help and usage errors, which clap prints before it has parsed
/// `--color`.
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
