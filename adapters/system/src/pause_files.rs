//! The two pause files of a run, in the folder of its lock file.
//!
//! - `<run>.pause` is the request. Other processes create it to pause the run.
//! - `<run>.paused` is the mark. The run creates it at the start of a pause.
//!
//! Both files are empty, because an empty file can be created even on a full disk.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use autoproc_domain::{RunId, Timestamp};
use autoproc_regular_file as regular_file;

const REQUEST_SUFFIX: &str = ".pause";
const MARK_SUFFIX: &str = ".paused";
const LOCK_SUFFIX: &str = ".lock";

/// The pause files of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseFiles {
    request: PathBuf,
    mark: PathBuf,
}

impl PauseFiles {
    /// Returns the pause files of a run. `runs_dir` is the folder that contains the lock files of
    /// runs.
    #[must_use]
    pub fn of(runs_dir: &Path, run: &RunId) -> Self {
        // A slash in the run's id would lead out of the folder.
        let name = run.as_str().replace('/', "%");
        let path = |suffix| runs_dir.join(format!("{name}{suffix}"));
        Self { request: path(REQUEST_SUFFIX), mark: path(MARK_SUFFIX) }
    }

    /// Returns the path of the request file.
    #[must_use]
    pub fn request_path(&self) -> &Path {
        &self.request
    }

    /// Requests a pause of the run. Returns false if a pause was already requested.
    ///
    /// # Errors
    /// If the request file cannot be created.
    pub fn request(&self) -> io::Result<bool> {
        create(&self.request)
    }

    /// Withdraws the request to pause the run. Returns false if there is no request.
    ///
    /// # Errors
    /// If the request file cannot be removed. The request then remains in force.
    pub fn withdraw(&self) -> io::Result<bool> {
        remove(&self.request)
    }

    /// True if a pause of the run is requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.request.symlink_metadata().is_ok()
    }

    /// True if the run is paused, or was paused when it was killed.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.mark.symlink_metadata().is_ok()
    }

    /// Returns when the pause began; `None` if the run is not paused or the time is unknown.
    #[must_use]
    pub fn paused_since(&self) -> Option<Timestamp> {
        let modified = self.mark.symlink_metadata().and_then(|metadata| metadata.modified()).ok()?;
        let since = modified.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_micros()).ok().map(Timestamp::from_micros)
    }

    pub(crate) fn mark(&self) -> io::Result<bool> {
        create(&self.mark)
    }

    pub(crate) fn unmark(&self) -> io::Result<bool> {
        remove(&self.mark)
    }

    pub(crate) fn remove(&self) {
        let _ = self.withdraw();
        let _ = self.unmark();
        if let Some(runs_dir) = self.mark.parent() {
            Self::remove_abandoned(runs_dir);
        }
    }

    /// Removes the pause files of all runs that have no lock file. Ignores failures, because a
    /// leftover file is harmless.
    pub fn remove_abandoned(runs_dir: &Path) {
        for entry in fs::read_dir(runs_dir).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(run) = name.to_str().and_then(run_of) else { continue };
            if !runs_dir.join(format!("{run}{LOCK_SUFFIX}")).exists() {
                let _ = remove(&entry.path());
            }
        }
    }
}

fn run_of(name: &str) -> Option<&str> {
    name.strip_suffix(REQUEST_SUFFIX).or_else(|| name.strip_suffix(MARK_SUFFIX))
}

fn create(path: &Path) -> io::Result<bool> {
    match regular_file::create(OpenOptions::new().write(true), path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_made_and_withdrawn_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let files = PauseFiles::of(dir.path(), &RunId::new("r"));
        assert!(!files.is_requested() && files.paused_since().is_none());
        assert!(files.request().expect("written") && !files.request().expect("it stands"));
        assert!(files.is_requested() && !files.is_marked());
        assert!(files.withdraw().expect("removed") && !files.withdraw().expect("there is none"));
        assert!(files.mark().expect("written") && files.paused_since().is_some());
    }

    #[test]
    fn a_request_follows_no_link() {
        let dir = tempfile::tempdir().expect("a folder");
        let (files, target) = (PauseFiles::of(dir.path(), &RunId::new("r")), dir.path().join("elsewhere"));
        std::os::unix::fs::symlink(&target, files.request_path()).expect("a link");
        assert!(!files.request().expect("it stands") && !target.exists());
    }

    #[test]
    fn only_files_of_runs_without_a_lock_are_removed() {
        let dir = tempfile::tempdir().expect("a folder");
        let names = ["dead.pause", "dead.paused", "live.pause", "live.paused", "live.lock", "dead.guard-0", "other"];
        for name in names {
            fs::write(dir.path().join(name), "").expect("a file");
        }
        PauseFiles::remove_abandoned(dir.path());
        let left: Vec<_> = names.into_iter().filter(|name| dir.path().join(name).exists()).collect();
        assert_eq!(left, names[2..]);
    }
}
