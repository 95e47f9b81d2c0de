//! Results about workflows.

use std::path::{Path, PathBuf};

use crate::exit_code::ExitCode;
use crate::wiring::workflow_definition::Workflow;
use crate::wiring::{ListedWorkflow, Severity, WorkflowFile};

/// The workflows that have an id.
#[derive(Debug)]
pub(crate) struct WorkflowsListed {
    /// Paths are shown relative to this folder.
    pub(crate) base: PathBuf,
    pub(crate) workflows: Vec<ListedWorkflow>,
}

#[derive(Debug)]
pub(crate) struct WorkflowShown {
    /// Paths are shown relative to this folder.
    pub(crate) base: PathBuf,
    pub(crate) path: PathBuf,
    pub(crate) workflow: Workflow,
}

/// The problems of workflow files.
#[derive(Debug)]
pub(crate) struct WorkflowsChecked {
    /// Paths are shown relative to this folder.
    pub(crate) base: PathBuf,
    /// The files, in the order of the arguments.
    pub(crate) files: Vec<CheckedFile>,
}

/// One file to check.
#[derive(Debug)]
pub(crate) enum CheckedFile {
    Read(Box<WorkflowFile>),
    /// The file cannot be read.
    Unreadable {
        /// The argument.
        word: String,
        error: String,
    },
}

impl WorkflowsChecked {
    pub(crate) fn exit_code(&self) -> ExitCode {
        let is_good = |file: &CheckedFile| matches!(file, CheckedFile::Read(file) if !file.has_errors());
        if self.files.iter().all(is_good) { ExitCode::Success } else { ExitCode::Config }
    }
}

/// A path relative to the base folder, if it is below.
pub(crate) fn from_base<'p>(base: &Path, path: &'p Path) -> &'p Path {
    path.strip_prefix(base).unwrap_or(path)
}

/// The number of problems of one severity.
pub(crate) fn count(file: &WorkflowFile, severity: Severity) -> usize {
    file.problems.iter().filter(|problem| problem.severity == severity).count()
}
