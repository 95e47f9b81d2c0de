//! The command line: the options of every command, and the command.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{Styles, styling::AnsiColor};
use clap::{Args, Parser, ValueHint};

use crate::commands::Command;
use crate::console::ColorWhen;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// The heading of the options that every command has.
const GLOBAL: &str = "Global options";

const PROJECT_DIR_HELP: &str = "Folder the queue belongs to [default: AUTOPROC_PROJECT_DIR, else CLAUDE_PROJECT_DIR, \
    else the nearest folder upwards with .claude/mission-control, else the current one]";

/// Process files unattended: put them on a durable queue, and run a command on each.
///
/// A run takes the files in order of priority (higher first, then first in, first out), ends
/// attempts that take too long, tries failed ones again after a while, and survives crashes. See
/// `autoproc run --help`.
#[derive(Debug, Parser)]
#[command(
    name = "autoproc",
    version,
    styles = STYLES,
    after_help = "Examples:
  autoproc queue add report.pdf 5
  autoproc run -- pdftotext {} {.}.txt
  autoproc status"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct GlobalArgs {
    /// Folder the queue belongs to
    #[arg(long, global = true, value_name = "FOLDER", value_hint = ValueHint::DirPath, help = PROJECT_DIR_HELP, help_heading = GLOBAL)]
    pub(crate) project_dir: Option<PathBuf>,
    /// How long to wait while another process writes to the queue
    #[arg(
        long,
        global = true,
        value_name = "TIME",
        default_value = "10",
        value_parser = autoproc_time_text::parse,
        help_heading = GLOBAL
    )]
    pub(crate) lock_timeout: Duration,
    /// Allow writing to a queue on a network file system [env:
    /// `AUTOPROC_ALLOW_NETWORK_FS=1`]
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) allow_network_fs: bool,
    /// Print data as JSON
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,
    /// When to use colour; auto obeys `NO_COLOR` and `CLICOLOR_FORCE`
    #[arg(
        long,
        global = true,
        value_name = "auto|always|never",
        hide_possible_values = true,
        default_value = "auto",
        help_heading = GLOBAL
    )]
    pub(crate) color: ColorWhen,
}
