//! `run`: what to do with each file, and how.

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

/// What is executed on each file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CommandTemplate {
    /// A program and its arguments; at least the program is there.
    Argv(Vec<OsString>),
    /// A line for a shell.
    Shell(OsString),
    /// A workflow.
    Workflow(WorkflowChoice),
}

/// What is kept of what attempts print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeepOutput {
    /// The bytes of disk that one attempt's output may take.
    pub(crate) of_one: u64,
    /// How old output may become; `None` for any age.
    pub(crate) max_age: Option<Duration>,
    /// How many bytes all of it may take; `None` for any number.
    pub(crate) max_total: Option<u64>,
}

impl From<OutputArgs> for KeepOutput {
    fn from(args: OutputArgs) -> Self {
        let OutputArgs { max_output, keep_output, keep_output_size } = args;
        Self { of_one: max_output, max_age: keep_output.0, max_total: keep_output_size.0 }
    }
}

/// What the machine must have to spare before anything new is started.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Room {
    /// Bytes free where the queue is; 0 for none.
    pub(crate) min_free_disk: u64,
    /// The highest load; `None` for any.
    pub(crate) max_load: Option<f64>,
}

impl From<LimitArgs> for Room {
    fn from(args: LimitArgs) -> Self {
        Self { min_free_disk: args.min_free_disk, max_load: args.max_load }
    }
}

/// A run.
#[derive(Debug)]
pub(crate) struct RunRequest {
    /// Files to add first.
    pub(crate) source: PathSource,
    /// How urgent they are.
    pub(crate) priority: Priority,
    /// What to do with each.
    pub(crate) command: CommandTemplate,
    /// How the processor goes about it.
    pub(crate) config: RunConfig,
    /// Time between asking an attempt to end and killing it.
    pub(crate) grace: Duration,
    /// What the machine must have to spare.
    pub(crate) room: Room,
    /// What is kept of what attempts print.
    pub(crate) keep_output: KeepOutput,
    /// Whether to say what would be done, and do nothing.
    pub(crate) is_dry: bool,
    /// Whether to print what attempts print.
    pub(crate) show_output: bool,
    /// Whether to print little else.
    pub(crate) quiet: bool,
}

impl RunRequest {
    /// Understands the words; `run` is the name of the run to be.
    ///
    /// # Errors
    /// [`CliError`] where there is nothing to execute.
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
            .with_hint("give one of both, a command or a --workflow"));
    }
    match (argv.first(), shell) {
        (None, Some(line)) if !is_blank(&line) => Ok(CommandTemplate::Shell(line)),
        (Some(program), None) if !is_blank(program) => Ok(CommandTemplate::Argv(argv)),
        (None, None) if !ends_in_dashes() => Ok(CommandTemplate::Workflow(workflow)),
        _ => Err(CliError::usage("there is no command to run on the files")
            .with_hint("give one after two dashes, as in: autoproc run -- COMMAND {}")),
    }
}

/// Whether nothing stands after the two dashes, as where a script's variable is empty: a workflow is not what was meant
/// then. The parser does not tell of it.
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
