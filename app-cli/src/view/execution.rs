//! Results about executions of workflows.

use autoproc_domain::ports::AttemptReport;
use autoproc_domain::{FilePath, ItemId};

use crate::wiring::{PreviewedStep, ProgressReport};

#[derive(Debug)]
pub(crate) struct Executions(pub(crate) Vec<FileProgress>);

/// The progress of one file's execution.
#[derive(Debug)]
pub(crate) struct FileProgress {
    pub(crate) item: ItemId,
    pub(crate) file: String,
    /// Why it failed, if it did.
    pub(crate) error: Option<String>,
    pub(crate) report: ProgressReport,
}

/// The end of an execution without the queue.
#[derive(Debug)]
pub(crate) struct ExecutionOver {
    pub(crate) file: FilePath,
    pub(crate) report: AttemptReport,
    pub(crate) progress: Option<ProgressReport>,
}

/// What a run would do with the first file.
#[derive(Debug)]
pub(crate) enum Preview {
    /// There is no file.
    Nothing,
    Command {
        file: FilePath,
        words: Vec<String>,
    },
    Workflow {
        file: FilePath,
        /// The progress of an earlier attempt that would be resumed.
        taken_up: Option<ProgressReport>,
        steps: Vec<PreviewedStep>,
    },
}
