//! One supervised process: what to start, and what came of it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use autoproc_domain::ports::ResourceUsage;

/// A process to run under a guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessSpec {
    /// The program: looked up in `PATH` where it has no slash.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// What its environment gains, as names and values; a later one of the same name wins.
    pub environment: Vec<(OsString, OsString)>,
    /// The folder it is started in; ours where `None`. A relative program path is relative to it.
    pub working_dir: Option<PathBuf>,
    /// How long it may take; a pause does not count.
    pub timeout: Duration,
    /// The file for what it prints, on both streams; nothing is kept where `None`. No file is made where it prints nothing.
    pub log: Option<PathBuf>,
    /// How many bytes of what it prints on its standard output the report shall hold, at most [`CAPTURE_LIMIT`].
    pub capture: usize,
}

/// The most of a process's standard output that a report can hold, in bytes: what is to be longer belongs into a file.
pub const CAPTURE_LIMIT: usize = 32 << 20;

/// What came of a process, told when it and everything it started is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessReport {
    /// How it ended.
    pub ending: Ending,
    /// How long it ran, pauses left out; where it was ended, until the last of what it started was gone.
    pub elapsed: Duration,
    /// What it and those of its children that it waited for used, where the system could tell.
    pub usage: Option<ResourceUsage>,
    /// The last bytes of its error output, [`STDERR_TAIL`] at most.
    pub stderr_tail: Vec<u8>,
    /// The first bytes of its standard output, as many as were asked for.
    pub stdout: Vec<u8>,
    /// How many bytes it wrote to its standard output in all.
    pub stdout_bytes: u64,
    /// Why what it printed could not be kept, where that was so. The process was not told.
    pub log_error: Option<String>,
}

/// How much of the error output a report holds, in bytes: a page, the last lines of which a person is shown.
pub const STDERR_TAIL: usize = 4 << 10;

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Ending {
    /// By itself, with this exit status.
    Exited {
        /// The exit status.
        code: i32,
    },
    /// By a signal that we did not send.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
    /// Over its time; ended by us.
    TimedOut,
    /// Ended by us, because the stop level rose to aborting.
    Aborted,
    /// It never began.
    CannotStart {
        /// Why.
        reason: String,
        /// Whether another try would meet the same: no such program, not executable.
        permanent: bool,
    },
    /// Its guard was killed; what it had started was ended after that.
    GuardDied,
}
