//! What is said of workflows.

use std::path::{Path, PathBuf};

use crate::exit_code::ExitCode;
use crate::wiring::workflow_definition::Workflow;
use crate::wiring::{ListedWorkflow, Severity, WorkflowFile};

/// The workflows that can be named.
#[derive(Debug)]
pub(crate) struct WorkflowsListed {
    /// The folder that paths are shown from.
    pub(crate) base: PathBuf,
    /// The workflows.
    pub(crate) workflows: Vec<ListedWorkflow>,
}

/// One workflow, whole.
#[derive(Debug)]
pub(crate) struct WorkflowShown {
    /// The folder that paths are shown from.
    pub(crate) base: PathBuf,
    /// Its file.
    pub(crate) path: PathBuf,
    /// The workflow.
    pub(crate) workflow: Workflow,
}

/// What is wrong with workflow files.
#[derive(Debug)]
pub(crate) struct WorkflowsChecked {
    /// The folder that paths are shown from.
    pub(crate) base: PathBuf,
    /// The files, in the order in which they were named.
    pub(crate) files: Vec<CheckedFile>,
}

/// A file that was to be checked.
#[derive(Debug)]
pub(crate) enum CheckedFile {
    /// It was read.
    Read(Box<WorkflowFile>),
    /// It could not be.
    Unreadable {
        /// How it was named.
        word: String,
        /// Why.
        error: String,
    },
}

impl WorkflowsChecked {
    /// How the program ends.
    pub(crate) fn exit_code(&self) -> ExitCode {
        let is_good = |file: &CheckedFile| matches!(file, CheckedFile::Read(file) if !file.has_errors());
        if self.files.iter().all(is_good) { ExitCode::Success } else { ExitCode::Config }
    }
}

/// A path as it is shown: from the folder the person stands in, where it is below.
pub(crate) fn from_base<'p>(base: &Path, path: &'p Path) -> &'p Path {
    path.strip_prefix(base).unwrap_or(path)
}

/// How many problems of a severity a file has.
pub(crate) fn count(file: &WorkflowFile, severity: Severity) -> usize {
    file.problems.iter().filter(|problem| problem.severity == severity).count()
}
