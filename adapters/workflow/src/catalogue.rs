//! Finds the workflow files of a project.
//!
//! A user names a workflow by its id or by the path of its file. A word with a slash or the ending
//! `.yaml` or `.yml` is a path. Several files may have the same id. The project's folders then come
//! before the extra folder, and the first file counts.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use autoproc_regular_file::{self as regular_file, Links};

use crate::check;
use crate::definition::{Position, Workflow};
use crate::nearest::{list_known, nearest, nearest_first};
use crate::problem::{Problem, Problems, Severity};
use crate::read::{MAX_FILE_BYTES, read};
use crate::runners::{Runners, RunnersError};
use crate::task::TaskFolders;

/// The id of the workflow that runs if the user names none.
pub const DEFAULT_WORKFLOW: &str = "wf-pipeline-full";

const FOLDERS: [&str; 2] = ["core/workflows", "engine/workflows"];

const EXTENSIONS: [&str; 2] = ["yaml", "yml"];

/// Finds, reads and checks the workflow files of a project.
#[derive(Debug, Clone)]
pub struct Catalogue {
    project: PathBuf,
    folders: Vec<PathBuf>,
}

/// A workflow file that was read and checked.
#[derive(Debug)]
pub struct WorkflowFile {
    /// The path of the file, absolute or relative to the working directory.
    pub path: PathBuf,
    /// The text of the file; empty if the file cannot be read or is not UTF-8.
    pub text: String,
    /// The workflow; `None` if nothing could be read. The workflow must not be executed if
    /// [`has_errors`](Self::has_errors) returns true.
    pub workflow: Option<Workflow>,
    /// The problems of the file, sorted by position.
    pub problems: Vec<Problem>,
}

/// A workflow file in a folder of the catalogue.
#[derive(Debug)]
pub struct Listed {
    /// The value of the file's key `id`. The default is the file name without its extension.
    pub id: String,
    /// True if an earlier file in the catalogue has the same id. The id then selects the earlier
    /// file, and this file can be selected only by its path.
    pub is_hidden: bool,
    /// The content and the problems of the file.
    pub file: WorkflowFile,
}

/// The reason why a workflow cannot be found or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages explain the fields")]
pub enum FindError {
    #[error("there is no workflow `{id}` in {}{}", shown(.folders), known(.nearest))]
    NotFound {
        id: String,
        folders: Vec<PathBuf>,
        /// The most similar known ids, the closest first.
        nearest: Vec<String>,
    },
    #[error("cannot read {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Runners(#[from] RunnersError),
}

impl Catalogue {
    /// Creates a catalogue of the workflow folders of `project` and, if given, the folder `extra`.
    #[must_use]
    pub fn new(project: &Path, extra: Option<&Path>) -> Self {
        let folders = FOLDERS.iter().map(|folder| project.join(folder)).chain(extra.map(Path::to_owned)).collect();
        Self { project: project.to_owned(), folders }
    }

    /// Finds a workflow by its id or by its path, then reads and checks its file. A relative path
    /// is resolved against `cwd`.
    ///
    /// # Errors
    /// [`FindError`] if there is no such workflow, or if its file, a folder or the table of runners
    /// cannot be read. An invalid workflow is not an error; see [`WorkflowFile::problems`].
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
    /// [`FindError`] if the file or the table of runners cannot be read.
    pub fn load(&self, path: &Path) -> Result<WorkflowFile, FindError> {
        let runners = Runners::read(&self.project)?;
        let bytes = bytes(path).map_err(|source| FindError::Io { path: path.to_owned(), source })?;
        Ok(self.checked(path, bytes, &runners))
    }

    /// Reads and checks all workflow files of the catalogue. An unreadable file is listed with a
    /// problem.
    ///
    /// # Errors
    /// [`FindError`] if a folder or the table of runners cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, FindError> {
        let runners = Runners::read(&self.project)?;
        let mut listed: Vec<Listed> = Vec::new();
        for path in self.paths()? {
            let file = match bytes(&path) {
                Ok(bytes) => self.checked(&path, bytes, &runners),
                Err(error) => WorkflowFile::unreadable(&path, format!("cannot be read: {error}")),
            };
            let id = file.workflow.as_ref().map_or_else(|| stem(&path), |workflow| workflow.id.clone());
            let is_hidden = listed.iter().any(|other| other.id == id);
            listed.push(Listed { id, is_hidden, file });
        }
        Ok(listed)
    }

    fn checked(&self, path: &Path, bytes: Vec<u8>, runners: &Runners) -> WorkflowFile {
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => return WorkflowFile::not_text(path, error.as_bytes(), error.utf8_error().valid_up_to()),
        };
        let mut problems = Problems::default();
        let workflow = read(&text, &stem(path), &mut problems);
        if let Some(workflow) = &workflow {
            check::check_workflow(workflow, &mut problems);
            check::check_project(workflow, runners, &TaskFolders::of(&self.project, path), &mut problems);
            self.check_fallback(workflow, &mut problems);
        }
        WorkflowFile { path: path.to_owned(), text, workflow, problems: problems.into_sorted() }
    }

    /// Checks that the fallback is in the catalogue. A missing fallback is no error, because it may
    /// be added before the run. A fallback that is named by a path is not checked, because the path
    /// depends on the working directory.
    fn check_fallback(&self, workflow: &Workflow, problems: &mut Problems) {
        // Without a condition, the fallback is never used.
        let activation = workflow.activation.as_ref().filter(|activation| activation.condition.is_some());
        let Some(fallback) = activation.and_then(|activation| activation.fallback_workflow.as_ref()) else { return };
        let (id, Ok(paths)) = (fallback.value.as_str(), self.paths()) else { return };
        if is_path(id) {
            return;
        }
        let ids: Vec<_> = paths.iter().map(|path| id_of(path)).collect();
        if !ids.iter().any(|known| known == id) {
            let message = format!("there is no workflow `{id}`, so a run fails if the condition does not hold");
            let problem = problems.warning(fallback.position, message);
            problem.meaning(nearest(id, ids.iter().map(String::as_str))).strictly();
        }
    }

    /// Returns the paths of the workflow files in search order.
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
            found.retain(|path| has_extension(path) && path.is_file());
            found.sort();
            paths.append(&mut found);
        }
        Ok(paths)
    }
}

impl WorkflowFile {
    /// True if nothing could be read or a problem is an error. The workflow must then not be
    /// executed.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.workflow.is_none() || self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Applies a strict check: turns some problems that are not errors into errors, for instance a
    /// key that is probably misspelt.
    pub fn make_strict(&mut self) {
        for problem in self.problems.iter_mut().filter(|problem| problem.is_strict_error) {
            problem.severity = Severity::Error;
        }
    }

    /// Returns a line of the text by its number, counted from 1.
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
    word.contains('/') || has_extension(Path::new(word))
}

fn has_extension(path: &Path) -> bool {
    path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known))
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn id_of(path: &Path) -> String {
    let text = bytes(path).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let workflow = text.and_then(|text| read(&text, &stem(path), &mut Problems::default()));
    workflow.map_or_else(|| stem(path), |workflow| workflow.id)
}

/// Reads at most `MAX_FILE_BYTES` + 1 bytes, to detect larger files.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    regular_file::open_to_read(Links::Follow, path)?.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn shown(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn known(nearest: &[String]) -> String {
    if nearest.is_empty() {
        "; these folders contain no workflow".to_owned()
    } else {
        format!("; {}", list_known("workflows", nearest))
    }
}
