//! The project folder and its files.

mod trust;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use autoproc_subprocess::PROJECT_VARIABLE;

use crate::error::CliError;
use crate::paths::absolute;
use trust::{Caller, Foreign};

const STATE_DIR: &str = ".claude/mission-control";

/// The subfolder for queues in databases.
const STORES: &str = "stores";

/// The variables for the project folder, in order of precedence.
const VARIABLES: [&str; 2] = [PROJECT_VARIABLE, "CLAUDE_PROJECT_DIR"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Project {
    root: PathBuf,
    /// True if the user named the folder. The project is then trusted.
    is_named: bool,
    /// This machine's folder for a queue in a database. `None` if the queue is in the project
    /// folder.
    store: Option<String>,
}

impl Project {
    /// Finds the project folder.
    ///
    /// # Errors
    /// [`CliError`] if a named path is not a folder, if another user controls the found folder, or
    /// if `cwd` is empty and no folder is named.
    pub(crate) fn find(
        given: Option<&Path>,
        cwd: &Path,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, CliError> {
        if let Some(folder) = given {
            return Self::at(cwd, folder, "--project-dir");
        }
        let set =
            VARIABLES.into_iter().find_map(|name| Some((name, variable(name).filter(|value| !value.is_empty())?)));
        match set {
            Some((name, folder)) => Self::at(cwd, Path::new(&folder), name),
            None if cwd.as_os_str().is_empty() => Err(CliError::no_current_folder()),
            None => match nearest(cwd) {
                Some(root) => trusted(root, &variable),
                None => Ok(Self::in_folder(cwd.to_owned())),
            },
        }
    }

    /// Returns the project in a folder that the user names.
    ///
    /// # Errors
    /// [`CliError`] if the path is not a folder.
    pub(crate) fn at(cwd: &Path, folder: &Path, said_by: &str) -> Result<Self, CliError> {
        match absolute(cwd, folder) {
            Ok(root) if root.as_path().is_dir() => {
                Ok(Self { is_named: true, ..Self::in_folder(root.as_path().to_owned()) })
            }
            _ => Err(CliError::no_project(folder, said_by)),
        }
    }

    pub(crate) fn in_folder(root: PathBuf) -> Self {
        Self { root, is_named: false, store: None }
    }

    /// Sets the name of the folder for a queue in a database.
    pub(crate) fn of_store(self, name: String) -> Self {
        Self { store: Some(name), ..self }
    }

    /// Fails if another user controls a part of the project, unless the project was named. Such a
    /// project must not choose the store or the path map.
    ///
    /// # Errors
    /// [`CliError`] that names the part of the project.
    pub(crate) fn require_trust(&self, variable: impl Fn(&str) -> Option<OsString>) -> Result<(), CliError> {
        if self.is_named { Ok(()) } else { trusted(&self.root, variable).map(drop) }
    }

    pub(crate) fn is_of_store(&self) -> bool {
        self.store.is_some()
    }

    /// Returns the project in another folder that uses the same store. `None` if that project has
    /// no folder of runs for the store, or if another user controls a part of that project.
    pub(crate) fn sibling(&self, root: &Path) -> Option<Self> {
        let project = trusted(root, |name| std::env::var_os(name)).ok()?;
        let sibling = Self { store: self.store.clone(), ..project };
        sibling.runs_dir().is_dir().then_some(sibling)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns this machine's folder for the files of the queue.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.of_queue(self.root.join(STATE_DIR))
    }

    pub(crate) fn logs_dir(&self) -> PathBuf {
        self.of_queue(self.root.join("logs"))
    }

    fn of_queue(&self, folder: PathBuf) -> PathBuf {
        match &self.store {
            Some(name) => folder.join(STORES).join(name),
            None => folder,
        }
    }

    /// True if the state folder exists, or if its existence cannot be determined.
    pub(crate) fn has_queue(&self) -> bool {
        !matches!(self.state_dir().metadata(), Err(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// Returns the folder with the lock files of runs and the records of guards.
    pub(crate) fn runs_dir(&self) -> PathBuf {
        self.state_dir().join("runs")
    }

    pub(crate) fn executions_dir(&self) -> PathBuf {
        self.state_dir().join("executions")
    }

    /// Returns the file with the progress of the latest workflow execution.
    pub(crate) fn orchestrator_state_file(&self) -> PathBuf {
        self.state_dir().join("ORCHESTRATOR-STATE.json")
    }

    pub(crate) fn orchestrator_log(&self) -> PathBuf {
        self.logs_dir().join("orchestrator-execution.jsonl")
    }

    pub(crate) fn stop_file(&self) -> PathBuf {
        self.state_dir().join("STOP-AUTONOMOUS")
    }

    /// Returns the file with the state of the latest run.
    pub(crate) fn state_file(&self) -> PathBuf {
        self.state_dir().join("AUTONOMOUS-STATE.json")
    }

    /// Returns the file with the progress of the latest run.
    pub(crate) fn monitor_file(&self) -> PathBuf {
        self.state_dir().join("AUTONOMOUS-MONITOR.json")
    }

    pub(crate) fn run_command_file(&self) -> PathBuf {
        self.state_dir().join("LAST-RUN.json")
    }

    pub(crate) fn event_log(&self) -> PathBuf {
        self.logs_dir().join("autonomous-processing.jsonl")
    }

    /// Returns the file that records where each copied run came from.
    pub(crate) fn copied_runs_file(&self) -> PathBuf {
        self.state_dir().join("COPIED-RUNS.json")
    }

    pub(crate) fn attempts_dir(&self) -> PathBuf {
        self.logs_dir().join("attempts")
    }

    /// True if the path is one of autoproc's own files or folders.
    pub(crate) fn is_own(&self, path: &Path) -> bool {
        let folder = Self::in_folder(self.root.clone());
        path.starts_with(folder.state_dir())
            || path.starts_with(folder.attempts_dir())
            || path.starts_with(folder.logs_dir().join(STORES))
            || [folder.event_log(), folder.orchestrator_log()].iter().any(|own| own == path)
    }
}

fn nearest(cwd: &Path) -> Option<&Path> {
    cwd.ancestors().find(|folder| folder.join(STATE_DIR).is_dir())
}

fn trusted(root: &Path, variable: impl Fn(&str) -> Option<OsString>) -> Result<Project, CliError> {
    let sudo_uid = variable("SUDO_UID").and_then(|uid| uid.to_str()?.parse().ok());
    let caller = Caller { uid: rustix::process::geteuid().as_raw(), sudo_uid };
    match caller.foreign_part(root) {
        None => Ok(Project::in_folder(root.to_owned())),
        Some(Foreign { path, why }) => Err(CliError::foreign_project(root, &path, &why.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(given: Option<&Path>, cwd: &Path, variables: &[(&str, &Path)]) -> Option<PathBuf> {
        let lookup =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        Project::find(given, cwd, lookup).ok().map(|project| project.root)
    }

    #[test]
    fn the_nearest_word_wins() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let top = folder.path();
        let (given, first, second, below) = (top.join("given"), top.join("a"), top.join("b"), top.join("x/y"));
        for path in [&given, &first, &second, &below, &top.join(STATE_DIR)] {
            std::fs::create_dir_all(path).expect("a folder below it");
        }
        let variables = [("CLAUDE_PROJECT_DIR", second.as_path()), ("AUTOPROC_PROJECT_DIR", first.as_path())];
        assert_eq!(find(Some(&given), &below, &variables), Some(given.clone()));
        assert_eq!(find(None, &below, &variables), Some(first.clone()));
        assert_eq!(find(None, &below, &variables[..1]), Some(second.clone()));
        assert_eq!(find(None, &below, &[]), Some(top.to_owned()));
        assert_eq!(find(None, &below, &[("AUTOPROC_PROJECT_DIR", Path::new(""))]), Some(top.to_owned()));
        assert_eq!(find(Some(&top.join("missing")), &below, &variables), None);
    }
}
