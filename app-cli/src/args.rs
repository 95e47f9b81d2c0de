//! The command-line arguments, as clap parses them. `request` validates them.

mod execution;
mod limits;
mod output;
mod queue;
mod run;
mod workflow;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{Styles, styling::AnsiColor};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use execution::{ProgressArgs, WorkflowChoiceArgs, WorkflowOptions, WorkflowRunArgs};
pub(crate) use limits::LimitArgs;
pub(crate) use output::OutputArgs;
pub(crate) use queue::{AddArgs, ChoiceWord, PathListArgs, QueueCommand, RecoverArgs};
pub(crate) use run::RunArgs;
pub(crate) use workflow::{WorkflowCommand, WorkflowFolderArgs};

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
    #[arg(long, global = true, value_name = "FOLDER", help = PROJECT_DIR_HELP, help_heading = GLOBAL)]
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

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set; also where `CLICOLOR_FORCE` is
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add, list and change what waits
    #[command(
        subcommand,
        after_help = "Examples:
  autoproc queue add report.pdf 5
  autoproc queue list --status failed"
    )]
    Queue(QueueCommand),
    /// Process the queue: run a command on each file
    Run(Box<RunArgs>),
    /// List, show, check and execute workflows
    #[command(
        subcommand,
        after_help = "Examples:
  autoproc workflow list
  autoproc workflow show wf-ingest
  autoproc workflow check my-workflow.yaml
  autoproc workflow progress"
    )]
    Workflow(WorkflowCommand),
    /// Ask every live run to stop after its current files
    Stop(StopArgs),
    /// Show what runs, what waits and why
    #[command(after_help = "Examples:
  autoproc status
  autoproc status --json")]
    Status,
    /// Give files that failed or timed out another round of attempts
    RetryFailed(RetryFailedArgs),
    /// Show what a file's latest attempt printed
    Log(LogArgs),
    /// Look for whatever could be wrong, and say what to do about it
    Doctor(DoctorArgs),
    /// Add files one after the other and say so, until killed
    #[command(hide = true)]
    TortureWriter(TortureWriterArgs),
    /// Print a script that completes commands in a shell
    Completions(CompletionsArgs),
    /// Print the manual page of autoproc, or of one of its commands
    Man(ManArgs),
}

/// `stop`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc stop          finish the current files, start no others
  autoproc stop --now    end the current attempts too; their files wait for the next run
  autoproc stop --wait   and come back when every run has ended

Exit status:
  0   the request is made; with --wait, every run has ended
  75  with --wait: the time is over, and a run has not ended")]
pub(crate) struct StopArgs {
    /// End the current attempts instead of waiting for them; they are not counted
    #[arg(long)]
    pub(crate) now: bool,
    /// Wait until every run that is live now has ended
    #[arg(long)]
    pub(crate) wait: bool,
    /// Wait no longer than this [default: for as long as it takes]
    #[arg(long, value_name = "TIME", requires = "wait", value_parser = autoproc_time_text::parse)]
    pub(crate) timeout: Option<Duration>,
}

/// `retry-failed`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc retry-failed               every file that failed or timed out
  autoproc retry-failed report.pdf")]
pub(crate) struct RetryFailedArgs {
    /// Only these files
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

/// `log`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc log report.pdf
  autoproc log 17 --attempt 1
  autoproc log 17 --round 1     the latest attempt before the file was added again
  autoproc log -f report.pdf    follow it while it runs
  autoproc log report.pdf > report.log")]
pub(crate) struct LogArgs {
    /// A file, or the number `queue list` shows for it
    #[arg(value_name = "FILE|ID")]
    pub(crate) item: OsString,
    /// Go on showing what is printed until the attempt is over; wait for the next one if the file is
    /// pending
    #[arg(short, long, conflicts_with = "json")]
    pub(crate) follow: bool,
    /// The round with this number instead of the current one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) round: Option<u32>,
    /// The attempt with this number in the round instead of the latest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) attempt: Option<u32>,
    /// Print control characters, colours among them, to a terminal as they are; files and pipes
    /// always get them
    #[arg(long, conflicts_with = "json")]
    pub(crate) raw: bool,
}

/// `doctor`
#[derive(Debug, Args)]
#[command(after_help = "Exit status:
  0       all well; there may be warnings
  65      the queue is damaged
  73, 74  it cannot be written, or its disk cannot be relied upon
  75      the disk is full
  78      a newer version wrote it

Examples:
  autoproc doctor
  autoproc doctor --torture --seconds 30")]
pub(crate) struct DoctorArgs {
    /// Crash test: kill writers of a temporary queue next to yours, and check that no acknowledged
    /// change is lost
    #[arg(long)]
    pub(crate) torture: bool,
    /// How long to do so
    #[arg(long, value_name = "N", default_value = "5", requires = "torture", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,
}

/// `torture-writer`
#[derive(Debug, Args)]
pub(crate) struct TortureWriterArgs {
    /// Folder the files seem to be in
    pub(crate) prefix: PathBuf,
    /// Add each as a command of its own would
    #[arg(long)]
    pub(crate) afresh: bool,
}

/// `completions`
#[derive(Debug, Args)]
#[command(after_help = "Example:
  autoproc completions bash > ~/.local/share/bash-completion/completions/autoproc")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// `man`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc man | man -l -
  autoproc man queue add > autoproc-queue-add.1")]
pub(crate) struct ManArgs {
    /// The command, word by word
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}
