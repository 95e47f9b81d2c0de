//! The parts of a run: its ports, its guards, its stop signals, and its start gate.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::RunId;
use autoproc_domain::ports::{Observer, Orchestrator, StopSignal};
use autoproc_domain::run::Ports;
use autoproc_subprocess::{BatchSettings, CommandOrchestrator, GuardSettings, Guards, OutputLimits, Settings};
use autoproc_system::{MachineGate, Observers, StartLimits, StateFile, StopWatch, Suspension};

use super::{Wiring, command_line, notices};
use crate::error::CliError;
use crate::request::{CommandTemplate, Room, RunRequest};

impl Wiring {
    /// The ports of a run, whose events also go to `observers`, and the supervision to end after
    /// the run.
    ///
    /// # Errors
    /// [`CliError`] if the command is invalid, or no thread can be started.
    pub(crate) fn ports(
        &self,
        request: &RunRequest,
        observers: Vec<Arc<dyn Observer>>,
    ) -> Result<(Ports, Supervision), CliError> {
        let output = OutputLimits::from_total(request.keep_output.of_one);
        let records = Some(self.project.runs_dir());
        let guards = Arc::new(guards_of(request.config.run.clone(), request.grace, output, records)?);
        let orchestrator = self.orchestrator(request, guards.clone())?;
        autoproc_subprocess::adopt_orphans();
        let ports = Ports {
            storage: self.storage(),
            runs: self.runs(),
            clock: self.clock(),
            orchestrator,
            reaper: Arc::new(self.reaper(request.grace)),
            gate: Arc::new(self.gate(request.room)?),
            stop: self.stop_signals()?,
            observer: Arc::new(self.observers(observers)?),
        };
        Ok((ports, Supervision::new(guards)?))
    }

    fn orchestrator(&self, request: &RunRequest, guards: Arc<Guards>) -> Result<Arc<dyn Orchestrator>, CliError> {
        if let CommandTemplate::Workflow(choice) = &request.command {
            return Ok(Arc::new(self.workflow_orchestrator(choice, guards)?));
        }
        let batches = BatchSettings { slots: request.config.jobs, may_batch: request.config.failure_limit.is_none() };
        let settings = Settings {
            attempts_dir: self.project.attempts_dir(),
            working_dir: None,
            batches,
            clock: self.clock(),
            on_notice: notices(&self.console),
        };
        Ok(Arc::new(CommandOrchestrator::new(command_line(&request.command)?, settings, guards)))
    }

    /// The stop signal of an execution without the queue: signals alone, because `stop` concerns
    /// runs.
    ///
    /// # Errors
    /// If no thread can be started.
    #[expect(clippy::unused_self, reason = "signals belong to the adapters, and so to the wiring")]
    pub(crate) fn signals(&self) -> Result<Arc<dyn StopSignal>, CliError> {
        Ok(Arc::new(StopWatch::signals_only().map_err(|error| no_signals(&error))?))
    }

    /// The stop signal of a run: the stop file and signals.
    ///
    /// # Errors
    /// If no thread can be started.
    fn stop_signals(&self) -> Result<Arc<dyn StopSignal>, CliError> {
        let stop = StopWatch::new(self.project.stop_file()).and_then(StopWatch::with_signals);
        Ok(Arc::new(stop.map_err(|error| no_signals(&error))?))
    }

    fn gate(&self, room: Room) -> Result<MachineGate, CliError> {
        let Room { min_free_disk, max_load } = room;
        MachineGate::new(self.project.state_dir(), StartLimits { min_free_disk, max_load })
            .map_err(|error| CliError::usage(error.to_string()).with_hint("leave --max-load out"))
    }

    fn observers(&self, others: Vec<Arc<dyn Observer>>) -> Result<Observers, CliError> {
        let state = StateFile::new(self.project.state_file(), notices(&self.console));
        let state = state.map_err(|error| CliError::io("cannot start a thread", &error))?;
        let mut all: Vec<Arc<dyn Observer>> = vec![self.event_log(), Arc::new(state)];
        all.extend(others);
        Ok(Observers::new(all))
    }
}

/// Guards start with the first attempt. With a folder for records, they record their processes.
///
/// # Errors
/// If the system does not report this program's path.
pub(super) fn guards_of(
    run: RunId,
    grace: Duration,
    output: OutputLimits,
    records_dir: Option<PathBuf>,
) -> Result<Guards, CliError> {
    let executable = autoproc_subprocess::own_executable();
    let executable = executable.map_err(|error| CliError::io("cannot tell our own program", &error))?;
    Ok(Guards::new(GuardSettings { executable, run, grace, records_dir, output }))
}

/// The guards of a run, which are suspended and resumed with this process.
pub(crate) struct Supervision {
    pub(super) guards: Arc<Guards>,
    suspension: Suspension,
}

impl Supervision {
    pub(super) fn new(guards: Arc<Guards>) -> Result<Self, CliError> {
        let (suspended, continued) = (guards.clone(), guards.clone());
        let suspension = Suspension::new(move || suspended.pause(), move || continued.resume());
        let suspension = suspension.map_err(|error| no_signals(&error))?;
        Ok(Self { guards, suspension })
    }

    /// Ends the guards, and waits until they have removed their files.
    pub(crate) async fn end(self) {
        drop(self.suspension);
        self.guards.close().await;
    }
}

fn no_signals(error: &io::Error) -> CliError {
    CliError::io("cannot listen to signals", error)
}
