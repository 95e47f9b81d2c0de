//! Holds a queue back until all its jobs are in it, and sees when the last one ends.
//!
//! The first job waits until a file is there, and the last one makes another. A tool that runs several at a time ends its
//! last jobs in any order, so the end is known to within one job; the beginning to within the hundredth of a second with
//! which the first job looks. Both are small beside the second and more that a drain takes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::process::{Usage, wait_until};

/// More than the slowest of the peers needs.
const LIMIT: Duration = Duration::from_secs(900);

pub(super) struct Gate {
    opened: PathBuf,
    ended: PathBuf,
}

impl Gate {
    /// A closed gate. The folder's path must hold nothing that a shell reads as anything else.
    pub(super) fn in_folder(place: &Path) -> Self {
        Self { opened: place.join("gate-opened"), ended: place.join("last-job-ended") }
    }

    /// The job that waits.
    pub(super) fn first_job(&self) -> Vec<String> {
        let script = "while [ ! -e \"$0\" ]; do sleep 0.01; done";
        vec!["sh".to_owned(), "-c".to_owned(), script.to_owned(), self.opened.display().to_string()]
    }

    /// The job that tells the end.
    pub(super) fn last_job(&self) -> Vec<String> {
        vec!["touch".to_owned(), self.ended.display().to_string()]
    }

    /// Lets the jobs begin and waits for the last one. `begin` is called at once after the start of the time, and what was
    /// written before is on the disk then, as with [`crate::process::measure_run`].
    pub(super) fn time(&self, begin: impl FnOnce() -> io::Result<()>) -> io::Result<Usage> {
        rustix::fs::sync();
        let started = Instant::now();
        begin()?;
        self.open()?;
        wait_until("the last job's end", LIMIT, || self.ended.exists())?;
        Ok(Usage::of_wall(started.elapsed()))
    }

    /// Lets the jobs begin.
    pub(super) fn open(&self) -> io::Result<()> {
        fs::write(&self.opened, "")
    }
}
