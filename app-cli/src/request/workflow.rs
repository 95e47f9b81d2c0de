//! The choice of a workflow and its inputs.

use std::path::PathBuf;
use std::time::Duration;

use autoproc_domain::FilePath;

use crate::args::{WorkflowChoiceArgs, WorkflowOptions, WorkflowRunArgs};
use crate::error::CliError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkflowChoice {
    /// Its id or path; the default workflow if `None`.
    pub(crate) word: Option<String>,
    /// A further folder to search.
    pub(crate) folder: Option<PathBuf>,
    /// Its inputs, as typed.
    pub(crate) inputs: Vec<(String, String)>,
    /// True to start from the beginning although an earlier run left it unfinished.
    pub(crate) from_start: bool,
}

/// An execution without the queue.
#[derive(Debug)]
pub(crate) struct SingleExecution {
    pub(crate) workflow: WorkflowChoice,
    pub(crate) file: FilePath,
    pub(crate) timeout: Duration,
    /// Time between SIGTERM and SIGKILL.
    pub(crate) grace: Duration,
}

impl WorkflowChoice {
    fn of(word: Option<String>, options: WorkflowOptions, from_start: bool) -> Self {
        Self { word, folder: options.workflow_dir, inputs: options.inputs, from_start }
    }
}

impl From<WorkflowChoiceArgs> for WorkflowChoice {
    fn from(args: WorkflowChoiceArgs) -> Self {
        Self::of(args.workflow, args.options, args.from_start)
    }
}

impl SingleExecution {
    /// Validates the arguments.
    ///
    /// # Errors
    /// [`CliError`] if the argument is not a path.
    pub(crate) fn new(args: WorkflowRunArgs, cwd: &std::path::Path) -> Result<Self, CliError> {
        Ok(Self {
            file: super::file(cwd, &args.file)?,
            workflow: WorkflowChoice::of(Some(args.workflow), args.options, false),
            timeout: args.timeout,
            grace: args.grace,
        })
    }
}
