//! The runner's side of supervision: a pool of guards, one for each process under way.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use autoproc_domain::RunId;
use autoproc_domain::ports::StopSignal;

use crate::bounded_log::OutputLimits;
use crate::process::{ProcessReport, ProcessSpec};

/// How guards are started and what they are told once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardSettings {
    /// The program that becomes a guard: one whose `main` begins with [`become_guard`](crate::become_guard).
    /// [`own_executable`] where that is the calling program.
    pub executable: PathBuf,
    /// The run that the processes belong to: every one of them bears it in its environment, as `AUTOPROC_RUN_ID`.
    pub run: RunId,
    /// How long a process that is to end has before it is killed.
    pub grace: Duration,
    /// The folder where guards keep the records by which a later run proves what a killed one left at work; no records are
    /// kept where `None`.
    pub records_dir: Option<PathBuf>,
    /// How much of what a process prints is kept.
    pub output: OutputLimits,
}

/// Runs processes under guards. A guard is started when a further process is to run at the same time, and lives until
/// [`close`](Self::close).
pub struct Guards {
    settings: GuardSettings,
}

impl Guards {
    /// A pool without any guard yet.
    #[must_use]
    pub fn new(settings: GuardSettings) -> Self {
        Self { settings }
    }

    /// Runs one process to its end, and to the end of everything it started.
    ///
    /// Where `stop` rises to aborting it is asked to terminate and killed after the grace; at killing, at once.
    ///
    /// # Errors
    /// Where no guard can be started (try again later), or what the process started can be neither ended nor seen to have
    /// ended.
    pub async fn run(&self, _spec: ProcessSpec, _stop: &dyn StopSignal) -> io::Result<ProcessReport> {
        Err(io::Error::other(format!("run {} has no guards yet", self.settings.run)))
    }

    /// Holds every process that is under way, and its clock. May be called from any thread.
    pub fn pause(&self) {}

    /// Lets paused processes go on. May be called from any thread.
    pub fn resume(&self) {}

    /// Ends all guards and waits for them. Nothing can be run afterwards.
    pub async fn close(&self) {}
}

/// The calling program, as a guard's executable.
///
/// On Linux this stays right when the program's file is replaced while it runs.
///
/// # Errors
/// Where the system cannot tell.
pub fn own_executable() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}
