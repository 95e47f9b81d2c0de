//! Pauses and resumes live runs of this machine.
//!
//! A file requests a pause. A signal could reach the wrong process: after a run died, another
//! process may have its number. A stopped process cannot read files, so SIGCONT continues it.
//! SIGCONT is sent only if the run is alive.
//!
//! If the queue is in a database, a run counts as alive until its lease expires. Its process may
//! have ended earlier.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use autoproc_domain::ports::{LiveRun, Location, Runs, StorageError};
use autoproc_domain::{RunId, Timestamp};
use autoproc_subprocess::process_table::{self, Process, SignalResult};
use autoproc_system::PauseFiles;

use super::Wiring;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pause {
    /// When the pause began. `None` if the run did not record the time.
    pub(crate) since: Option<Timestamp>,
    /// True if the process of the run is stopped, for instance by Ctrl-Z.
    pub(crate) is_stopped: bool,
}

pub(crate) struct RunControl {
    runs_dir: PathBuf,
    own: Location,
    is_shared: bool,
}

impl Wiring {
    pub(crate) fn run_control(&self) -> RunControl {
        RunControl { runs_dir: self.project.runs_dir(), own: self.location(), is_shared: self.server().is_some() }
    }
}

impl RunControl {
    pub(crate) fn files(&self, run: &LiveRun) -> PauseFiles {
        PauseFiles::of(&self.runs_dir, &run.info.id)
    }

    pub(crate) fn remove_abandoned(&self) {
        PauseFiles::remove_abandoned(&self.runs_dir);
    }

    /// True if the run belongs to this project folder and this machine. The run may be in another
    /// container.
    pub(crate) fn is_local(&self, run: &LiveRun) -> bool {
        let theirs = &run.info.location;
        let is_of_folder = !self.is_shared || theirs.project == self.own.project;
        is_of_folder && theirs.boot == self.own.boot && (theirs.host == self.own.host || !theirs.boot.is_empty())
    }

    /// True if the files of this project folder describe the run.
    pub(crate) fn is_described_here(&self, run: &LiveRun) -> bool {
        !self.is_shared || self.is_local(run)
    }

    pub(crate) fn elsewhere(&self) -> &'static str {
        if self.is_shared {
            "is on another machine, or belongs to another project folder"
        } else {
            "is on another machine"
        }
    }

    pub(crate) fn pause_of(&self, run: &LiveRun) -> Option<Pause> {
        let since = self.files(run).paused_since();
        let is_stopped = self.process(run).is_some_and(|process| process.is_stopped);
        (since.is_some() || is_stopped).then_some(Pause { since, is_stopped })
    }

    /// True if the run's commands are stopped, or cannot be observed.
    pub(crate) fn stands_still(&self, run: &LiveRun) -> bool {
        let Some(process) = self.process(run) else { return true };
        let below = process_table::descendants_of(process.id.pid).unwrap_or_default();
        // The children of the run's process are its guards, which are not paused.
        let mut commands = below.iter().filter(|below| below.parent != process.id.pid && !below.is_zombie);
        // A process that waits for a stopped child in vfork(2) is blocked. It never becomes stopped
        // itself.
        commands.all(|command| command.is_stopped || command.is_blocked)
    }

    pub(crate) fn pauses(&self, runs: &[LiveRun]) -> BTreeMap<RunId, Pause> {
        runs.iter().filter_map(|run| Some((run.info.id.clone(), self.pause_of(run)?))).collect()
    }

    /// Continues the process of a run, if it is stopped. Returns true if the signal was sent. Must
    /// read the process before it checks that the run is alive. For a queue in a folder, this
    /// proves that the process is that of the run.
    ///
    /// # Errors
    /// [`StorageError`] if the live runs cannot be read; [`io::Error`] if the system refuses the
    /// signal.
    pub(crate) async fn continue_process(
        &self,
        run: &LiveRun,
        runs: &dyn Runs,
    ) -> Result<io::Result<bool>, StorageError> {
        let Some(process) = self.process(run).filter(|process| process.is_stopped) else { return Ok(Ok(false)) };
        let is_proven = runs.live().await?.iter().any(|live| live.info == run.info);
        if !is_proven {
            return Ok(Ok(false));
        }
        Ok(match process_table::resume(process.id) {
            SignalResult::Sent => Ok(true),
            SignalResult::Gone => Ok(false),
            SignalResult::Refused(errno) => Err(errno.into()),
        })
    }

    /// Returns the process of the run, if it is visible from here.
    fn process(&self, run: &LiveRun) -> Option<Process> {
        let theirs = &run.info.location;
        let is_visible =
            self.is_local(run) && theirs.host == self.own.host && theirs.pid_namespace == self.own.pid_namespace;
        let pid = i32::try_from(theirs.pid).ok().filter(|pid| is_visible && *pid > 0)?;
        process_table::read(pid).ok()
    }
}
