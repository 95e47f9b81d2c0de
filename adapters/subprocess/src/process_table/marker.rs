//! The environment variable of the processes of a run.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use autoproc_domain::{ItemId, RunId};

use crate::environment::{ITEM_VARIABLE, PROJECT_VARIABLE, RUN_VARIABLE, RUNNER_VARIABLE};
use crate::process_table::{ProcessId, not_found_if_gone};

/// The environment variable that every process of a run has, unless the process has removed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    entry: Vec<u8>,
    /// The project folder, or `None` for any project.
    project: Option<PathBuf>,
}

impl Marker {
    /// Creates a marker that matches all processes of a run.
    #[must_use]
    pub fn of_run(run: &RunId) -> Self {
        Self { entry: format!("{RUN_VARIABLE}={}", run.as_str()).into_bytes(), project: None }
    }

    /// Restricts the marker to processes of one project. A process does not match if its
    /// environment names another existing project folder.
    ///
    /// If a project folder is copied, the live runs of the original look dead in the copy. Without
    /// this restriction, recovery in the copy would end the processes of these runs.
    #[must_use]
    pub fn in_project(self, project: impl Into<PathBuf>) -> Self {
        Self { project: Some(project.into()), ..self }
    }

    /// True if the initial environment of process `pid` contains the marker.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is no such process. [`io::ErrorKind::PermissionDenied`]
    /// if the kernel denies access, for example to a process of another user (ptrace(2), "Ptrace
    /// access mode checking").
    pub fn matches(&self, pid: i32) -> io::Result<bool> {
        std::fs::read(format!("/proc/{pid}/environ")).map(|bytes| self.is_in(&bytes)).map_err(not_found_if_gone)
    }

    /// Returns the run's main process, as named in the environment of process `pid`. `None` if
    /// process `pid` does not have the marker.
    pub(crate) fn runner_of(&self, pid: i32) -> Option<ProcessId> {
        self.runner_in(&std::fs::read(format!("/proc/{pid}/environ")).ok()?)
    }

    /// Returns the item that process `pid` works on. `None` if the process has no item, or does not
    /// have the marker.
    pub(crate) fn item_of(&self, pid: i32) -> Option<ItemId> {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
        let item = value_of(ITEM_VARIABLE, &environment).filter(|_| self.is_in(&environment))?;
        Some(ItemId::new(std::str::from_utf8(item).ok()?.parse().ok()?))
    }

    fn runner_in(&self, environment: &[u8]) -> Option<ProcessId> {
        let runner = value_of(RUNNER_VARIABLE, environment).filter(|_| self.is_in(environment))?;
        ProcessId::parse(std::str::from_utf8(runner).ok()?)
    }

    fn is_in(&self, environment: &[u8]) -> bool {
        environment.split(|byte| *byte == 0).any(|entry| entry == self.entry) && !self.is_elsewhere(environment)
    }

    fn is_elsewhere(&self, environment: &[u8]) -> bool {
        let named = value_of(PROJECT_VARIABLE, environment).map(|folder| Path::new(OsStr::from_bytes(folder)));
        let identity = |folder: &Path| folder.metadata().map(|metadata| (metadata.dev(), metadata.ino())).ok();
        let known = |folder: Option<&Path>| folder.and_then(identity);
        known(named).zip(known(self.project.as_deref())).is_some_and(|(named, own)| named != own)
    }
}

/// Returns the run id in the environment of process `pid`.
pub(crate) fn marked_run(pid: i32) -> Option<String> {
    run_in(&std::fs::read(format!("/proc/{pid}/environ")).ok()?)
}

fn run_in(environment: &[u8]) -> Option<String> {
    String::from_utf8(value_of(RUN_VARIABLE, environment)?.to_vec()).ok()
}

fn value_of<'e>(variable: &str, environment: &'e [u8]) -> Option<&'e [u8]> {
    let mut entries = environment.split(|byte| *byte == 0);
    entries.find_map(|entry| entry.strip_prefix(variable.as_bytes())?.strip_prefix(b"="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_another_existing_project_does_not_match() {
        let [project, copy] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let marker = Marker::of_run(&RunId::new("r1")).in_project(project.path());
        let of = |named: &Path| {
            let environment = format!("AUTOPROC_RUN_ID=r1\0AUTOPROC_PROJECT_DIR={}\0", named.display());
            marker.is_in(environment.as_bytes())
        };
        assert!(of(project.path()) && of(&project.path().join(".")) && of(Path::new("/no/such/folder")));
        assert!(!of(copy.path()));
        assert!(marker.is_in(b"AUTOPROC_RUN_ID=r1\0"), "the folder is unknown");
    }

    #[test]
    fn a_marked_process_may_name_the_process_of_its_run() {
        let marker = Marker::of_run(&RunId::new("r1"));
        let runner = ProcessId { pid: 811, started: 90_210 };
        let of = |run: &str, runner: &str| {
            marker.runner_in(format!("AUTOPROC_RUN_ID={run}\0AUTOPROC_RUNNER={runner}\0").as_bytes())
        };
        assert_eq!(of("r1", &runner.to_string()), Some(runner));
        assert_eq!(of("r2", &runner.to_string()), None);
        assert_eq!(of("r1", "811"), None);
        assert_eq!(marker.runner_in(b"AUTOPROC_RUN_ID=r1\0"), None);
    }

    #[test]
    fn the_marker_names_the_run() {
        assert_eq!(run_in(b"A=1\0AUTOPROC_RUN_ID=r1\0B=2\0").as_deref(), Some("r1"));
        assert_eq!(run_in(b"A=AUTOPROC_RUN_ID=r1\0AUTOPROC_RUN_IDS=2\0"), None);
    }

    #[test]
    fn only_a_complete_entry_matches() {
        let marker = Marker::of_run(&RunId::new("r1"));
        assert!(marker.is_in(b"A=1\0AUTOPROC_RUN_ID=r1\0B=2\0"));
        assert!(marker.is_in(b"AUTOPROC_RUN_ID=r1"));
        for other in [
            &b"AUTOPROC_RUN_ID=r10\0"[..],
            b"XAUTOPROC_RUN_ID=r1\0",
            b"A=AUTOPROC_RUN_ID=r1\0",
            b"AUTOPROC_RUN_ID=\0r1\0",
            b"",
        ] {
            assert!(!marker.is_in(other), "{}", other.escape_ascii());
        }
    }
}
