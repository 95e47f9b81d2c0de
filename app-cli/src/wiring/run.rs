//! Builds the parts of a run: its ports, its guards, its stop signals, and its start gate.

use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::RunId;
use autoproc_domain::ports::{Observer, Orchestrator, StopSignal};
use autoproc_domain::run::Ports;
use autoproc_subprocess::{
    BatchSettings, CommandLine, CommandOrchestrator, GuardSettings, Guards, OutputLimits, Settings, StdoutTo,
};
use autoproc_system::{MachineGate, Observers, StartLimits, StateFile, StopWatch, Suspension};
use autoproc_workflow::execution::{Equipment, Executions, WorkflowRun};
use autoproc_workflow::{TaskOrchestrator, WorkflowOrchestrator};

use super::steps::GuardedSteps;
use super::{Wiring, notices};
use crate::error::CliError;

/// The task of an orchestrator for each file.
pub(crate) enum Task {
    Command(CommandLine),
    Workflow(Box<WorkflowRun>),
}

/// The settings for the ports of a run.
pub(crate) struct RunSettings {
    pub(crate) task: Task,
    pub(crate) run: RunId,
    /// The maximum number of concurrent attempts.
    pub(crate) jobs: NonZeroUsize,
    /// True if short attempts may be batched.
    pub(crate) may_batch: bool,
    /// The time between SIGTERM and SIGKILL.
    pub(crate) grace: Duration,
    pub(crate) start_limits: StartLimits,
    /// The maximum disk space for the output of one attempt, in bytes.
    pub(crate) max_output: u64,
    /// The files for the standard output of commands; `None` keeps it in the output of attempts.
    pub(crate) stdout_to: Option<StdoutTo>,
}

impl Wiring {
    /// Returns the ports of a run, and the supervision, which must be ended after the run. The
    /// run's events also go to `observers`.
    ///
    /// # Errors
    /// [`CliError`] if a load limit is set but the system reports no load, or if no thread can be
    /// started.
    pub(crate) fn ports(
        &self,
        settings: RunSettings,
        observers: Vec<Arc<dyn Observer>>,
    ) -> Result<(Ports, Supervision), CliError> {
        let output = OutputLimits::from_total(settings.max_output);
        let (grace, start_limits) = (settings.grace, settings.start_limits);
        let guards = guards_of(settings.run.clone(), grace, output, Some(self.project.runs_dir()))?;
        let guards = Arc::new(guards);
        let orchestrator = self.orchestrator(settings, guards.clone());
        autoproc_subprocess::adopt_orphans();
        let ports = Ports {
            storage: self.storage(),
            runs: self.runs(),
            clock: self.clock(),
            orchestrator,
            reaper: Arc::new(self.reaper(grace)),
            gate: Arc::new(self.gate(start_limits)?),
            stop: self.stop_signals()?,
            observer: Arc::new(self.observers(observers)?),
        };
        Ok((ports, Supervision::new(guards)?))
    }

    fn orchestrator(&self, settings: RunSettings, guards: Arc<Guards>) -> Arc<dyn Orchestrator> {
        let RunSettings { task, jobs, may_batch, stdout_to, .. } = settings;
        match task {
            Task::Workflow(run) => {
                Arc::new(WorkflowOrchestrator::new(*run, self.equipment(guards, Some(self.executions()))))
            }
            Task::Command(line) => {
                let settings = Settings {
                    attempts_dir: self.project.attempts_dir(),
                    working_dir: None,
                    stdout_to,
                    project_dir: self.project.root().to_owned(),
                    batches: BatchSettings { slots: jobs, may_batch },
                    clock: self.clock(),
                    on_notice: notices(&self.console),
                };
                Arc::new(CommandOrchestrator::new(line, settings, guards))
            }
        }
    }

    /// Returns an orchestrator for one execution without the queue, and the supervision, which must
    /// be ended after the execution.
    ///
    /// # Errors
    /// [`CliError`] if no thread can be started.
    pub(crate) fn single_execution(
        &self,
        workflow: WorkflowRun,
        run: RunId,
        grace: Duration,
    ) -> Result<(TaskOrchestrator, Supervision), CliError> {
        autoproc_subprocess::adopt_orphans();
        // Records serve the recovery of dead runs, and this is not a run.
        let guards = Arc::new(guards_of(run, grace, OutputLimits::default(), None)?);
        let supervision = Supervision::new(guards.clone())?;
        Ok((TaskOrchestrator::new(workflow, self.equipment(guards, None)), supervision))
    }

    fn equipment(&self, guards: Arc<Guards>, executions: Option<Executions>) -> Equipment {
        let logs = self.attempt_logs();
        Equipment {
            runner: Arc::new(GuardedSteps::new(guards, logs, self.project.root().to_owned(), notices(&self.console))),
            clock: self.clock(),
            executions,
            scratch_dir: self.project.executions_dir().join(format!("single-{}.steps", std::process::id())),
            event_log: self.project.orchestrator_log(),
            latest_state: self.project.orchestrator_state_file(),
            on_warning: notices(&self.console),
        }
    }

    /// Returns the stop signal of an execution without the queue: only signals, because `stop`
    /// applies to runs.
    ///
    /// # Errors
    /// If no thread can be started.
    #[expect(clippy::unused_self, reason = "signals belong to the adapters, and so to the wiring")]
    pub(crate) fn signals(&self) -> Result<Arc<dyn StopSignal>, CliError> {
        Ok(Arc::new(StopWatch::signals_only().map_err(|error| no_signals(&error))?))
    }

    /// Returns the stop signal of a run: the stop file and signals.
    ///
    /// # Errors
    /// If no thread can be started.
    fn stop_signals(&self) -> Result<Arc<dyn StopSignal>, CliError> {
        let stop = StopWatch::new(self.project.stop_file()).and_then(StopWatch::with_signals);
        Ok(Arc::new(stop.map_err(|error| no_signals(&error))?))
    }

    fn gate(&self, limits: StartLimits) -> Result<MachineGate, CliError> {
        MachineGate::new(self.project.state_dir(), limits)
            .map_err(|error| CliError::usage(error.to_string()).with_hint("omit --max-load"))
    }

    fn observers(&self, others: Vec<Arc<dyn Observer>>) -> Result<Observers, CliError> {
        let state = StateFile::new(self.project.state_file(), notices(&self.console));
        let state = state.map_err(|error| CliError::io("cannot start a thread", &error))?;
        let mut all: Vec<Arc<dyn Observer>> = vec![self.event_log(), Arc::new(state)];
        all.extend(others);
        Ok(Observers::new(all))
    }
}

/// Creates the guards, which start with the first attempt. If `records_dir` is given, the guards
/// record their processes there.
///
/// # Errors
/// If the system does not report this program's path.
fn guards_of(
    run: RunId,
    grace: Duration,
    output: OutputLimits,
    records_dir: Option<PathBuf>,
) -> Result<Guards, CliError> {
    let executable = autoproc_subprocess::own_executable();
    let executable = executable.map_err(|error| CliError::io("cannot determine the path of this program", &error))?;
    Ok(Guards::new(GuardSettings { executable, run, grace, records_dir, output }))
}

/// The guards of a run, which are suspended and resumed with this process.
pub(crate) struct Supervision {
    guards: Arc<Guards>,
    suspension: Suspension,
}

impl Supervision {
    fn new(guards: Arc<Guards>) -> Result<Self, CliError> {
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
    CliError::io("cannot register signal handlers", error)
}
