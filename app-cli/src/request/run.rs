//! `run`: the command, and the configuration of the run.

use std::env;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::time::Duration;

use autoproc_domain::run::RunConfig;
use autoproc_domain::{Priority, RetryPolicy, RunId};

use crate::args::{LimitArgs, OutputArgs, RunArgs};
use crate::error::CliError;
use crate::paths::PathSource;
use crate::request::WorkflowChoice;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CommandTemplate {
    /// A program and its arguments; not empty.
    Argv(Vec<OsString>),
    /// A command line for a shell.
    Shell(OsString),
    Workflow(WorkflowChoice),
}

/// Limits on the output that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeepOutput {
    /// Bytes of disk for the output of one attempt.
    pub(crate) of_one: u64,
    /// The maximum age; `None` for no limit.
    pub(crate) max_age: Option<Duration>,
    /// Bytes of disk for all outputs; `None` for no limit.
    pub(crate) max_total: Option<u64>,
}

impl From<OutputArgs> for KeepOutput {
    fn from(args: OutputArgs) -> Self {
        let OutputArgs { max_output, keep_output, keep_output_size } = args;
        Self { of_one: max_output, max_age: keep_output.0, max_total: keep_output_size.0 }
    }
}

/// Free resources that the machine must have before an attempt starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Room {
    /// Free bytes on the queue's disk; 0 disables the check.
    pub(crate) min_free_disk: u64,
    /// The highest load; `None` disables the check.
    pub(crate) max_load: Option<f64>,
}

impl From<LimitArgs> for Room {
    fn from(args: LimitArgs) -> Self {
        Self { min_free_disk: args.min_free_disk, max_load: args.max_load }
    }
}

#[derive(Debug)]
pub(crate) struct RunRequest {
    /// Files to add before the run.
    pub(crate) source: PathSource,
    pub(crate) priority: Priority,
    pub(crate) command: CommandTemplate,
    pub(crate) config: RunConfig,
    /// Time between SIGTERM and SIGKILL.
    pub(crate) grace: Duration,
    pub(crate) room: Room,
    pub(crate) keep_output: KeepOutput,
    /// True to print what would be executed, and execute nothing.
    pub(crate) is_dry: bool,
    /// True to print the output of attempts.
    pub(crate) show_output: bool,
    /// True to print only warnings and errors.
    pub(crate) quiet: bool,
}

impl RunRequest {
    /// Validates the arguments; `run` is the id of the new run.
    ///
    /// # Errors
    /// [`CliError`] if there is nothing to execute.
    pub(crate) fn new(mut args: RunArgs, run: RunId) -> Result<Self, CliError> {
        let config = config(&args, run);
        let command = command(std::mem::take(&mut args.command), args.shell.take(), args.workflow.into())?;
        Ok(Self {
            source: PathSource::new(std::mem::take(&mut args.files), &args.lists),
            priority: args.priority.unwrap_or_default(),
            command,
            config,
            grace: args.grace,
            room: args.limits.into(),
            keep_output: args.output.into(),
            is_dry: args.dry_run,
            show_output: args.show_output,
            quiet: args.quiet,
        })
    }
}

fn command(
    argv: Vec<OsString>,
    shell: Option<OsString>,
    workflow: WorkflowChoice,
) -> Result<CommandTemplate, CliError> {
    let is_blank = |word: &OsString| word.as_encoded_bytes().trim_ascii().is_empty();
    if (!argv.is_empty() || shell.is_some()) && (!workflow.inputs.is_empty() || workflow.folder.is_some()) {
        return Err(CliError::usage("--input and --workflow-dir are for workflows, and a command was given")
            .with_hint("give either a command or --workflow"));
    }
    match (argv.first(), shell) {
        (None, Some(line)) if !is_blank(&line) => Ok(CommandTemplate::Shell(line)),
        (Some(program), None) if !is_blank(program) => Ok(CommandTemplate::Argv(argv)),
        (None, None) if !ends_in_dashes() => Ok(CommandTemplate::Workflow(workflow)),
        _ => Err(CliError::usage("there is no command to run on the files")
            .with_hint("give one after two dashes, as in: autoproc run -- COMMAND {}")),
    }
}

/// True if nothing follows `--`, as with an empty variable in a script; then a workflow was not
/// intended. Clap does not report this case.
fn ends_in_dashes() -> bool {
    env::args_os().next_back().is_some_and(|word| word == "--")
}

fn config(args: &RunArgs, run: RunId) -> RunConfig {
    RunConfig {
        run,
        jobs: NonZeroUsize::new(usize::from(args.jobs)).unwrap_or(NonZeroUsize::MIN),
        timeout: args.timeout,
        retry: RetryPolicy {
            retries: args.retries,
            backoff_base: args.backoff_base,
            max_backoff: args.max_backoff,
            retry_timeouts: !args.no_retry_timeouts,
            permanent_exits: args.no_retry_exit.iter().map(|code| i32::from(*code)).collect(),
        },
        wait_for_backoff: !args.no_wait,
        failure_limit: args.limits.max_fail,
        ..RunConfig::default()
    }
}
