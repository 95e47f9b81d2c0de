//! Runs the command of an orchestrator: converts attempts to processes, and their reports to
//! progress.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use autoproc_domain::ports::{Attempt, AttemptOutcome, AttemptProgress, AttemptReport, LostAttempt, StopSignal};
use futures_util::stream::BoxStream;

use crate::attempt_logs::AttemptLogs;
use crate::command_line::CommandLine;
use crate::environment::attempt_environment;
use crate::guards::{BatchEvent, BatchProcess, Guards};
use crate::process::{ProcessReport, ProcessSpec};
use crate::settings::Settings;

/// True if the file does not exist, and its folder does. If the folder is gone too, its disk may
/// only be unmounted for a while.
fn is_gone(file: &Path) -> bool {
    matches!(file.try_exists(), Ok(false)) && file.parent().is_some_and(Path::is_dir)
}

pub(crate) struct CommandRunner {
    command_line: CommandLine,
    settings: Settings,
    guards: Arc<Guards>,
    logs: AttemptLogs,
    has_noticed: AtomicBool,
}

impl CommandRunner {
    pub(crate) fn new(command_line: CommandLine, settings: Settings, guards: Arc<Guards>) -> Self {
        let logs = AttemptLogs::new(&settings.attempts_dir);
        Self { command_line, settings, guards, logs, has_noticed: AtomicBool::new(false) }
    }

    pub(crate) async fn run(&self, attempt: &Attempt, stop: &dyn StopSignal) -> Result<AttemptReport, LostAttempt> {
        let report = self.guards.run(self.spec(attempt), stop).await;
        self.attempt_report(attempt, report)
    }

    pub(crate) fn run_batch(&self, processes: Vec<BatchProcess>, start_within: Duration) -> BoxStream<'_, BatchEvent> {
        self.guards.run_batch(processes, start_within)
    }

    pub(crate) fn batch_process(&self, attempt: &Attempt, stop: Arc<dyn StopSignal>) -> BatchProcess {
        BatchProcess { spec: self.spec(attempt), input: attempt.file_path.as_path().to_owned(), stop }
    }

    /// Converts an event of an attempt's process. If the attempt ends without a report of its
    /// start, because it could not start, the start is reported first.
    pub(crate) fn progress(
        &self,
        attempt: &Attempt,
        event: BatchEvent,
        has_started: bool,
    ) -> impl Iterator<Item = AttemptProgress> + use<> {
        let started = |fingerprint| Some(AttemptProgress::Started { fingerprint });
        let (first, second) = match event {
            BatchEvent::Started(fingerprint) => (started(fingerprint), None),
            BatchEvent::NotStarted(_) => (Some(AttemptProgress::NotStarted), None),
            BatchEvent::Ended(report) => {
                let end = self.attempt_report(attempt, report);
                let end = end.map_or_else(AttemptProgress::Lost, AttemptProgress::Ended);
                (if has_started { None } else { started(None) }, Some(end))
            }
        };
        first.into_iter().chain(second)
    }

    fn spec(&self, attempt: &Attempt) -> ProcessSpec {
        let invocation = self.command_line.for_file(attempt.file_path.as_path());
        let deadline = self.settings.clock.now().saturating_add(attempt.timeout);
        let shell = invocation.environment.into_iter().map(|(name, value)| (name.into(), value));
        ProcessSpec {
            program: invocation.program,
            arguments: invocation.arguments,
            environment: attempt_environment(attempt, deadline).into_iter().chain(shell).collect(),
            working_dir: self.settings.working_dir.clone(),
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
    ) -> Result<AttemptReport, LostAttempt> {
        let report = report.map_err(|source| LostAttempt { file_path: attempt.file_path.clone(), source })?;
        if let Some(error) = &report.log_error {
            self.notice(attempt, error);
        }
        let output_tail = report.last_error_lines().into();
        let outcome = match report.ending.outcome(attempt.timeout) {
            outcome @ (AttemptOutcome::Exited { .. }
            | AttemptOutcome::Signalled { .. }
            | AttemptOutcome::TimedOut { .. })
                if is_gone(attempt.file_path.as_path()) =>
            {
                AttemptOutcome::InputGone { cause: Box::new(outcome) }
            }
            outcome => outcome,
        };
        Ok(AttemptReport { output_tail, outcome, elapsed: report.elapsed, usage: report.usage })
    }

    /// Reports, only once, that output cannot be kept.
    fn notice(&self, attempt: &Attempt, error: &str) {
        if !self.has_noticed.swap(true, Ordering::Relaxed) {
            let path = self.logs.path_of(attempt);
            (self.settings.on_notice)(&format!("cannot keep the output of commands: {}: {error}", path.display()));
        }
    }
}
