//! The orchestrator that runs one command per file, each attempt as a process under a guard.

use std::future::ready;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::RunId;
use autoproc_domain::ports::{
    Attempt, AttemptReport, Orchestrator, OrchestratorError, SeriesNews, StopSignal, Unproven,
};
use futures_util::stream::{BoxStream, StreamExt};

use crate::attempt_logs::AttemptLogs;
use crate::command_line::CommandLine;
use crate::environment::attempt_environment;
use crate::guards::{BatchEvent, Guards};
use crate::process::{ProcessReport, ProcessSpec};
use crate::sweep::Sweeper;

/// Attempts of a batch that have not started after this time are given back: some times as long as
/// a whole batch is expected to take.
const START_WITHIN: Duration = Duration::from_millis(200);

/// Where commands run and where their output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The folder for the output of attempts; created when needed.
    pub attempts_dir: PathBuf,
    /// The working directory of commands; that of this process if `None`. A relative program path
    /// is resolved against it.
    pub working_dir: Option<PathBuf>,
}

/// Runs one command on each file.
///
/// Requires a tokio runtime with its I/O driver enabled.
pub struct CommandOrchestrator {
    command_line: CommandLine,
    guards: Arc<Guards>,
    logs: AttemptLogs,
    working_dir: Option<PathBuf>,
    sweeper: Option<Sweeper>,
    on_notice: Arc<dyn Fn(&str) + Send + Sync>,
    has_noticed: AtomicBool,
}

impl CommandOrchestrator {
    /// Runs `command_line` under `guards`, which must be of the attempts' run. The caller closes
    /// them.
    #[must_use]
    pub fn new(command_line: CommandLine, settings: Settings, guards: Arc<Guards>) -> Self {
        let Settings { attempts_dir, working_dir } = settings;
        let logs = AttemptLogs::new(attempts_dir);
        let on_notice = Arc::new(|_: &str| {});
        let has_noticed = AtomicBool::new(false);
        Self { command_line, guards, logs, working_dir, sweeper: None, on_notice, has_noticed }
    }

    /// Uses `sweeper` to end what dead runs left. Without one, nothing is ended.
    #[must_use]
    pub fn with_sweeper(mut self, sweeper: Sweeper) -> Self {
        self.sweeper = Some(sweeper);
        self
    }

    /// Calls `on_notice` once if the output of an attempt cannot be kept. The attempt is not
    /// affected.
    #[must_use]
    pub fn with_notices(mut self, on_notice: Arc<dyn Fn(&str) + Send + Sync>) -> Self {
        self.on_notice = on_notice;
        self
    }

    fn process(&self, attempt: &Attempt) -> ProcessSpec {
        let invocation = self.command_line.for_file(attempt.file_path.as_path());
        let shell = invocation.environment.into_iter().map(|(name, value)| (name.into(), value));
        ProcessSpec {
            program: invocation.program,
            arguments: invocation.arguments,
            environment: attempt_environment(attempt).into_iter().chain(shell).collect(),
            working_dir: self.working_dir.clone(),
            timeout: attempt.timeout,
            log: Some(self.logs.path_of(attempt)),
            append_log: false,
            log_heading: Vec::new(),
            capture: 0,
        }
    }

    fn attempt_report(
        &self,
        attempt: &Attempt,
        report: io::Result<ProcessReport>,
    ) -> Result<AttemptReport, OrchestratorError> {
        let report = report.map_err(|source| OrchestratorError { file_path: attempt.file_path.clone(), source })?;
        if let Some(error) = &report.log_error {
            self.notice(attempt, error);
        }
        Ok(AttemptReport {
            stderr_tail: report.last_error_lines().into(),
            outcome: report.ending.outcome(attempt.timeout),
            elapsed: report.elapsed,
            usage: report.usage,
        })
    }

    fn notice(&self, attempt: &Attempt, error: &str) {
        if !self.has_noticed.swap(true, Ordering::Relaxed) {
            let path = self.logs.path_of(attempt);
            (self.on_notice)(&format!("the output of commands is not kept: {}: {error}", path.display()));
        }
    }
}

#[async_trait]
impl Orchestrator for CommandOrchestrator {
    async fn execute(&self, attempt: Attempt, stop: Arc<dyn StopSignal>) -> Result<AttemptReport, OrchestratorError> {
        let report = self.guards.run(self.process(&attempt), &*stop).await;
        self.attempt_report(&attempt, report)
    }

    fn execute_series(&self, attempts: Vec<Attempt>, stop: Arc<dyn StopSignal>) -> BoxStream<'_, SeriesNews> {
        let processes = attempts.iter().map(|attempt| (self.process(attempt), stop.clone())).collect();
        let mut attempts = attempts.into_iter();
        let events = self.guards.run_batch(processes, START_WITHIN).filter_map(move |event| {
            ready(match event {
                BatchEvent::NotStarted(count) => Some(SeriesNews::NotBegun(count)),
                BatchEvent::Ended(report) => {
                    attempts.next().map(|attempt| SeriesNews::Over(self.attempt_report(&attempt, report)))
                }
            })
        });
        events.boxed()
    }

    async fn sweep(&self, dead: Vec<RunId>) -> Vec<Unproven> {
        match &self.sweeper {
            Some(sweeper) => sweeper.sweep_async(dead).await,
            None => Vec::new(),
        }
    }
}
