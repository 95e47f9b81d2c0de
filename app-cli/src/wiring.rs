//! Puts concrete adapters behind the ports. Nothing outside this module names one.

mod output;
mod steps;
mod supervision;
mod workflow;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ports::{Clock, Observer, Storage, StorageError};
use autoproc_domain::{ProcessorState, QueueItem, RunId};
use autoproc_json_store::{self as json_store, ExportError, JsonStore, Mode, Probe, Site, StoreConfig};
use autoproc_subprocess::sweep::Sweeper;
use autoproc_subprocess::{AttemptLogs, CommandLine, DEFAULT_GRACE, Retention};
use autoproc_system::{
    EventLog, StateDocument, StateFileError, SystemClock, read_attempts, read_state_file, write_stop_request,
};

use crate::console::Console;
use crate::error::CliError;
use crate::project::Project;
use crate::request::{CommandTemplate, KeepOutput};

pub(crate) use workflow::{ExecutionError, ExecutionStatus, Foresight, PreviewedStep, ProgressReport};

pub(crate) use autoproc_json_store::{Choice, Damage, Examination, FileSystem, Prospect, Repaired, Tally};
pub(crate) use autoproc_subprocess::{AttemptLog, Follower, become_guard};
pub(crate) use output::{AttemptFiles, Pruner, written_at};

pub(crate) use autoproc_system::{PastAttempt, PastEnd};
pub(crate) use autoproc_workflow::catalogue::Listed as ListedWorkflow;
pub(crate) use autoproc_workflow::definition as workflow_definition;
pub(crate) use autoproc_workflow::runners::RunnersError;
pub(crate) use autoproc_workflow::{Catalogue, FindError, Problem, Severity, WorkflowFile};

/// On what terms the queue is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    /// How long to wait for the lock.
    pub(crate) lock_timeout: Duration,
    /// Whether to write on a network file system too.
    pub(crate) allow_network_fs: bool,
}

/// What the ports are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// One command.
    Command,
    /// A run.
    Run,
}

/// The adapters of one project.
pub(crate) struct Wiring {
    project: Project,
    console: Arc<Console>,
    store: Arc<JsonStore>,
    terms: Terms,
    clock: Arc<SystemClock>,
}

impl Wiring {
    /// The adapters for this project. Nothing is touched yet.
    pub(crate) fn new(project: Project, terms: Terms, purpose: Use, console: Arc<Console>) -> Self {
        let store = JsonStore::open(StoreConfig {
            state_dir: project.state_dir(),
            base: project.root().to_owned(),
            lock_timeout: terms.lock_timeout,
            mode: match purpose {
                Use::Command => Mode::Command,
                Use::Run => Mode::Service,
            },
            on_notice: notices(&console),
        });
        let store = Arc::new(store.allowing_network_fs(terms.allow_network_fs));
        Self { project, console, store, terms, clock: Arc::new(SystemClock) }
    }

    /// The adapters for another project, on the same terms.
    pub(crate) fn elsewhere(&self, project: Project, purpose: Use) -> Self {
        Self::new(project, self.terms, purpose, self.console.clone())
    }

    /// The terms on which the queue is opened.
    pub(crate) fn terms(&self) -> Terms {
        self.terms
    }

    /// Writes the queue as it is now.
    ///
    /// # Errors
    /// Where it cannot be read, or not be written.
    pub(crate) fn export(&self, out: &mut dyn io::Write) -> Result<io::Result<()>, StorageError> {
        match json_store::export(&self.site(), out) {
            Ok(()) => Ok(Ok(())),
            Err(ExportError::Write(error)) => Ok(Err(error)),
            Err(ExportError::Store(error)) => Err(error),
        }
    }

    /// Reads all of the queue's files, beside whoever writes to them.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub(crate) fn examine(&self) -> Result<Examination, StorageError> {
        json_store::examine(&self.site())
    }

    /// What can be done about damage.
    ///
    /// # Errors
    /// Where the files cannot be read, or somebody is at work on them.
    pub(crate) fn plan_repair(&self) -> Result<Examination, StorageError> {
        json_store::plan_repair(&self.site())
    }

    /// Mends the queue.
    ///
    /// # Errors
    /// Where it cannot be, or somebody is at work on it.
    pub(crate) fn repair(&self, choice: Choice) -> Result<Repaired, StorageError> {
        json_store::repair(&self.site(), choice, self.clock.now())
    }

    /// What the queue's folder stands on, and the room that the queue may need there, in bytes.
    ///
    /// # Errors
    /// Where the system cannot tell.
    pub(crate) fn file_system(&self) -> io::Result<(FileSystem, u64)> {
        let folder = self.project.state_dir();
        Ok((json_store::file_system(&folder)?, json_store::room_needed(&folder)?))
    }

    /// Whether locks and syncs work in the queue's folder.
    ///
    /// # Errors
    /// Where no file can be made there.
    pub(crate) fn probe(&self) -> io::Result<Probe> {
        json_store::probe(&self.project.state_dir())
    }

    fn site(&self) -> Site {
        Site {
            state_dir: self.project.state_dir(),
            base: self.project.root().to_owned(),
            lock_timeout: self.terms.lock_timeout,
            allow_network_fs: self.terms.allow_network_fs,
        }
    }

    /// The workflows of the project, and of one more folder.
    pub(crate) fn catalogue(&self, extra: Option<&Path>) -> Catalogue {
        Catalogue::new(self.project.root(), extra)
    }

    /// The queue.
    pub(crate) fn storage(&self) -> Arc<dyn Storage> {
        self.store.clone()
    }

    /// The time.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// Leaves the queue's files in order.
    ///
    /// # Errors
    /// As the store says. The queue is complete all the same.
    pub(crate) async fn close(&self) -> Result<(), StorageError> {
        self.store.close().await
    }

    /// A name for a run that no other ever had: it holds the time and 74 random bits (RFC 9562, UUID version 7).
    #[expect(clippy::unused_self, reason = "names of runs belong to the adapters, and so to the wiring")]
    pub(crate) fn new_run(&self) -> RunId {
        RunId::new(uuid::Uuid::now_v7().to_string())
    }

    /// What a command would be for a file, in words.
    ///
    /// # Errors
    /// [`CliError`] where it can be none.
    #[expect(clippy::unused_self, reason = "command lines belong to the adapters, and so to the wiring")]
    pub(crate) fn words_for(&self, command: &CommandTemplate, file: &Path) -> Result<Vec<String>, CliError> {
        let invocation = command_line(command)?.for_file(file);
        let words = [invocation.program].into_iter().chain(invocation.arguments);
        Ok(words.map(|word| word.to_string_lossy().into_owned()).collect())
    }

    /// Whether files could be processed so at all.
    ///
    /// # Errors
    /// [`CliError`] where the command can be none, or the workflow cannot be executed.
    pub(crate) fn check(&self, command: &CommandTemplate) -> Result<(), CliError> {
        match command {
            CommandTemplate::Workflow(choice) => self.workflow(choice).map(|_| ()),
            command => command_line(command).map(|_| ()),
        }
    }

    /// What ends the work of dead runs.
    pub(crate) fn sweeper(&self) -> Sweeper {
        Sweeper::for_grace(self.project.runs_dir(), DEFAULT_GRACE)
    }

    /// The log of what happens to files.
    pub(crate) fn event_log(&self) -> Arc<dyn Observer> {
        Arc::new(EventLog::new(self.project.event_log(), notices(&self.console)))
    }

    /// Asks live runs to stop.
    ///
    /// # Errors
    /// Where the request cannot be written.
    pub(crate) fn request_stop(&self, now: bool) -> io::Result<()> {
        std::fs::create_dir_all(self.project.state_dir())?;
        write_stop_request(&self.project.stop_file(), now)
    }

    /// What the latest run last said of itself.
    ///
    /// # Errors
    /// Where the file it said it in cannot be understood.
    pub(crate) fn processor_state(&self) -> Result<Option<ProcessorState>, StateFileError> {
        Ok(read_state_file(&self.project.state_file())?.map(|StateDocument { state, .. }| state))
    }

    /// What the event log knows of the attempts on an item, the oldest first.
    ///
    /// # Errors
    /// Where the log is there and cannot be read.
    pub(crate) fn history(&self, item: &QueueItem) -> io::Result<Vec<PastAttempt>> {
        read_attempts(&self.project.event_log(), item.id, &item.file_path)
    }

    /// What keeps the output of attempts within the bounds of a run.
    pub(crate) fn pruner(&self, keep: KeepOutput) -> Pruner {
        let KeepOutput { max_age, max_total, .. } = keep;
        let logs = AttemptLogs::new(self.project.attempts_dir());
        Pruner::new(self.storage(), logs, Retention { max_age, max_total }, self.executions())
    }

    /// What attempts printed.
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
