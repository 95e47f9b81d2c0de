//! Builds the parts of a run, for instance its ports.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ports::{Observer, Orchestrator, RunEvent, RunEventKind, StopSignal};
use autoproc_domain::run::Ports;
use autoproc_domain::{RetryPolicy, RunId};
use autoproc_regular_file as regular_file;
use autoproc_subprocess::{
    BatchSettings, CommandLine, CommandOrchestrator, GuardSettings, Guards, OutputLimits, PROJECT_VARIABLE, Settings,
    StdoutTo,
};
use autoproc_system::{
    MachineGate, Observers, PauseFiles, PauseReason, PauseSwitch, PauseWatch, StartLimits, StateFile, StopWatch,
    Suspension, Unmeasurable,
};
use autoproc_workflow::execution::{Equipment, WorkflowRun};
use autoproc_workflow::{TaskOrchestrator, WorkflowOrchestrator};

use super::file_sizes::SizesOnDisk;
use super::steps::GuardedSteps;
use super::stop_signals::StopSignals;
use super::watched::{AttemptListener, Watched};
use super::{Wiring, notices};
use crate::error::CliError;
use crate::store_choice;

/// The permissions of the state folder. The JSON store uses the same.
const STATE_MODE: u32 = 0o700;

pub(crate) enum Task {
    Command(CommandLine),
    Workflow(Box<WorkflowRun>),
}

impl Task {
    pub(crate) fn retried_by(mut self, policy: &RetryPolicy) -> Self {
        if let Self::Workflow(run) = &mut self {
            run.retry = policy.clone();
        }
        self
    }
}

pub(crate) struct RunSettings {
    pub(crate) task: Task,
    pub(crate) run: RunId,
    pub(crate) jobs: NonZeroUsize,
    pub(crate) may_batch: bool,
    /// The time between SIGTERM and SIGKILL.
    pub(crate) grace: Duration,
    /// How long a run drains after a SIGTERM or SIGHUP before it aborts.
    pub(crate) stop_timeout: Duration,
    pub(crate) start_limits: StartLimits,
    /// The maximum disk space for the output of one attempt, in bytes.
    pub(crate) max_output: u64,
    /// The maximum length of an output in a database, in bytes.
    pub(crate) store_output: u64,
    /// The exit statuses of success besides 0. If set, failed attempts keep their temporary
    /// folders.
    pub(crate) keep_tmp: Option<Vec<i32>>,
    pub(crate) on_suspension: Option<Arc<dyn OnSuspension>>,
    /// The files for the standard output of commands.
    pub(crate) stdout_to: Option<StdoutTo>,
    pub(crate) attempt_listeners: Vec<Arc<dyn AttemptListener>>,
}

/// Observes the suspension of this process. A separate thread calls the methods.
pub(crate) trait OnSuspension: Send + Sync {
    /// Called before the attempts are suspended.
    fn suspending(&self);

    /// Called before the attempts are continued.
    fn resumed(&self);
}

impl Wiring {
    /// Returns the ports and the supervision of a run. The caller must end the supervision after
    /// the run.
    ///
    /// # Errors
    /// [`CliError`] if the load or the free memory is limited, but not reported by the system, if a
    /// folder cannot be created, if the path of this program is unknown, or if no thread can be
    /// started.
    pub(crate) fn ports(
        &self,
        settings: RunSettings,
        observers: Vec<Arc<dyn Observer>>,
    ) -> Result<(Ports, Supervision), CliError> {
        self.make_local_folders()?;
        let output = OutputLimits::from_total(settings.max_output);
        let (grace, start_limits, run) = (settings.grace, settings.start_limits.clone(), settings.run.clone());
        let stop_timeout = settings.stop_timeout;
        let on_suspension = settings.on_suspension.clone();
        let guards = GuardSettings {
            records_dir: Some(self.project.runs_dir()),
            output,
            keep_tmp: settings.keep_tmp.clone(),
            ..self.guard_settings(run.clone(), grace)?
        };
        let guards = Arc::new(Guards::new(guards));
        if let Some(server) = self.server() {
            server.bound(guards.clone());
            server.outputs().store(self.attempt_logs(), settings.store_output);
        }
        let switch = Arc::new(self.pause_switch(&run, &guards));
        let orchestrator = self.orchestrator(settings, guards.clone());
        autoproc_subprocess::adopt_orphans();
        self.attempt_logs().begin_notes();
        let ports = Ports {
            storage: self.storage(),
            runs: self.runs(),
            clock: self.clock(),
            orchestrator,
            reaper: Arc::new(self.reaper(grace)),
            gate: Arc::new(switch.gate(gate(start_limits)?)),
            stop: self.stop_signals(&run, stop_timeout)?,
            sizes: Arc::new(SizesOnDisk),
            observer: Arc::new(self.observers(observers)?),
        };
        let on_change = self.pause_events(run, ports.observer.clone());
        Ok((ports, Supervision::pausable(guards, switch, on_change, on_suspension)?))
    }

    /// Creates this machine's folders for a queue in a database.
    ///
    /// # Errors
    /// [`CliError`] if a folder cannot be created.
    pub(crate) fn make_local_folders(&self) -> Result<(), CliError> {
        if self.server().is_none() {
            return Ok(());
        }
        // The log folder gets the default mode of new folders, as if the queue were in this
        // project.
        let folders = [(self.project.runs_dir(), STATE_MODE), (self.project.logs_dir(), 0o777)];
        folders.iter().try_for_each(|(folder, mode)| {
            let made = regular_file::create_folders(folder, *mode);
            made.map(drop).map_err(|error| CliError::cannot_write(folder, &error))
        })
    }

    fn pause_switch(&self, run: &RunId, guards: &Arc<Guards>) -> PauseSwitch {
        let (paused, resumed) = (guards.clone(), guards.clone());
        PauseSwitch::new(
            PauseFiles::of(&self.project.runs_dir(), run),
            move || paused.pause(),
            move || resumed.resume(),
        )
    }

    /// Returns a function that reports the beginning (true) or end (false) of a pause.
    fn pause_events(&self, run: RunId, observer: Arc<dyn Observer>) -> impl Fn(bool) + Send + 'static {
        let clock = self.clock();
        move |is_paused| {
            let kind = if is_paused { RunEventKind::ProcessorPaused } else { RunEventKind::ProcessorResumed };
            observer.observe(&RunEvent { at: clock.now(), run: run.clone(), kind });
        }
    }

    fn orchestrator(&self, mut settings: RunSettings, guards: Arc<Guards>) -> Arc<dyn Orchestrator> {
        let listeners = std::mem::take(&mut settings.attempt_listeners);
        let inner = self.unwatched_orchestrator(settings, guards);
        if listeners.is_empty() { inner } else { Arc::new(Watched { inner, clock: self.clock(), listeners }) }
    }

    fn unwatched_orchestrator(&self, settings: RunSettings, guards: Arc<Guards>) -> Arc<dyn Orchestrator> {
        let RunSettings { task, jobs, may_batch, stdout_to, .. } = settings;
        match task {
            Task::Workflow(run) => {
                let equipment = Equipment {
                    executions: Some(self.executions()),
                    shared_journals: self.shared_journals(),
                    ..self.equipment(guards)
                };
                Arc::new(WorkflowOrchestrator::new(*run, equipment))
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

    /// Returns an orchestrator for one workflow execution outside the queue. The caller must end
    /// the supervision after the execution.
    ///
    /// # Errors
    /// [`CliError`] if the path of this program is unknown, or if no thread can be started.
    pub(crate) fn single_execution(
        &self,
        workflow: WorkflowRun,
        run: RunId,
        grace: Duration,
    ) -> Result<(TaskOrchestrator, Supervision), CliError> {
        autoproc_subprocess::adopt_orphans();
        self.attempt_logs().begin_notes();
        // No records are kept: they serve only to recover dead runs, and this execution has no run.
        let guards = Arc::new(Guards::new(self.guard_settings(run, grace)?));
        let supervision = Supervision::suspendable(guards.clone())?;
        Ok((TaskOrchestrator::new(workflow, self.equipment(guards)), supervision))
    }

    /// Returns settings for guards that keep no records, and no temporary folders of failed
    /// processes. The password of the store is never added to the environment of commands.
    ///
    /// # Errors
    /// If the system does not report this program's path.
    pub(super) fn guard_settings(&self, run: RunId, grace: Duration) -> Result<GuardSettings, CliError> {
        let executable = autoproc_subprocess::own_executable();
        let executable =
            executable.map_err(|error| CliError::io("cannot determine the path of this program", &error))?;
        let mut environment = vec![(PROJECT_VARIABLE.into(), self.project.root().into())];
        if let Some(server) = self.server().filter(|server| server.is_named_by_option()) {
            environment.push((store_choice::VARIABLE.into(), server.address().into()));
        }
        let rules: Vec<_> = self.rules_of_options().map(ToString::to_string).collect();
        if !rules.is_empty() {
            environment.push((store_choice::MAP_VARIABLE.into(), rules.join("\n").into()));
        }
        let output = OutputLimits::default();
        Ok(GuardSettings { executable, run, environment, grace, records_dir: None, output, keep_tmp: None })
    }

    fn equipment(&self, guards: Arc<Guards>) -> Equipment {
        let logs = self.attempt_logs();
        Equipment {
            runner: Arc::new(GuardedSteps::new(guards, logs, self.project.root().to_owned(), notices(&self.console))),
            clock: self.clock(),
            executions: None,
            shared_journals: None,
            scratch_dir: self.project.executions_dir().join(format!("single-{}.steps", std::process::id())),
            event_log: self.project.orchestrator_log(),
            latest_state: self.project.orchestrator_state_file(),
            on_warning: notices(&self.console),
        }
    }

    /// Returns the stop signal of a workflow execution outside the queue.
    ///
    /// # Errors
    /// If no thread can be started.
    #[expect(clippy::unused_self, reason = "signals belong to the adapters, and so to the wiring")]
    pub(crate) fn signals(&self) -> Result<Arc<dyn StopSignal>, CliError> {
        Ok(Arc::new(StopWatch::signals_only().map_err(|error| no_signals(&error))?))
    }

    /// Until the returned value is dropped, calls `pause` when this process is suspended, and
    /// `resume` when it continues.
    ///
    /// # Errors
    /// If no thread can be started.
    #[expect(clippy::unused_self, reason = "signals belong to the adapters, and so to the wiring")]
    pub(crate) fn suspension(
        &self,
        pause: impl Fn() + Send + 'static,
        resume: impl Fn() + Send + 'static,
    ) -> Result<Suspension, CliError> {
        Suspension::new(pause, resume).map_err(|error| no_signals(&error))
    }

    /// Returns the stop signal of a run.
    ///
    /// # Errors
    /// If no thread can be started.
    fn stop_signals(&self, run: &RunId, stop_timeout: Duration) -> Result<Arc<dyn StopSignal>, CliError> {
        let stop = match self.server() {
            Some(_) => StopWatch::without_file(),
            None => StopWatch::new(self.project.stop_file()),
        };
        let stop = stop.map(|stop| stop.with_drain_timeout(stop_timeout)).and_then(StopWatch::with_signals);
        let signals = Arc::new(stop.map_err(|error| no_signals(&error))?);
        Ok(match self.server() {
            Some(server) => Arc::new(StopSignals { signals, requests: server.stop_requests(run) }),
            None => signals,
        })
    }

    fn observers(&self, others: Vec<Arc<dyn Observer>>) -> Result<Observers, CliError> {
        let state = StateFile::new(self.project.state_file(), self.project.monitor_file(), notices(&self.console));
        let state = state.map_err(|error| CliError::io("cannot start a thread", &error))?;
        let mut all: Vec<Arc<dyn Observer>> = vec![self.event_log(), Arc::new(state)];
        all.extend(others);
        Ok(Observers::new(all))
    }
}

/// The guards of a run. Their commands are suspended together with this process.
pub(crate) struct Supervision {
    guards: Arc<Guards>,
    suspension: Suspension,
    pauses: Option<PauseWatch>,
}

impl Supervision {
    fn suspendable(guards: Arc<Guards>) -> Result<Self, CliError> {
        let (suspended, continued) = (guards.clone(), guards.clone());
        let suspension = Suspension::new(move || suspended.pause(), move || continued.resume());
        Ok(Self { guards, suspension: suspension.map_err(|error| no_signals(&error))?, pauses: None })
    }

    fn pausable(
        guards: Arc<Guards>,
        switch: Arc<PauseSwitch>,
        on_change: impl Fn(bool) + Send + 'static,
        on_suspension: Option<Arc<dyn OnSuspension>>,
    ) -> Result<Self, CliError> {
        let (suspended, continued, on_continuation) = (switch.clone(), switch.clone(), on_suspension.clone());
        let suspend = move || {
            if let Some(follower) = &on_suspension {
                follower.suspending();
            }
            suspended.set(PauseReason::Suspension, true);
        };
        let resume = move || {
            if let Some(follower) = &on_continuation {
                follower.resumed();
            }
            continued.set(PauseReason::Suspension, false);
        };
        let suspension = Suspension::new(suspend, resume);
        let suspension = suspension.map_err(|error| no_signals(&error))?;
        let pauses = PauseWatch::new(switch, on_change);
        let pauses = pauses.map_err(|error| CliError::io("cannot start a thread", &error))?;
        Ok(Self { guards, suspension, pauses: Some(pauses) })
    }

    /// Ends the guards. A busy guard ends after its batch.
    pub(crate) async fn end(self) {
        drop(self.suspension);
        drop(self.pauses);
        self.guards.close().await;
    }
}

fn gate(limits: StartLimits) -> Result<MachineGate, CliError> {
    MachineGate::new(limits).map_err(|error| {
        let option = match error {
            Unmeasurable::Load => "--max-load",
            Unmeasurable::Memory => "--min-free-memory",
        };
        CliError::usage(error.to_string()).with_hint(format!("omit {option}"))
    })
}

fn no_signals(error: &io::Error) -> CliError {
    CliError::io("cannot watch signals and stop requests", error)
}
