//! Connects concrete adapters to the ports.

mod adapter_error;
mod folder;
mod run;
mod run_control;
mod steps;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ports::{Clock, History, Observer, Runs, Storage, StorageError};
use autoproc_domain::{ProcessorState, RunId};
use autoproc_json_store::{JsonStore, Mode, StateFolder, StoreConfig};
use autoproc_subprocess::AttemptLogs;
use autoproc_subprocess::sweep::Sweeper;
use autoproc_system::{
    EventLog, EventLogHistory, MonitorDocument, RecordedCommand, RunCommand, StandingStop, StateDocument,
    StateFileError, SystemClock, read_monitor_file, read_run_command, read_state_file, write_run_command,
    write_stop_request,
};
use autoproc_workflow::execution::Executions;

use crate::console::Console;
use crate::maintenance::Maintenance;
use crate::project::Project;
use folder::FolderMaintenance;

pub(crate) use adapter_error::{check_process_table, execution_error, find_error, runners_error};
pub(crate) use run::{OnSuspension, RunSettings, Task};
pub(crate) use run_control::{Pause, RunControl};

/// The options for opening the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenOptions {
    /// The maximum wait for the lock of the queue.
    pub(crate) lock_timeout: Duration,
    /// True if writing is allowed on a network file system.
    pub(crate) allow_network_fs: bool,
}

/// The purpose for which the ports are created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Command,
    Run,
    /// Completion in a shell: the ports are only read, and no warnings are printed.
    Completion,
}

pub(crate) struct Wiring {
    project: Project,
    console: Arc<Console>,
    store: Arc<JsonStore>,
    options: OpenOptions,
    clock: Arc<SystemClock>,
}

impl Wiring {
    /// Creates the adapters for this project without accessing any file.
    pub(crate) fn new(project: Project, options: OpenOptions, purpose: Purpose, console: Arc<Console>) -> Self {
        let store = JsonStore::open(StoreConfig {
            state_dir: project.state_dir(),
            base: project.root().to_owned(),
            lock_timeout: options.lock_timeout,
            mode: match purpose {
                Purpose::Command | Purpose::Completion => Mode::Command,
                Purpose::Run => Mode::Service,
            },
            on_notice: if purpose == Purpose::Completion { Arc::new(|_| {}) } else { notices(&console) },
        });
        let store = Arc::new(store.allowing_network_fs(options.allow_network_fs));
        Self { project, console, store, options, clock: Arc::new(SystemClock) }
    }

    /// Creates the adapters for another project, with the same options.
    pub(crate) fn elsewhere(&self, project: Project, purpose: Purpose) -> Self {
        Self::new(project, self.options, purpose, self.console.clone())
    }

    pub(crate) fn options(&self) -> OpenOptions {
        self.options
    }

    /// Returns the maintenance operations for the queue's files and their location.
    pub(crate) fn maintenance(&self) -> impl Maintenance + use<> {
        FolderMaintenance { folder: self.state_folder(), now: self.clock.now() }
    }

    fn state_folder(&self) -> StateFolder {
        StateFolder {
            state_dir: self.project.state_dir(),
            base: self.project.root().to_owned(),
            lock_timeout: self.options.lock_timeout,
            allow_network_fs: self.options.allow_network_fs,
        }
    }

    pub(crate) fn storage(&self) -> Arc<dyn Storage> {
        self.store.clone()
    }

    pub(crate) fn runs(&self) -> Arc<dyn Runs> {
        self.store.clone()
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// Closes the store.
    ///
    /// # Errors
    /// The errors of the store. No change is lost if closing fails.
    pub(crate) async fn close(&self) -> Result<(), StorageError> {
        self.store.close().await
    }

    /// Returns a unique name for a run: the time and 74 random bits (RFC 9562, UUID version 7). A
    /// time before 1970 is replaced by 1970.
    pub(crate) fn new_run(&self) -> RunId {
        let micros = u64::try_from(self.clock.now().as_micros()).unwrap_or(0);
        let since = Duration::from_micros(micros);
        let time = uuid::Timestamp::from_unix(uuid::NoContext, since.as_secs(), since.subsec_nanos());
        RunId::new(uuid::Uuid::new_v7(time).to_string())
    }

    /// Returns the reaper, which ends the leftover processes of dead runs on this host. `grace` is
    /// the time between SIGTERM and SIGKILL.
    pub(crate) fn reaper(&self, grace: Duration) -> Sweeper {
        Sweeper::for_grace(self.project.runs_dir(), grace, self.project.root())
    }

    /// Returns an observer that appends events to the event log of runs.
    pub(crate) fn event_log(&self) -> Arc<dyn Observer> {
        Arc::new(EventLog::new(self.project.event_log(), notices(&self.console)))
    }

    /// Requests all live runs to stop: to drain, or to abort if `now`.
    ///
    /// # Errors
    /// If the request cannot be written.
    pub(crate) fn request_stop(&self, now: bool) -> io::Result<()> {
        write_stop_request(&self.project.stop_file(), now)
    }

    /// Returns the stop request in the stop file; `None` if there is none.
    pub(crate) fn standing_stop(&self) -> Option<StandingStop> {
        StandingStop::read(&self.project.stop_file())
    }

    /// Returns the state that the latest run reported; `None` if there is no state file.
    ///
    /// # Errors
    /// If the state file cannot be read or parsed.
    pub(crate) fn processor_state(&self) -> Result<Option<ProcessorState>, StateFileError> {
        Ok(read_state_file(&self.project.state_file())?.map(|StateDocument { state, .. }| state))
    }

    /// Returns the progress that the latest run reported; `None` if there is no monitor file.
    ///
    /// # Errors
    /// If the monitor file cannot be read or parsed.
    pub(crate) fn monitor(&self) -> Result<Option<MonitorDocument>, StateFileError> {
        read_monitor_file(&self.project.monitor_file())
    }

    /// Records the command line of a run that begins.
    ///
    /// # Errors
    /// If the record cannot be written.
    pub(crate) fn record_run_command(&self, command: &RunCommand) -> io::Result<()> {
        write_run_command(&self.project.run_command_file(), command)
    }

    /// Returns the command line of the latest run; `None` if none is recorded.
    ///
    /// # Errors
    /// If the record cannot be read or parsed.
    pub(crate) fn run_command(&self) -> Result<Option<RecordedCommand>, StateFileError> {
        read_run_command(&self.project.run_command_file())
    }

    /// Returns the history, which is read from the event log.
    pub(crate) fn history(&self) -> Arc<dyn History> {
        Arc::new(EventLogHistory::new(self.project.event_log()))
    }

    /// Returns the logs with the output of attempts.
    pub(crate) fn attempt_logs(&self) -> AttemptLogs {
        AttemptLogs::new(self.project.attempts_dir())
    }

    /// Returns the stored workflow executions.
    pub(crate) fn executions(&self) -> Executions {
        Executions::new(self.project.executions_dir())
    }
}

fn notices(console: &Arc<Console>) -> Arc<dyn Fn(&str) + Send + Sync> {
    let console = console.clone();
    Arc::new(move |notice| console.warn(notice))
}
