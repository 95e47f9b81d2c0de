//! Which workflow is executed, and with what.

use std::path::PathBuf;
use std::time::Duration;

use autoproc_domain::FilePath;

use crate::args::{WorkflowChoiceArgs, WorkflowOptions, WorkflowRunArgs};
use crate::error::CliError;

/// A workflow and what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkflowChoice {
    /// Its id or its path; the default one where `None`.
    pub(crate) word: Option<String>,
    /// One more folder to look in.
    pub(crate) folder: Option<PathBuf>,
    /// Its inputs, as they were typed.
    pub(crate) inputs: Vec<(String, String)>,
    /// Whether what an earlier run has left is begun anew.
    pub(crate) from_start: bool,
}

/// One execution without the queue.
#[derive(Debug)]
pub(crate) struct SingleExecution {
    /// The workflow.
    pub(crate) workflow: WorkflowChoice,
    /// The file.
    pub(crate) file: FilePath,
    /// How long it may take.
    pub(crate) timeout: Duration,
    /// Time between asking a step to end and killing it.
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
    /// Understands the words.
    ///
    /// # Errors
    /// [`CliError`] where the file cannot be one.
    pub(crate) fn new(args: WorkflowRunArgs, cwd: &std::path::Path) -> Result<Self, CliError> {
        Ok(Self {
            file: super::file(cwd, &args.file)?,
            workflow: WorkflowChoice::of(Some(args.workflow), args.options, false),
            timeout: args.timeout,
            grace: args.grace,
        })
    }
}
