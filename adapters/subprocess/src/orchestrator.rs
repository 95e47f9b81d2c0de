//! One command a file: an attempt as a process under a guard.

use std::ffi::OsString;
use std::future::ready;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use autoproc_domain::RunId;
use autoproc_domain::ports::{
    Attempt, AttemptReport, Orchestrator, OrchestratorError, SeriesNews, StopSignal, Unproven,
};
use futures_util::stream::{BoxStream, StreamExt};

use crate::attempt_logs::AttemptLogs;
use crate::command_line::CommandLine;
use crate::guards::{Guards, ProcessNews};
use crate::process::{ProcessReport, ProcessSpec};
use crate::process_table::RUN_VARIABLE;
use crate::shell::FILE_VARIABLE;
use crate::sweep::Sweeper;

/// How commands are run, beside what the guards know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The folder for the output of attempts; made when it is needed.
    pub attempts_dir: PathBuf,
    /// The folder commands are started in; ours where `None`. A relative program path is relative to it.
    pub working_dir: Option<PathBuf>,
}

/// Carries out attempts by running one command on each file, under a guard.
///
/// Needs a tokio runtime with its I/O driver enabled.
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
    /// Runs `command_line` on each file. The guards are those of the attempts' run; whoever made them closes them.
    #[must_use]
    pub fn new(command_line: CommandLine, settings: Settings, guards: Arc<Guards>) -> Self {
        let Settings { attempts_dir, working_dir } = settings;
        let logs = AttemptLogs::new(attempts_dir);
        let on_notice = Arc::new(|_: &str| {});
        let has_noticed = AtomicBool::new(false);
        Self { command_line, guards, logs, working_dir, sweeper: None, on_notice, has_noticed }
    }

    /// Has what dead runs left ended by `sweeper`; by nobody without one.
    #[must_use]
    pub fn with_sweeper(mut self, sweeper: Sweeper) -> Self {
        self.sweeper = Some(sweeper);
        self
    }

    /// Has `on_notice` told, once, when the output of an attempt cannot be kept. The attempt runs all the same.
    #[must_use]
    pub fn with_notices(mut self, on_notice: Arc<dyn Fn(&str) + Send + Sync>) -> Self {
        self.on_notice = on_notice;
        self
    }

    fn process(&self, attempt: &Attempt) -> ProcessSpec {
        let invocation = self.command_line.for_file(attempt.file_path.as_path());
        let file = (FILE_VARIABLE.into(), attempt.file_path.as_os_str().to_owned());
        let shell = invocation.environment.into_iter().map(|(name, value)| (name.into(), value));
        ProcessSpec {
            program: invocation.program,
            arguments: invocation.arguments,
            environment: [file].into_iter().chain(shell).chain(description(attempt)).collect(),
            working_dir: self.working_dir.clone(),
            timeout: attempt.timeout,
            log: Some(self.logs.path_of(attempt)),
            append_log: false,
            log_heading: Vec::new(),
            capture: 0,
        }
    }

    fn report(&self, attempt: &Attempt, report: io::Result<ProcessReport>) -> Result<AttemptReport, OrchestratorError> {
        let report = report.map_err(|source| OrchestratorError { file_path: attempt.file_path.clone(), source })?;
        if let Some(error) = &report.log_error {
            self.notice(attempt, error);
        }
        Ok(attempt_report(report, attempt))
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
        self.report(&attempt, report)
    }

    fn execute_series(&self, attempts: Vec<Attempt>, stop: Arc<dyn StopSignal>) -> BoxStream<'_, SeriesNews> {
        let processes = attempts.iter().map(|attempt| self.process(attempt)).collect();
        let mut attempts = attempts.into_iter();
        let news = self.guards.run_series(processes, stop).filter_map(move |news| {
            ready(match news {
                ProcessNews::NotBegun(count) => Some(SeriesNews::NotBegun(count)),
                ProcessNews::Over(report) => {
                    attempts.next().map(|attempt| SeriesNews::Over(self.report(&attempt, report)))
                }
            })
        });
        news.boxed()
    }

    async fn sweep(&self, dead: Vec<RunId>) -> Vec<Unproven> {
        match &self.sweeper {
            Some(sweeper) => sweeper.sweep_aside(dead).await,
            None => Vec::new(),
        }
    }
}

fn attempt_report(report: ProcessReport, attempt: &Attempt) -> AttemptReport {
    AttemptReport {
        stderr_tail: report.last_error_lines().into(),
        outcome: report.ending.outcome(attempt.timeout),
        elapsed: report.elapsed,
        usage: report.usage,
    }
}

/// The attempt, as its command's environment tells it.
fn description(attempt: &Attempt) -> [(OsString, OsString); 5] {
    [
        ("AUTOPROC_ITEM_ID", attempt.token.item.to_string()),
        (RUN_VARIABLE, attempt.run.to_string()),
        ("AUTOPROC_ATTEMPT", attempt.number.to_string()),
        ("AUTOPROC_MAX_ATTEMPTS", attempt.max_attempts.to_string()),
        ("AUTOPROC_DEADLINE", attempt.deadline.to_string()),
    ]
    .map(|(name, value)| (name.into(), value.into()))
}
