//! The port to the program that runs processes.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::Timestamp;
use autoproc_domain::ports::{Attempt, AttemptOutcome, ResourceUsage, StopSignal};

/// The process of one try of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepProcess {
    /// The attempt, whose log receives the output.
    pub attempt: Attempt,
    /// The end of the attempt's timeout by the wall clock, passed to the process.
    pub deadline: Timestamp,
    /// True for the first process of the attempt, which begins a new log.
    pub is_first: bool,
    /// The line before the output in the log, without its newline.
    pub heading: String,
    /// Searched for in `PATH` if it has no slash.
    pub program: OsString,
    /// Without the program's name.
    pub arguments: Vec<OsString>,
    /// Added to the inherited environment and the variables that describe the attempt, which the
    /// runner provides. If a name is repeated, the last value wins.
    pub environment: Vec<(OsString, OsString)>,
    /// The working directory; the runner chooses if `None`.
    pub working_dir: Option<PathBuf>,
    /// The process is ended after this time.
    pub timeout: Duration,
    /// The number of bytes of standard output to return.
    pub capture: usize,
}

/// The end of a step's process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepEnd {
    /// An outcome that a process can have.
    pub outcome: AttemptOutcome,
    /// The time that it ran.
    pub elapsed: Duration,
    /// `None` if it is unknown.
    pub usage: Option<ResourceUsage>,
    /// The last lines of its error output.
    pub output_tail: Box<str>,
    /// The captured beginning of its standard output.
    pub stdout: Vec<u8>,
    /// The number of bytes of its whole standard output.
    pub stdout_bytes: u64,
}

/// Runs the processes of steps.
///
/// # Contract
/// The same as that of [`Orchestrator`](autoproc_domain::ports::Orchestrator): `run` returns when
/// the process and all its descendants have ended. It ends the process after the timeout, and if
/// `stop` rises to aborting.
#[async_trait]
pub trait StepRunner: Send + Sync {
    /// Runs one process to its end.
    ///
    /// # Errors
    /// If it could not be observed to its end. A failure to *start* is an outcome.
    async fn run(&self, process: StepProcess, stop: &dyn StopSignal) -> io::Result<StepEnd>;
}
