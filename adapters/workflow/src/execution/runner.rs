//! The port for running processes.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::Timestamp;
use autoproc_domain::ports::{Attempt, AttemptOutcome, ResourceUsage, StopSignal};

/// The process for one try of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepProcess {
    /// The attempt whose log receives the output.
    pub attempt: Attempt,
    /// The wall-clock time at which the attempt times out. The process receives this time.
    pub deadline: Timestamp,
    /// True for the first process of the attempt, which begins a new log.
    pub is_first: bool,
    /// The line to write to the log before the output, without its newline.
    pub heading: String,
    /// The program, searched for in `PATH` if it has no slash.
    pub program: OsString,
    /// The arguments, without the program's name.
    pub arguments: Vec<OsString>,
    /// The variables to add to the environment. The [`StepRunner`] provides the inherited variables
    /// and the variables that describe the attempt. If a name is repeated, the last value wins.
    pub environment: Vec<(OsString, OsString)>,
    /// The working directory; if `None`, the [`StepRunner`] chooses the directory.
    pub working_dir: Option<PathBuf>,
    /// The time limit after which the process is ended.
    pub timeout: Duration,
    /// The maximum number of bytes of standard output to return.
    pub capture: usize,
}

/// The result of a step's process that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepEnd {
    /// The outcome of the process.
    pub outcome: AttemptOutcome,
    /// The duration of the process.
    pub elapsed: Duration,
    /// The resource usage; `None` if it is unknown.
    pub usage: Option<ResourceUsage>,
    /// The last lines of the output.
    pub output_tail: Box<str>,
    /// The captured beginning of the standard output.
    pub stdout: Vec<u8>,
    /// The length of the whole standard output, in bytes.
    pub stdout_bytes: u64,
}

/// Runs the processes of steps.
///
/// # Contract
/// `run` follows the contract of [`Orchestrator`](autoproc_domain::ports::Orchestrator). It returns
/// when the process and all its descendants have ended. It ends the process after the timeout, or
/// when `stop` requests an abort.
#[async_trait]
pub trait StepRunner: Send + Sync {
    /// Runs one process to its end.
    ///
    /// # Errors
    /// If the process could not be observed to its end. A failure to *start* the process is
    /// returned as an outcome.
    async fn run(&self, process: StepProcess, stop: &dyn StopSignal) -> io::Result<StepEnd>;
}
