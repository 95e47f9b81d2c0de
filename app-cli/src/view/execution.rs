//! What is said of workflows that are executed, or would be.

use autoproc_domain::ports::AttemptReport;
use autoproc_domain::{FilePath, ItemId};

use crate::wiring::{PreviewedStep, ProgressReport};

/// How far executions are.
#[derive(Debug)]
pub(crate) struct Executions(pub(crate) Vec<FileProgress>);

/// How far the execution of one file is.
#[derive(Debug)]
pub(crate) struct FileProgress {
    /// The item.
    pub(crate) item: ItemId,
    /// Its file, as text.
    pub(crate) file: String,
    /// Why it failed, where it did.
    pub(crate) error: Option<String>,
    /// How far it is.
    pub(crate) report: ProgressReport,
}

/// An execution without the queue is over.
#[derive(Debug)]
pub(crate) struct ExecutionOver {
    /// The file.
    pub(crate) file: FilePath,
    /// How it ended.
    pub(crate) report: AttemptReport,
    /// How far it came.
    pub(crate) progress: Option<ProgressReport>,
}

/// What a run would do with the first file.
#[derive(Debug)]
pub(crate) enum Foreseen {
    /// Nothing: there is none.
    Nothing,
    /// Run a command.
    Command {
        /// The file.
        file: FilePath,
        /// The program and its arguments.
        words: Vec<String>,
    },
    /// Execute a workflow.
    Workflow {
        /// The file.
        file: FilePath,
        /// How far an earlier attempt came that is taken up.
        taken_up: Option<ProgressReport>,
        /// Its steps.
        steps: Vec<PreviewedStep>,
    },
}
