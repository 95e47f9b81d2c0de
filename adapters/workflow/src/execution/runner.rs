//! The seam to whoever runs processes.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::Timestamp;
use autoproc_domain::ports::{Attempt, AttemptOutcome, ResourceUsage, StopSignal};

/// One step's process, ready to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepProcess {
    /// The attempt it belongs to, in whose log its output goes.
    pub attempt: Attempt,
    /// When the attempt's time is over, by the wall clock, for the process to know.
    pub deadline: Timestamp,
    /// Whether it is the attempt's first, so that its log begins with it.
    pub is_first: bool,
    /// The line of the log that says which step begins, without its end.
    pub heading: String,
    /// The program: looked up in `PATH` where it has no slash.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Added to the inherited environment and the variables that describe the attempt, which the
    /// runner provides. If a name is repeated, the last value wins.
    pub environment: Vec<(OsString, OsString)>,
    /// The folder it is started in; the runner's choice where `None`.
    pub working_dir: Option<PathBuf>,
    /// How long it may take.
    pub timeout: Duration,
    /// How many bytes of its standard output the answer shall hold.
    pub capture: usize,
}

/// How a step's process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepEnd {
    /// How; one of those that speak of a process.
    pub outcome: AttemptOutcome,
    /// How long it ran.
    pub elapsed: Duration,
    /// What it used, where that is known.
    pub usage: Option<ResourceUsage>,
    /// The last lines of its error output.
    pub stderr_tail: Box<str>,
    /// The first bytes of its standard output, as many as were asked for.
    pub stdout: Vec<u8>,
    /// How many bytes it wrote there in all.
    pub stdout_bytes: u64,
}

impl StepEnd {
    /// An end of nothing but the outcome and the time.
    #[must_use]
    pub fn new(outcome: AttemptOutcome, elapsed: Duration) -> Self {
        Self { outcome, elapsed, usage: None, stderr_tail: Box::default(), stdout: Vec::new(), stdout_bytes: 0 }
    }
}

/// Runs the processes of steps.
///
/// # Contract
/// As [`Orchestrator`](autoproc_domain::ports::Orchestrator)'s: `run` returns when the process and
/// whatever it started are over, a process over its time is ended, and so are all while `stop` is
/// at aborting or above.
#[async_trait]
pub trait StepRunner: Send + Sync {
    /// Runs one process to its end.
    ///
    /// # Errors
    /// Where it could not be observed to its end. Failure to *start* is an outcome.
    async fn run(&self, process: StepProcess, stop: &dyn StopSignal) -> io::Result<StepEnd>;
}
