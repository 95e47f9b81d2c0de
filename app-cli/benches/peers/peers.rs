//! The tools that people would use instead: whether each is installed, how it is asked to run jobs, and what it keeps.
//!
//! What a drain covers: a tool that reads a list (xargs, make, the two programs named parallel) is timed as a whole
//! process from list to end. A tool with a queue gets its jobs beforehand and is timed from the moment it may start
//! until the last job has ended; for our own program that is the whole process `autoproc run`, without the adding. Where a
//! choice had to be made, it is the one that favours the peer. Nobody's time begins before what was prepared is on the
//! disk.

mod gate;
mod gnu_parallel;
mod huey;
mod make;
mod moreutils;
mod nq;
mod original;
mod pueue;
mod task_spooler;
mod xargs;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Usage, ask};

/// Jobs to run: a command for each path of a list, which comes as its last argument.
#[derive(Debug, Clone)]
pub(crate) struct Jobs {
    /// A program and its first arguments.
    pub(crate) command: Vec<String>,
    /// A path a line.
    pub(crate) list: PathBuf,
    /// How many lines.
    pub(crate) count: usize,
    /// How many at a time.
    pub(crate) at_once: usize,
}

impl Jobs {
    /// The paths.
    ///
    /// # Errors
    /// The list cannot be read.
    pub(crate) fn paths(&self) -> io::Result<Vec<String>> {
        Ok(fs::read_to_string(&self.list)?.lines().map(str::to_owned).collect())
    }
}

/// A tool that runs jobs.
pub(crate) trait Peer {
    /// What the report calls it.
    fn name(&self) -> &'static str;

    /// What is left of its jobs after the machine went down, in a few words.
    fn keeps(&self) -> &'static str;

    /// Its version; `None` where it is not installed.
    fn version(&self) -> Option<String>;

    /// The most jobs of one sample: fewer than asked for where it would take minutes, or cannot hold more.
    fn most_jobs(&self) -> usize {
        usize::MAX
    }

    /// The most jobs it runs at a time.
    fn most_at_once(&self) -> usize {
        usize::MAX
    }

    /// Runs the jobs, in an empty folder of its own.
    ///
    /// # Errors
    /// The tool failed, or did not end within a generous limit.
    fn drain(&self, jobs: &Jobs, place: &Path) -> io::Result<Usage>;

    /// A queue in an empty folder to which single jobs can be added without being run; `None` of tools that have none.
    ///
    /// # Errors
    /// The tool could not be started.
    fn queue(&self, _place: &Path) -> io::Result<Option<Box<dyn Queue>>> {
        Ok(None)
    }
}

/// An open queue of a tool. What serves it ends when it is dropped.
pub(crate) trait Queue {
    /// The process that adds a job.
    fn add(&self, job: &[String]) -> Command;
}

/// All peers, the fastest kind first.
pub(crate) fn all() -> Vec<Box<dyn Peer>> {
    vec![
        Box::new(xargs::Xargs),
        Box::new(moreutils::Moreutils::find()),
        Box::new(make::Make),
        Box::new(task_spooler::TaskSpooler),
        Box::new(huey::Huey),
        Box::new(nq::Nq),
        Box::new(gnu_parallel::GnuParallel),
        Box::new(pueue::Pueue),
        Box::new(original::Original::from_environment()),
    ]
}

/// The last word of the first line that a program prints when asked for its version; `None` where it cannot be started
/// or says nothing.
fn version_word(command: &mut Command) -> Option<String> {
    let answer = ask(command).ok()?;
    answer.lines().next()?.split_whitespace().last().map(str::to_owned)
}
