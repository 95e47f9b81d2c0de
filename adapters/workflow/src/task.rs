//! Reads task files: Markdown with a table of fields.
//!
//! A workflow names a task by a path or by a bare name. The bare name `NAME` stands for
//! `tasks/NAME.md`.

mod table;

use std::io;
use std::path::{Path, PathBuf};

use crate::read::small_file;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskFile {
    pub(crate) path: PathBuf,
    /// The fields in the order of the file. Their names are unique.
    pub(crate) fields: Vec<TaskField>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskField {
    /// The name as written: `task_id`, `task_name`, `execution_type`, `responsible`, or any other.
    pub(crate) name: String,
    pub(crate) value: String,
    /// The line number in the file, from 1.
    pub(crate) line: usize,
}

/// The result of a search for a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TaskSource {
    File(TaskFile),
    /// The bare name of a task that has no file.
    Name(String),
    /// The path of a file that does not exist.
    Missing(PathBuf),
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum TaskError {
    #[error("cannot read the task file {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}:{line}: {message}", path.display())]
    Invalid { path: PathBuf, line: usize, message: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskFolders {
    project: PathBuf,
    folders: Vec<PathBuf>,
}

impl TaskFile {
    /// Reads the table of a task file.
    ///
    /// # Errors
    /// Fails if a field is given twice or has no name.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, TaskError> {
        let invalid = |(line, message)| TaskError::Invalid { path: path.to_owned(), line, message };
        Ok(Self { path: path.to_owned(), fields: table::fields(text).map_err(invalid)? })
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.name == name).map(|field| field.value.as_str())
    }
}

impl TaskFolders {
    /// Returns the folders to search for task files, in the order of the search.
    pub(crate) fn of(project: &Path, workflow: &Path) -> Self {
        let own = workflow.ancestors().skip(1).take(2).map(Path::to_owned);
        let in_project = [project.to_owned(), project.join("core"), project.join("engine")];
        Self { project: project.to_owned(), folders: own.chain(in_project).collect() }
    }

    /// Finds a task and reads its file.
    ///
    /// # Errors
    /// Fails if the file cannot be read or is invalid.
    pub(crate) fn find(&self, task: &str) -> Result<TaskSource, TaskError> {
        let is_path = task.contains('/') || has_extension(task);
        let relative = if is_path { PathBuf::from(task) } else { PathBuf::from(format!("tasks/{task}.md")) };
        let mut candidates = self.folders.iter().map(|folder| folder.join(&relative));
        match candidates.find(|candidate| candidate.is_file()) {
            Some(path) => {
                let text = small_file(&path).map_err(|source| TaskError::Io { path: path.clone(), source })?;
                TaskFile::parse(&text, &path).map(TaskSource::File)
            }
            None if is_path => Ok(TaskSource::Missing(self.project.join(relative))),
            None => Ok(TaskSource::Name(task.to_owned())),
        }
    }
}

fn has_extension(task: &str) -> bool {
    Path::new(task).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("md"))
}
