//! Puts concrete adapters behind the ports. No other module names an adapter.

mod output;
mod recipe;
mod steps;
mod supervision;
mod workflow;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ports::{Clock, History, Observer, Runs, Storage, StorageError};
use autoproc_domain::{ProcessorState, RunId};
use autoproc_json_store::{self as json_store, ExportError, JsonStore, Mode, Probe, StateFolder, StoreConfig};
use autoproc_subprocess::sweep::Sweeper;
use autoproc_subprocess::{AttemptLogs, CommandLine, Retention};
use autoproc_system::{
    EventLog, EventLogHistory, StateDocument, StateFileError, SystemClock, read_state_file, write_stop_request,
};

use crate::console::Console;
use crate::error::CliError;
use crate::project::Project;
use crate::request::{CommandTemplate, KeepOutput};

pub(crate) use workflow::{ExecutionError, ExecutionStatus, Forecast, PreviewedStep, ProgressReport};

pub(crate) use autoproc_json_store::{
    ChangeCounts, Damage, Examination, FileSystem, RepairMethod, RepairOutcome, RepairPlan,
};
pub(crate) use autoproc_subprocess::{AttemptLog, DEFAULT_GRACE, Follower, become_guard};
pub(crate) use output::{AttemptFiles, Pruner, written_at};

pub(crate) use autoproc_workflow::definition as workflow_definition;
pub(crate) use autoproc_workflow::runners::RunnersError;
pub(crate) use autoproc_workflow::{Catalogue, FindError, Listed as ListedWorkflow, Problem, Severity, WorkflowFile};

/// How the queue is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenOptions {
    /// The longest wait for the lock.
    pub(crate) lock_timeout: Duration,
    /// True to write on a network file system as well.
    pub(crate) allow_network_fs: bool,
}

/// The purpose of the ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Command,
    Run,
}

pub(crate) struct Wiring {
    project: Project,
    console: Arc<Console>,
    store: Arc<JsonStore>,
    options: OpenOptions,
    clock: Arc<SystemClock>,
}

impl Wiring {
    /// The adapters for this project. Touches nothing.
    pub(crate) fn new(project: Project, options: OpenOptions, purpose: Purpose, console: Arc<Console>) -> Self {
        let store = JsonStore::open(StoreConfig {
            state_dir: project.state_dir(),
            base: project.root().to_owned(),
            lock_timeout: options.lock_timeout,
            mode: match purpose {
                Purpose::Command => Mode::Command,
                Purpose::Run => Mode::Service,
            },
            on_notice: notices(&console),
        });
        let store = Arc::new(store.allowing_network_fs(options.allow_network_fs));
        Self { project, console, store, options, clock: Arc::new(SystemClock) }
    }

    /// The adapters for another project, on the same terms.
    pub(crate) fn elsewhere(&self, project: Project, purpose: Purpose) -> Self {
        Self::new(project, self.options, purpose, self.console.clone())
    }

    pub(crate) fn options(&self) -> OpenOptions {
        self.options
    }

    /// Writes the current queue as one document.
    ///
    /// # Errors
    /// If it cannot be read, or not be written.
    pub(crate) fn export(&self, out: &mut dyn io::Write) -> Result<io::Result<()>, StorageError> {
        match json_store::export(&self.state_folder(), out) {
            Ok(()) => Ok(Ok(())),
            Err(ExportError::Write(error)) => Ok(Err(error)),
            Err(ExportError::Store(error)) => Err(error),
        }
    }

    /// Reads all of the queue's files, concurrently with writers.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) fn examine(&self) -> Result<Examination, StorageError> {
        json_store::examine(&self.state_folder())
    }

    /// Lists the possible repairs.
    ///
    /// # Errors
    /// If the files cannot be read, or a run is alive.
    pub(crate) fn plan_repair(&self) -> Result<Examination, StorageError> {
        json_store::plan_repair(&self.state_folder())
    }

    /// Repairs the queue.
    ///
    /// # Errors
    /// If this repair is impossible, or a run is alive.
    pub(crate) fn repair(&self, method: RepairMethod) -> Result<RepairOutcome, StorageError> {
        json_store::repair(&self.state_folder(), method, self.clock.now())
    }

    /// The file system of the queue's folder, and the free space that the queue may need there, in
    /// bytes.
    ///
    /// # Errors
    /// If the system does not report it.
    pub(crate) fn file_system(&self) -> io::Result<(FileSystem, u64)> {
        let folder = self.project.state_dir();
        Ok((json_store::file_system(&folder)?, json_store::room_needed(&folder)?))
    }

    /// Whether locks and syncs work in the queue's folder.
    ///
    /// # Errors
    /// If no file can be created there.
    pub(crate) fn probe(&self) -> io::Result<Probe> {
        json_store::probe(&self.project.state_dir())
    }

    fn state_folder(&self) -> StateFolder {
        StateFolder {
            state_dir: self.project.state_dir(),
            base: self.project.root().to_owned(),
            lock_timeout: self.options.lock_timeout,
            allow_network_fs: self.options.allow_network_fs,
        }
    }

    /// The workflows of the project, and of one more folder.
    pub(crate) fn catalogue(&self, extra: Option<&Path>) -> Catalogue {
        Catalogue::new(self.project.root(), extra)
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

    /// Leaves the queue's files in order.
    ///
    /// # Errors
    /// As the store reports. The queue is complete all the same.
    pub(crate) async fn close(&self) -> Result<(), StorageError> {
        self.store.close().await
    }

    /// A unique name for a run: the time and 74 random bits (RFC 9562, UUID version 7).
    #[expect(clippy::unused_self, reason = "names of runs belong to the adapters, and so to the wiring")]
    pub(crate) fn new_run(&self) -> RunId {
        RunId::new(uuid::Uuid::now_v7().to_string())
    }

    /// The words of the command for a file.
    ///
    /// # Errors
    /// [`CliError`] if the command is invalid.
    #[expect(clippy::unused_self, reason = "command lines belong to the adapters, and so to the wiring")]
    pub(crate) fn words_for(&self, command: &CommandTemplate, file: &Path) -> Result<Vec<String>, CliError> {
        let invocation = command_line(command)?.for_file(file);
        let words = [invocation.program].into_iter().chain(invocation.arguments);
        Ok(words.map(|word| word.to_string_lossy().into_owned()).collect())
    }

    /// Checks the command or the workflow.
    ///
    /// # Errors
    /// [`CliError`] if the command is invalid, or the workflow cannot be executed.
    pub(crate) fn check(&self, command: &CommandTemplate) -> Result<(), CliError> {
        match command {
            CommandTemplate::Workflow(choice) => self.workflow(choice).map(|_| ()),
            command => command_line(command).map(|_| ()),
        }
    }

    /// Ends what dead runs of this host left, with this time between SIGTERM and SIGKILL.
    pub(crate) fn reaper(&self, grace: Duration) -> Sweeper {
        Sweeper::for_grace(self.project.runs_dir(), grace, self.project.root())
    }

    /// The event log of runs.
    pub(crate) fn event_log(&self) -> Arc<dyn Observer> {
        Arc::new(EventLog::new(self.project.event_log(), notices(&self.console)))
    }

    /// Asks live runs to stop.
    ///
    /// # Errors
    /// If the request cannot be written.
    pub(crate) fn request_stop(&self, now: bool) -> io::Result<()> {
        std::fs::create_dir_all(self.project.state_dir())?;
        write_stop_request(&self.project.stop_file(), now)
    }

    /// The state that the latest run reported last.
    ///
    /// # Errors
    /// If the state file is invalid.
    pub(crate) fn processor_state(&self) -> Result<Option<ProcessorState>, StateFileError> {
        Ok(read_state_file(&self.project.state_file())?.map(|StateDocument { state, .. }| state))
    }

    /// The history in the event log.
    pub(crate) fn history(&self) -> Arc<dyn History> {
        Arc::new(EventLogHistory::new(self.project.event_log()))
    }

    /// Removes output beyond these limits.
    pub(crate) fn pruner(&self, keep: KeepOutput) -> Pruner {
        let KeepOutput { max_age, max_total, .. } = keep;
        let logs = AttemptLogs::new(self.project.attempts_dir());
        Pruner::new(self.storage(), logs, Retention { max_age, max_total }, self.executions())
    }

    pub(crate) fn attempt_files(&self) -> AttemptFiles {
        AttemptFiles::new(AttemptLogs::new(self.project.attempts_dir()))
    }
}

fn command_line(template: &CommandTemplate) -> Result<CommandLine, CliError> {
    let line = match template {
        CommandTemplate::Argv(words) => CommandLine::argv(words),
        CommandTemplate::Shell(line) => CommandLine::shell(line),
        CommandTemplate::Workflow(_) => return Err(CliError::internal("a workflow was taken for a command")),
    };
    line.map_err(|error| CliError::usage(error.to_string()))
}

fn notices(console: &Arc<Console>) -> Arc<dyn Fn(&str) + Send + Sync> {
    let console = console.clone();
    Arc::new(move |notice| console.warn(notice))
}
