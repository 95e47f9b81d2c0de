//! The arguments of `run`.

use std::ffi::OsString;
use std::time::Duration;

use autoproc_domain::Priority;
use clap::{Args, ValueHint};

use super::limits::LimitArgs;
use super::output::OutputArgs;
use crate::commands::workflow::choice::WorkflowChoiceArgs;
use crate::paths::PathListArgs;
use crate::priority;

/// The most attempts at a time: each takes a process and a few file descriptors; 1,024 is
/// the usual limit.
const MAX_JOBS: i64 = 256;

/// `run`
#[derive(Debug, Args)]
#[command(
    override_usage = "autoproc run [OPTIONS] [FILES]... -- COMMAND...
       autoproc run [OPTIONS] [FILES]... --shell STRING
       autoproc run [OPTIONS] [FILES]... [--workflow ID]",
    after_help = "In COMMAND, {} is the file, {/} its name, {.} the file without extension, {//} its folder,
{/.} its name without extension. Where none of them is used, the file comes last.
Exit status 0 of COMMAND is success; 126 and 127 fail at once; any other failure is tried again.
TIME is a number of seconds, or as in 500ms, 5m, 1h30m, 7d.
SIZE is a number of bytes, or as in 64K, 256MB (powers of 1000), 64KiB, 1.5GiB (powers of 1024).

Ctrl-C finishes the current files; once more ends them; a third time kills them.

Exit status:
  0           success, or stopped as requested
  2           wrong usage; nothing was changed
  65, 73, 74  the queue is damaged, cannot be written, cannot be read
  75          try again later
  78          the queue was written by a newer version, or the workflow is invalid
  100         some files failed
  130, 143    the current attempts were ended by a signal

Examples:
  autoproc run -- pdftotext {} {.}.txt
  autoproc run inbox/ -j 4 --timeout 5m -- ./convert.sh
  autoproc run --workflow wf-ingest --input source_code=AB
  autoproc run --shell 'gzip -c {} > /backup/{/}.gz'"
)]
#[expect(clippy::struct_excessive_bools, reason = "a flag is a bool, and there are several")]
pub(crate) struct RunArgs {
    /// Files or folders to add before the run begins; `-` is a list on standard input
    #[arg(value_name = "FILES", value_hint = ValueHint::AnyPath)]
    pub(super) files: Vec<OsString>,
    /// The command for each file
    #[arg(value_name = "COMMAND", last = true, conflicts_with = "shell")]
    pub(super) command: Vec<OsString>,
    /// A command line for `sh -c` in place of COMMAND
    #[arg(long, value_name = "STRING")]
    pub(super) shell: Option<OsString>,
    /// Time an attempt may take
    #[arg(long, value_name = "TIME", default_value = "300", value_parser = autoproc_time_text::parse_positive)]
    pub(super) timeout: Duration,
    /// Files at a time
    #[arg(short, long, value_name = "N", default_value = "1", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=MAX_JOBS))]
    pub(super) jobs: u16,
    /// Attempts after the first one
    #[arg(short, long, value_name = "N", default_value = "3", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..))]
    pub(super) retries: u32,
    /// Wait before the first retry; it doubles with each further one
    #[arg(long, value_name = "TIME", default_value = "2", value_parser = autoproc_time_text::parse)]
    pub(super) backoff_base: Duration,
    /// Longest wait before a retry
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = autoproc_time_text::parse)]
    pub(super) max_backoff: Duration,
    /// Do not try again what ran out of time
    #[arg(long)]
    pub(super) no_retry_timeouts: bool,
    /// Do not try again what ended with this exit status; may be repeated
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = clap::value_parser!(u8).range(1..))]
    pub(super) no_retry_exit: Vec<u8>,
    /// Time between asking an attempt to end and killing it
    #[arg(long, value_name = "TIME", default_value = "10", value_parser = autoproc_time_text::parse)]
    pub(super) grace: Duration,
    /// End when every file left is waiting for a retry
    #[arg(long)]
    pub(super) no_wait: bool,
    /// Priority of FILES: higher is taken first [default: 0]
    #[arg(short, long, value_name = "N", allow_negative_numbers = true, value_parser = priority::parse)]
    pub(super) priority: Option<Priority>,
    /// Print what each attempt printed when it ends
    #[arg(long, conflicts_with = "json")]
    pub(super) show_output: bool,
    /// Print nothing but errors and warnings, and what was asked for
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Print what would be executed on the first file, and execute nothing
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
}
