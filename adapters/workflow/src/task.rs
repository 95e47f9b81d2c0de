//! Task files: markdown with a table that says what the task is.
//!
//! # Theory of operation
//!
//! The first table whose head is `Field` and `Value` counts; everything else in the file is for whoever carries the task
//! out. pulldown-cmark reads the markdown, so that spacing, alignment, code spans and escaped bars are what they are
//! everywhere. A workflow names a task by a path, which is looked for in the folders of [`TaskFolders`], or by a bare
//! name, which stands for `tasks/NAME.md` in them.

mod table;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The largest task file: they are pages that people wrote.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// A task file, as far as it is a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFile {
    /// Where it is.
    pub path: PathBuf,
    /// The fields of its table, in the order of the file, no name twice; empty where it has no table.
    pub fields: Vec<TaskField>,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskField {
    /// Its name, as written: `task_id`, `task_name`, `execution_type`, `responsible`, or any other.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Its line, from 1.
    pub line: usize,
}

/// What a workflow means by a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskSource {
    /// A task file.
    File(TaskFile),
    /// A bare name for which there is no file.
    Name(String),
    /// A path at which there is none: where it would be in the project folder.
    Missing(PathBuf),
}

/// Why a task cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// The file cannot be read.
    #[error("cannot read the task file {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its table makes no sense.
    #[error("{}:{line}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
}

/// Where task files are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFolders {
    project: PathBuf,
    folders: Vec<PathBuf>,
}

impl TaskFile {
    /// Reads the table of a task file.
    ///
    /// # Errors
    /// [`TaskError::Invalid`] where a field is given twice, or has no name.
    pub fn parse(text: &str, path: &Path) -> Result<Self, TaskError> {
        let invalid = |(line, message)| TaskError::Invalid { path: path.to_owned(), line, message };
        Ok(Self { path: path.to_owned(), fields: table::fields(text).map_err(invalid)? })
    }

    /// The value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.name == name).map(|field| field.value.as_str())
    }

    fn read(path: &Path) -> Result<Self, TaskError> {
        let text = fs::metadata(path).and_then(|file| match file.len() {
            0..=MAX_FILE_BYTES => fs::read_to_string(path),
            _ => Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than 4 MiB")),
        });
        let text = text.map_err(|source| TaskError::Io { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }
}

impl TaskFolders {
    /// The folders for a workflow file of a project: the workflow's own, the one above it, the project folder, and `core`
    /// and `engine` in it.
    #[must_use]
    pub fn of(project: &Path, workflow: &Path) -> Self {
        let own = workflow.parent().map(Path::to_owned);
        let above = own.as_deref().and_then(Path::parent).map(Path::to_owned);
        let in_project = [project.to_owned(), project.join("core"), project.join("engine")];
        Self { project: project.to_owned(), folders: own.into_iter().chain(above).chain(in_project).collect() }
    }

    /// What is meant by a task, and what its file says.
    ///
    /// # Errors
    /// [`TaskError`] where there is a file that cannot be read or makes no sense.
    pub fn find(&self, task: &str) -> Result<TaskSource, TaskError> {
        let is_path = task.contains('/') || has_extension(task);
        let relative = if is_path { PathBuf::from(task) } else { PathBuf::from(format!("tasks/{task}.md")) };
        let candidates = self.folders.iter().map(|folder| folder.join(&relative));
        match candidates.into_iter().find(|candidate| candidate.is_file()) {
            Some(path) => TaskFile::read(&path).map(TaskSource::File),
            None if is_path => Ok(TaskSource::Missing(self.project.join(relative))),
            None => Ok(TaskSource::Name(task.to_owned())),
        }
    }
}

fn has_extension(task: &str) -> bool {
    Path::new(task).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("md"))
}
