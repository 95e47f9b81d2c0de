//! Connects adapters to the ports.

mod adapter_error;
mod copied_runs;
mod copy;
mod file_sizes;
mod folder;
mod hooks;
mod mapped;
mod reaping;
mod run;
mod run_control;
#[cfg(feature = "postgres")]
mod server;
#[cfg(not(feature = "postgres"))]
#[path = "wiring/no_server.rs"]
mod server;
mod steps;
mod stop_signals;
mod watched;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ports::{Clock, History, Location, Observer, Reaper, Runs, Storage, StorageError};
use autoproc_domain::{ItemId, ProcessorState, RunId};
use autoproc_json_store::{JsonStore, Mode, StateFolder, StoreConfig};
use autoproc_subprocess::AttemptLogs;
use autoproc_system::{
    EventLog, EventLogHistory, MonitorDocument, Observers, RecordedCommand, RunCommand, StandingStop, StateDocument,
    StateFileError, SystemClock, read_monitor_file, read_run_command, read_state_file, write_run_command,
    write_stop_request,
};
use autoproc_workflow::execution::{Executions, Place as RunLocation, SharedJournals, StoredExecution};

use crate::console::Console;
use crate::error::CliError;
use crate::escape::{Shown, printable};
use crate::maintenance::Maintenance;
use crate::path_map::{MapRule, PathMap};
use crate::project::Project;
use crate::store_choice::MAP_OPTION;
use crate::view::quoting::quoted;
use folder::FolderMaintenance;
use mapped::{MappedHistory, MappedObserver, MappedStorage};
use reaping::RunReaper;

pub(crate) use adapter_error::{check_process_table, execution_error, find_error, runners_error};
pub(crate) use copy::{Place, Source, Target};
pub(crate) use hooks::{HOOK_GRACE, HookCommand, HookProcesses};
pub(crate) use run::{OnSuspension, RunSettings, Task};
pub(crate) use run_control::{Pause, RunControl};
pub(crate) use server::{HistorySize, Migrated, OutputStore, Server, StopTarget};
pub(crate) use watched::AttemptListener;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenOptions {
    pub(crate) lock_timeout: Duration,
    pub(crate) allow_network_fs: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Command,
    Run,
    /// A view of a queue. It must stay responsive while a large queue is read.
    Watch,
    /// Shell completion. It changes nothing and prints no warnings.
    Completion,
}

pub(crate) struct Wiring {
    project: Project,
    console: Arc<Console>,
    store: Store,
    map: Option<Arc<PathMap>>,
    /// True if options set the path map. The commands of a run do not see options.
    is_map_of_options: bool,
    options: OpenOptions,
    clock: Arc<SystemClock>,
}

enum Store {
    Folder(Arc<JsonStore>),
    Server(Box<Server>),
}

impl Wiring {
    /// Creates the adapters without accessing any file. Without `server`, the queue is in the
    /// project folder.
    pub(crate) fn new(
        project: Project,
        server: Option<Server>,
        options: OpenOptions,
        purpose: Purpose,
        console: Arc<Console>,
    ) -> Self {
        let store = match server {
            Some(server) => Store::Server(Box::new(server)),
            None => Store::Folder(Arc::new(json_store(&project, options, purpose, &console))),
        };
        Self { project, console, store, map: None, is_map_of_options: false, options, clock: Arc::new(SystemClock) }
    }

    /// Sets the path map of a queue in a database.
    pub(crate) fn with_map(self, map: PathMap, is_of_options: bool) -> Self {
        let map = (!map.is_empty() && self.server().is_some()).then(|| Arc::new(map));
        Self { map, is_map_of_options: is_of_options, ..self }
    }

    fn rules_of_options(&self) -> impl Iterator<Item = &MapRule> {
        self.map.iter().filter(|_| self.is_map_of_options).flat_map(|map| map.rules())
    }

    /// Returns the options for the store and the path map in a suggested command.
    pub(crate) fn store_options(&self) -> String {
        let map = self.rules_of_options().map(|rule| format!(" {MAP_OPTION} {}", quoted(&printable(rule))));
        self.server().map(Server::option).into_iter().chain(map).collect()
    }

    /// Creates the adapters for the queue in another folder, with the same options.
    pub(crate) fn elsewhere(&self, project: Project, purpose: Purpose) -> Self {
        Self::new(project, None, self.options, purpose, self.console.clone())
    }

    pub(crate) fn server(&self) -> Option<&Server> {
        match &self.store {
            Store::Folder(_) => None,
            Store::Server(server) => Some(server),
        }
    }

    /// Connects to the server, if the queue is on a server.
    ///
    /// # Errors
    /// [`CliError`] if the server cannot be used.
    pub(crate) async fn reach_store(&self) -> Result<(), CliError> {
        match self.server() {
            Some(server) => server.reach().await,
            None => Ok(()),
        }
    }

    pub(crate) fn options(&self) -> OpenOptions {
        self.options
    }

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
        let inner: Arc<dyn Storage> = match &self.store {
            Store::Folder(store) => store.clone(),
            Store::Server(server) => server.storage(),
        };
        match &self.map {
            Some(map) => Arc::new(MappedStorage { inner, map: map.clone() }),
            None => inner,
        }
    }

    pub(crate) fn runs(&self) -> Arc<dyn Runs> {
        match &self.store {
            Store::Folder(store) => store.clone(),
            Store::Server(server) => server.runs(),
        }
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// Closes the store.
    ///
    /// # Errors
    /// The errors of the store. Even then, no change of the queue is lost.
    pub(crate) async fn close(&self) -> Result<(), StorageError> {
        self.storage().close().await
    }

    /// Returns a unique name for a run (RFC 9562, UUID version 7).
    pub(crate) fn new_run(&self) -> RunId {
        let micros = u64::try_from(self.clock.now().as_micros()).unwrap_or(0);
        let since = Duration::from_micros(micros);
        let time = uuid::Timestamp::from_unix(uuid::NoContext, since.as_secs(), since.subsec_nanos());
        RunId::new(uuid::Uuid::new_v7(time).to_string())
    }

    pub(crate) fn reaper(&self, grace: Duration) -> RunReaper {
        RunReaper::new(self.project.clone(), grace)
    }

    /// Returns an observer that records events in the event log and, if used, the database.
    pub(crate) fn event_log(&self) -> Arc<dyn Observer> {
        let log = Arc::new(EventLog::new(self.project.event_log(), notices(&self.console)));
        match &self.store {
            Store::Folder(_) => log,
            Store::Server(server) => {
                let inner = server.event_log(&self.console);
                let recorder: Arc<dyn Observer> = match &self.map {
                    Some(map) => Arc::new(MappedObserver { inner, map: map.clone() }),
                    None => inner,
                };
                Arc::new(Observers::new(vec![log, recorder]))
            }
        }
    }

    /// Writes the stop file. Live runs of the queue then stop. They abort if `now` is true.
    ///
    /// # Errors
    /// If the request cannot be written.
    pub(crate) fn write_stop_file(&self, now: bool) -> io::Result<()> {
        write_stop_request(&self.project.stop_file(), now)
    }

    /// Returns the request in the stop file. `None` for a queue in a database.
    pub(crate) fn standing_stop(&self) -> Option<StandingStop> {
        let is_watched = self.server().is_none();
        is_watched.then(|| StandingStop::read(&self.project.stop_file())).flatten()
    }

    /// Returns the state that the latest run reported.
    ///
    /// # Errors
    /// If the state file cannot be read or parsed.
    pub(crate) fn processor_state(&self) -> Result<Option<ProcessorState>, StateFileError> {
        Ok(read_state_file(&self.project.state_file())?.map(|StateDocument { state, .. }| state))
    }

    /// Returns the progress that the latest run reported.
    ///
    /// # Errors
    /// If the monitor file cannot be read or parsed.
    pub(crate) fn monitor(&self) -> Result<Option<MonitorDocument>, StateFileError> {
        read_monitor_file(&self.project.monitor_file())
    }

    pub(crate) fn record_run_command(&self, command: &RunCommand) -> io::Result<()> {
        write_run_command(&self.project.run_command_file(), command)
    }

    /// Returns the command line of the latest run.
    ///
    /// # Errors
    /// If the record cannot be read or parsed.
    pub(crate) fn run_command(&self) -> Result<Option<RecordedCommand>, StateFileError> {
        read_run_command(&self.project.run_command_file())
    }

    /// Returns the history, which is in the event log or in the queue's database.
    pub(crate) fn history(&self) -> Arc<dyn History> {
        match &self.store {
            Store::Folder(_) => Arc::new(EventLogHistory::new(self.project.event_log())),
            Store::Server(server) => match &self.map {
                Some(map) => Arc::new(MappedHistory { inner: server.history(), map: map.clone() }),
                None => server.history(),
            },
        }
    }

    pub(crate) fn attempt_logs(&self) -> AttemptLogs {
        AttemptLogs::new(self.project.attempts_dir())
    }

    /// Returns the journals of workflow executions on this machine.
    pub(crate) fn executions(&self) -> Executions {
        let executions = Executions::new(self.project.executions_dir());
        if self.server().is_some() { executions } else { executions.with_places(self.copied_runs()) }
    }

    /// Returns the origin of each copied run, by the name of the run.
    pub(crate) fn copied_runs(&self) -> BTreeMap<String, RunLocation> {
        let file = self.project.copied_runs_file();
        copied_runs::read(&file).unwrap_or_else(|error| {
            self.console.warn(format_args!("cannot read {}: {error}", Shown(&file)));
            BTreeMap::new()
        })
    }

    /// Returns the machine and the project folder of a run. `None` if they are those of this
    /// process, or unknown.
    ///
    /// # Errors
    /// [`CliError`] if the database of the queue cannot be read.
    pub(crate) async fn elsewhere_of(&self, run: &RunId) -> Result<Option<RunLocation>, CliError> {
        let Some(server) = self.server() else { return Ok(self.copied_runs().remove(run.as_str())) };
        let (here, place) = (self.location(), server.place_of_run(run).await?);
        let elsewhere = place.filter(|place| place.host != here.host || *place.project != *here.project);
        Ok(elsewhere.map(|place| RunLocation {
            host: place.host.into(),
            project_dir: place.project.to_string_lossy().into_owned(),
        }))
    }

    /// Returns the latest workflow execution on an item.
    ///
    /// # Errors
    /// [`CliError`] if the journal cannot be read.
    pub(crate) async fn execution_of(&self, item: ItemId) -> Result<Option<StoredExecution>, CliError> {
        let Some(journals) = self.shared_journals() else {
            let executions = self.executions();
            let state = executions.of(item).map_err(|error| execution_error(&error))?;
            return Ok(state.map(|state| {
                let elsewhere = executions.elsewhere(&state).cloned();
                StoredExecution { state, elsewhere }
            }));
        };
        let Some(journal) = journals.load(item).await? else { return Ok(None) };
        let state = journal.state().map_err(|error| execution_error(&error))?;
        Ok(state.map(|state| StoredExecution { state, elsewhere: journal.elsewhere }))
    }

    /// Returns the items with an unfinished workflow execution.
    ///
    /// # Errors
    /// [`CliError`] if the executions cannot be listed.
    pub(crate) async fn unfinished_executions(&self) -> Result<Vec<ItemId>, CliError> {
        match self.server() {
            Some(server) => Ok(server.unfinished_executions().await?),
            None => {
                let items = self.executions().under_way();
                items.map_err(|error| CliError::io("cannot list the executions", &error))
            }
        }
    }

    fn shared_journals(&self) -> Option<Arc<dyn SharedJournals>> {
        self.server().map(|server| server.journals(self.location()))
    }

    pub(crate) fn location(&self) -> Location {
        self.reaper(Duration::ZERO).location()
    }
}

fn json_store(project: &Project, options: OpenOptions, purpose: Purpose, console: &Arc<Console>) -> JsonStore {
    let store = JsonStore::open(StoreConfig {
        state_dir: project.state_dir(),
        base: project.root().to_owned(),
        lock_timeout: options.lock_timeout,
        mode: match purpose {
            Purpose::Command | Purpose::Completion => Mode::Command,
            Purpose::Run | Purpose::Watch => Mode::Service,
        },
        on_notice: if purpose == Purpose::Completion { Arc::new(|_| {}) } else { notices(console) },
    });
    store.allowing_network_fs(options.allow_network_fs)
}

fn notices(console: &Arc<Console>) -> Arc<dyn Fn(&str) + Send + Sync> {
    let console = console.clone();
    Arc::new(move |notice| console.warn(notice))
}
