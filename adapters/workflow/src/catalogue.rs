//! Workflow files: where they are, and which one is meant.
//!
//! # Theory of operation
//!
//! A word with a slash in it or with the ending of a YAML file is a path; any other is an id, which is looked for in the
//! project's folders and then in the one given. The id of a file is the one it gives itself, else the stem of its name.
//! Where several have the same, the first counts: by the order of the folders, then by name.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::check;
use crate::definition::{Position, Workflow};
use crate::nearest::nearest_first;
use crate::problem::{Problem, Problems, Severity};
use crate::read::{MAX_FILE_BYTES, read_into};
use crate::runners::{Runners, RunnersError};
use crate::task::TaskFolders;

/// The workflow that is meant where none is named.
pub const DEFAULT_WORKFLOW: &str = "wf-pipeline-full";

/// The folders of a project that hold workflows.
const FOLDERS: [&str; 2] = ["core/workflows", "engine/workflows"];

/// The endings of workflow files.
const ENDINGS: [&str; 2] = ["yaml", "yml"];

/// The workflow files of a project.
#[derive(Debug, Clone)]
pub struct Catalogue {
    project: PathBuf,
    folders: Vec<PathBuf>,
}

/// A workflow file, read and checked.
#[derive(Debug)]
pub struct WorkflowFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it holds; what cannot be read as text is empty.
    pub text: String,
    /// What it says; not to be executed where it [has errors](Self::has_errors), nor where it is none.
    pub workflow: Option<Workflow>,
    /// What is wrong with it, in the order of the places.
    pub problems: Vec<Problem>,
}

/// A file of a folder.
#[derive(Debug)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// Whether an earlier file has the same id, so that this one can only be named by its path.
    pub is_hidden: bool,
    /// The file, read and checked.
    pub file: WorkflowFile,
}

/// Why a workflow cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// There is none of this id.
    #[error("there is no workflow `{id}` in {}{}", shown(.folders), known(.nearest))]
    NotFound {
        /// The id.
        id: String,
        /// Where was looked.
        folders: Vec<PathBuf>,
        /// The ids that there are, the nearest first.
        nearest: Vec<String>,
    },
    /// A file or a folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The table of runners cannot be used.
    #[error(transparent)]
    Runners(#[from] RunnersError),
}

impl Catalogue {
    /// The workflows of a project, and of one more folder.
    #[must_use]
    pub fn new(project: &Path, extra: Option<&Path>) -> Self {
        let folders = FOLDERS.iter().map(|folder| project.join(folder)).chain(extra.map(Path::to_owned)).collect();
        Self { project: project.to_owned(), folders }
    }

    /// Finds a workflow by its id or its path, which is taken relative to `cwd`, and reads and checks it.
    ///
    /// # Errors
    /// [`FindError`] where there is none, or it cannot be read. That it makes no sense is none: see its problems.
    pub fn find(&self, word: &str, cwd: &Path) -> Result<WorkflowFile, FindError> {
        if is_path(word) {
            return self.load(&cwd.join(word));
        }
        let mut ids = Vec::new();
        for path in self.paths()? {
            let id = id_of(&path);
            if id == word {
                return self.load(&path);
            }
            ids.push(id);
        }
        let nearest = nearest_first(word, ids.iter().map(String::as_str));
        Err(FindError::NotFound { id: word.to_owned(), folders: self.folders.clone(), nearest })
    }

    /// Reads and checks the file at a path.
    ///
    /// # Errors
    /// [`FindError`] where it or the table of runners cannot be read.
    pub fn load(&self, path: &Path) -> Result<WorkflowFile, FindError> {
        let runners = Runners::read(&self.project)?;
        let bytes = bytes(path).map_err(|source| FindError::Io { path: path.to_owned(), source })?;
        Ok(self.judge(path, bytes, &runners))
    }

    /// All workflow files of the folders, read and checked. One that cannot be read says so among its problems.
    ///
    /// # Errors
    /// [`FindError`] where a folder or the table of runners cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, FindError> {
        let runners = Runners::read(&self.project)?;
        let mut listed: Vec<Listed> = Vec::new();
        for path in self.paths()? {
            let file = match bytes(&path) {
                Ok(bytes) => self.judge(&path, bytes, &runners),
                Err(error) => WorkflowFile::unreadable(&path, format!("cannot be read: {error}")),
            };
            let id = file.workflow.as_ref().map_or_else(|| stem(&path), |workflow| workflow.id.clone());
            let is_hidden = listed.iter().any(|other| other.id == id);
            listed.push(Listed { id, is_hidden, file });
        }
        Ok(listed)
    }

    fn judge(&self, path: &Path, bytes: Vec<u8>, runners: &Runners) -> WorkflowFile {
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => return WorkflowFile::not_text(path, error.as_bytes(), error.utf8_error().valid_up_to()),
        };
        let mut problems = Problems::default();
        let workflow = read_into(&text, &stem(path), &mut problems);
        if let Some(workflow) = &workflow {
            check::within(workflow, &mut problems);
            check::around(workflow, runners, &TaskFolders::of(&self.project, path), &mut problems);
        }
        WorkflowFile { path: path.to_owned(), text, workflow, problems: problems.into_sorted() }
    }

    /// The files, in the order in which they are looked at.
    fn paths(&self) -> Result<Vec<PathBuf>, FindError> {
        let mut paths = Vec::new();
        for folder in &self.folders {
            let io = |source| FindError::Io { path: folder.clone(), source };
            let entries = match fs::read_dir(folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(io(source)),
            };
            let entries = entries.map(|entry| entry.map(|entry| entry.path()));
            let mut found: Vec<_> = entries.collect::<Result<_, _>>().map_err(io)?;
            found.retain(|path| has_ending(path) && path.is_file());
            found.sort();
            paths.append(&mut found);
        }
        Ok(paths)
    }
}

impl WorkflowFile {
    /// Whether a problem makes it useless.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.workflow.is_none() || self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// The line with this number, from 1, for showing what a problem is about.
    #[must_use]
    pub fn line(&self, number: u32) -> Option<&str> {
        self.text.lines().nth(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    fn unreadable(path: &Path, message: String) -> Self {
        let problems = vec![Problem::error(Position::START, message)];
        Self { path: path.to_owned(), text: String::new(), workflow: None, problems }
    }

    fn not_text(path: &Path, bytes: &[u8], valid: usize) -> Self {
        let line = bytes[..valid].split(|byte| *byte == b'\n').count();
        let mut file = Self::unreadable(path, "not UTF-8".to_owned());
        file.problems[0].position.line = u32::try_from(line).unwrap_or(u32::MAX);
        file
    }
}

fn is_path(word: &str) -> bool {
    word.contains('/') || has_ending(Path::new(word))
}

fn has_ending(path: &Path) -> bool {
    path.extension().is_some_and(|extension| ENDINGS.iter().any(|ending| extension == *ending))
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The id of a file; the stem of its name where it cannot be read.
fn id_of(path: &Path) -> String {
    let text = bytes(path).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let workflow = text.and_then(|text| read_into(&text, &stem(path), &mut Problems::default()));
    workflow.map_or_else(|| stem(path), |workflow| workflow.id)
}

/// What a file holds, of a file that is too large one byte more than there may be.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn shown(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn known(nearest: &[String]) -> String {
    if nearest.is_empty() {
        "; there are none at all".to_owned()
    } else {
        format!("; there are {}", nearest.join(", "))
    }
}
