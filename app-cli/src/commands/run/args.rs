//! The arguments of `run`.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use autoproc_domain::Priority;
use clap::{ArgAction, Args, ValueHint};

use super::backoff_rules::BackoffOn;
use super::hooks::HookArgs;
use super::limits::LimitArgs;
use super::output::OutputArgs;
use super::progress::Verbosity;
use super::time_limit::{self, TimeLimit};
use crate::commands::workflow::choice::WorkflowChoiceArgs;
use crate::paths::PathListArgs;
use crate::{number, priority};

/// The maximum number of jobs. Each job takes a few of the usual 1,024 file descriptors.
const MAX_JOBS: NonZeroUsize = NonZeroUsize::new(256).expect("it is not 0");

/// The arguments of `run`.
#[derive(Debug, Args)]
#[command(
    override_usage = "autoproc run [OPTIONS] [FILES]... -- COMMAND...
       autoproc run [OPTIONS] [FILES]... --shell STRING
       autoproc run [OPTIONS] [FILES]... [--workflow ID]",
    after_help = "In COMMAND, {} is the file; without {} the file is the last argument. See --help for all options.

Examples:
  autoproc run inbox --include '*.pdf' -- pdftotext {} text/{/.}.txt
  autoproc run inbox -j 4 --timeout 5m -- ./convert.sh",
    after_long_help = "In COMMAND, {} is the file, {/} its name, {.} the file without extension, {//} its folder,
{/.} its name without extension, {rel} its path below the folder that it was added from.
If none of them is used, the file is the last argument. {#} is the number of the file in
the queue, {%} the slot in which it is processed, from 1 to --jobs.
Exit status 0 of COMMAND is success; 126 and 127 fail at once, but hold the run if COMMAND
worked before (--program-wait); any other failure is retried.
TIME is a number of seconds, or has units: 500ms, 5m, 1h30m, 7d.
SIZE is a number of bytes, or has units: 64K, 256MB (powers of 1000), 64KiB, 1.5GiB (powers of 1024).

Ctrl-C finishes the current files; a second one ends them; a third one kills them.

Exit status:
  0              every file of the run is completed
  2, 66          wrong usage; a file or folder does not exist; nothing was changed
  65, 73, 74     the queue is damaged, cannot be written, cannot be read
  75             some files of the run still wait, or a temporary error: try again later
  78             the queue was written by a newer version, or the workflow is invalid
  100            some files failed
  129, 130, 143  stopped by SIGHUP, SIGINT (Ctrl-C), SIGTERM

Examples:
  autoproc run inbox --include '*.pdf' -- pdftotext {} text/{/.}.txt
  autoproc run inbox -j 4 --timeout 5m -- ./convert.sh
  autoproc run --workflow wf-ingest --input source_code=AB
  autoproc run inbox --stdout-to 'sums/{rel}.sha256' -- sha256sum {}
  autoproc run --shell 'gzip -c {} > /backup/{/}.gz'"
)]
#[expect(clippy::struct_excessive_bools, reason = "a flag is a bool, and there are several")]
pub(crate) struct RunArgs {
    /// Files or folders to process, and no others; `-` reads a list from standard input
    #[arg(value_name = "FILES", value_hint = ValueHint::AnyPath)]
    pub(super) files: Vec<OsString>,
    /// The command for each file
    #[arg(value_name = "COMMAND", last = true, conflicts_with = "shell")]
    pub(super) command: Vec<OsString>,
    /// A command line for `sh -c` in place of COMMAND
    #[arg(long, value_name = "STRING")]
    pub(super) shell: Option<OsString>,
    /// Time limit of one attempt; `auto` uses the forecast
    ///
    /// `auto` is 4 times the longest time expected for the file, at least 30s and at most 1h, and
    /// 1h without a forecast; `auto:TIME` is the same with another maximum.
    #[arg(long, value_name = "TIME|auto", allow_negative_numbers = true, default_value = "300", value_parser = time_limit::parse)]
    pub(super) timeout: TimeLimit,
    /// Number of concurrent files; `auto` or 0 for one per processor core
    #[arg(short, long, value_name = "N|auto", default_value = "1", allow_negative_numbers = true, value_parser = jobs)]
    pub(super) jobs: NonZeroUsize,
    /// Number of retries after the first attempt
    #[arg(short, long, value_name = "N", default_value = "3", allow_negative_numbers = true)]
    #[arg(value_parser = number::within::<u32>(number::COUNT))]
    pub(super) retries: u32,
    /// Wait before the first retry; doubled for each further retry
    #[arg(long, hide_short_help = true, value_name = "TIME", allow_negative_numbers = true, default_value = "2", value_parser = autoproc_time_text::parse)]
    pub(super) backoff_base: Duration,
    /// Longest wait before a retry [default: 1h]. An explicit value also limits the waits of
    /// --backoff-on
    #[arg(long, hide_short_help = true, value_name = "TIME", allow_negative_numbers = true, value_parser = autoproc_time_text::parse)]
    pub(super) max_backoff: Option<Duration>,
    /// Waits before retries after errors that match PATTERN, a regular expression; may be repeated.
    /// Errors of overloaded servers wait 30s..10m by default, and at least as long as
    /// --backoff-base requires; `none` disables that
    #[arg(long, hide_short_help = true, value_name = "PATTERN=TIME..TIME")]
    pub(super) backoff_on: Vec<BackoffOn>,
    /// Do not retry attempts that timed out
    #[arg(long, hide_short_help = true)]
    pub(super) no_retry_timeouts: bool,
    /// Do not retry attempts that exit with this status; may be repeated
    #[arg(long, hide_short_help = true, value_name = "CODE", value_delimiter = ',', value_parser = number::within::<u8>(1..=255))]
    pub(super) no_retry_exit: Vec<u8>,
    /// Exit statuses of COMMAND that count as success, in addition to 0; may be repeated
    #[arg(
        long,
        hide_short_help = true,
        value_name = "CODE",
        value_delimiter = ',',
        value_parser = number::within::<u8>(1..=255)
    )]
    pub(super) ok_exit: Vec<u8>,
    /// Time between asking an attempt to end and killing it
    #[arg(long, hide_short_help = true, value_name = "TIME", allow_negative_numbers = true, default_value = "10", value_parser = autoproc_time_text::parse)]
    pub(super) grace: Duration,
    /// Time for the current files to finish after SIGTERM or SIGHUP
    #[arg(long, hide_short_help = true, value_name = "TIME", allow_negative_numbers = true, default_value = "80", value_parser = autoproc_time_text::parse)]
    pub(super) stop_timeout: Duration,
    /// Do not wait for retries: end once every remaining file is in backoff
    #[arg(long, hide_short_help = true)]
    pub(super) no_wait: bool,
    /// Priority of FILES: higher ones are processed first [default: 0]
    #[arg(short, long, hide_short_help = true, value_name = "N", allow_negative_numbers = true, value_parser = priority::parse)]
    pub(super) priority: Option<Priority>,
    /// Also process the other waiting files, not only FILES
    #[arg(long)]
    pub(super) all: bool,
    /// Process FILES again, even if they are completed and have not changed
    #[arg(long, hide_short_help = true)]
    pub(super) again: bool,
    /// COMMAND edits the files themselves: a file that it has edited counts as completed, not as
    /// changed
    #[arg(long, hide_short_help = true)]
    pub(super) in_place: bool,
    /// Print the output of each attempt when it ends: its standard output to standard output, its
    /// standard error to standard error
    #[arg(long, conflicts_with = "json")]
    pub(super) show_output: bool,
    /// Print a line for each attempt that ends, also on a terminal
    #[arg(short, long, conflicts_with = "quiet")]
    pub(super) verbose: bool,
    /// Print only failures, warnings and the output that was requested; `-qq` hides failures too
    #[arg(short, long, action = ArgAction::Count)]
    pub(super) quiet: u8,
    /// Ignored: each change is a checkpoint. The Python program has this option
    #[arg(long, hide = true, value_name = "N", allow_negative_numbers = true, value_parser = number::within::<u32>(number::ORDINAL))]
    pub(super) checkpoint: Option<u32>,
    /// Print the command or the steps for the first file, and execute nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) workflow: WorkflowChoiceArgs,
    #[command(flatten)]
    pub(super) lists: PathListArgs,
    #[command(flatten)]
    pub(super) limits: LimitArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) hooks: HookArgs,
}

impl RunArgs {
    pub(in crate::commands) fn unreachable_timeout(&self) -> Duration {
        self.limits.unreachable_timeout
    }

    pub(super) fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (2.., _) => Verbosity::Quiet,
            (1, _) => Verbosity::Failures,
            (0, true) => Verbosity::Verbose,
            (0, false) => Verbosity::Normal,
        }
    }
}

fn jobs(word: &str) -> Result<NonZeroUsize, String> {
    if word == "auto" || word == "0" {
        let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        return Ok(cores.min(MAX_JOBS));
    }
    let jobs = word.parse().ok().filter(|jobs| *jobs <= MAX_JOBS);
    jobs.ok_or_else(|| format!("expected a number from 1 to {MAX_JOBS}, or `auto` for one per processor core"))
}
