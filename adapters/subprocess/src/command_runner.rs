//! Creates the processes of attempts, and reports their progress.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use autoproc_domain::ports::{
    Attempt, AttemptOutcome, AttemptProgress, AttemptReport, LostAttempt, StartFault, StopSignal,
};
use futures_util::stream::BoxStream;

use crate::attempt_logs::AttemptLogs;
use crate::command_line::CommandLine;
use crate::environment::{SLOT_VARIABLE, attempt_environment};
use crate::guards::{BatchEvent, BatchProcess, Guards};
use crate::process::{Ending, ProcessReport, ProcessSpec, StdoutFile};
use crate::settings::Settings;
use crate::slots::{Slot, Slots};
use crate::stdout_pattern::StdoutTo;
use crate::subject::{Subject, relative_path};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whereabouts {
    /// The file exists or cannot be examined.
    There,
    /// Only the folder exists.
    Gone,
    /// The folder is missing too. The disk may be unmounted.
    Away,
}

impl Whereabouts {
    fn of(file: &Path) -> Self {
        match file.parent() {
            Some(folder) if matches!(file.try_exists(), Ok(false)) => {
                if folder.is_dir() {
                    Self::Gone
                } else {
                    Self::Away
                }
            }
            _ => Self::There,
        }
    }
}

pub(crate) struct CommandRunner {
    command_line: CommandLine,
    settings: Settings,
    guards: Arc<Guards>,
    logs: AttemptLogs,
    slots: Slots,
    has_noticed: AtomicBool,
    has_noticed_tmp: AtomicBool,
}

impl CommandRunner {
    pub(crate) fn new(command_line: CommandLine, settings: Settings, guards: Arc<Guards>) -> Self {
        let logs = AttemptLogs::new(&settings.attempts_dir);
        let [has_noticed, has_noticed_tmp] = [(); 2].map(|()| AtomicBool::new(false));
        Self { command_line, settings, guards, logs, slots: Slots::default(), has_noticed, has_noticed_tmp }
    }

    pub(crate) fn occupy_slot(&self) -> Slot {
        self.slots.occupy()
    }

    pub(crate) async fn run(&self, attempt: &Attempt, stop: &dyn StopSignal) -> Result<AttemptReport, LostAttempt> {
        let report = self.guards.run(self.spec(attempt, &self.occupy_slot()), stop).await;
        self.attempt_report(attempt, report)
    }

    pub(crate) fn run_batch(&self, processes: Vec<BatchProcess>, start_within: Duration) -> BoxStream<'_, BatchEvent> {
        self.guards.run_batch(processes, start_within)
    }

    pub(crate) fn batch_process(&self, attempt: &Attempt, slot: &Slot, stop: Arc<dyn StopSignal>) -> BatchProcess {
        BatchProcess { spec: self.spec(attempt, slot), input: attempt.file_path.as_path().to_owned(), stop }
    }

    pub(crate) fn progress(
        &self,
        attempt: &Attempt,
        event: BatchEvent,
        has_started: bool,
    ) -> impl Iterator<Item = AttemptProgress> + use<> {
        let started = |fingerprint| Some(AttemptProgress::Started { fingerprint });
        let (first, second) = match event {
            BatchEvent::Started(fingerprint) => (started(fingerprint), None),
            BatchEvent::NotStarted(_) => {
                self.forget(attempt);
                (Some(AttemptProgress::NotStarted { shortage: None }), None)
            }
            BatchEvent::Ended(Ok(ProcessReport {
                ending: Ending::CannotStart { reason, fault: StartFault::Shortage },
                ..
            })) if !has_started => {
                self.forget(attempt);
                (Some(AttemptProgress::NotStarted { shortage: Some(reason.into()) }), None)
            }
            BatchEvent::Ended(report) => {
                let end = self.attempt_report(attempt, report);
                let end = end.map_or_else(AttemptProgress::Lost, AttemptProgress::Ended);
                (if has_started { None } else { started(None) }, Some(end))
            }
        };
        first.into_iter().chain(second)
    }

    fn spec(&self, attempt: &Attempt, slot: &Slot) -> ProcessSpec {
        let project_dir = &self.settings.project_dir;
        let subject = Subject {
            path: attempt.file_path.as_path(),
            relative: relative_path(&attempt.file_path, attempt.depth, project_dir),
            item: Some(attempt.token.item),
            slot: slot.number(),
        };
        let invocation = self.command_line.for_file(subject);
        let deadline = self.settings.clock.now().saturating_add(attempt.timeout);
        let shell = invocation.environment.into_iter().map(|(name, value)| (name.into(), value));
        let slot = (SLOT_VARIABLE.into(), slot.number().to_string().into());
        ProcessSpec {
            program: invocation.program,
            arguments: invocation.arguments,
            environment: attempt_environment(attempt, deadline, project_dir)
                .into_iter()
                .chain([slot])
                .chain(shell)
                .collect(),
            working_dir: self.settings.working_dir.clone(),
            stdin: Vec::new(),
            timeout: attempt.timeout,
            log: Some(self.logs.path_of(attempt)),
            append_log: false,
            log_heading: Vec::new(),
            capture: 0,
            stdout_to: self.stdout_file(attempt, subject),
        }
    }

    fn stdout_file(&self, attempt: &Attempt, subject: Subject<'_>) -> Option<StdoutFile> {
        let StdoutTo { pattern, folder, ok_exits, owners } = self.settings.stdout_to.as_ref()?;
        let path = pattern.path_for(subject, folder);
        let owner = owners.reserve(&path, attempt.token.item, &attempt.file_path);
        Some(StdoutFile { path: path.into(), ok_exits: ok_exits.clone(), temporary: owners.temporary_name(), owner })
    }

    /// Cancels the reservation of an output file for an attempt that has not started.
    pub(crate) fn forget(&self, attempt: &Attempt) {
        if let Some(StdoutTo { owners, .. }) = &self.settings.stdout_to {
            owners.release(attempt.token.item, false);
        }
    }

    fn release(&self, attempt: &Attempt, ending: &Ending) {
        if let Some(StdoutTo { owners, ok_exits, .. }) = &self.settings.stdout_to {
            let has_written = matches!(ending, Ending::Exited { code } if *code == 0 || ok_exits.contains(code));
            owners.release(attempt.token.item, has_written);
        }
    }

    fn attempt_report(
        &self,
        attempt: &Attempt,
        report: io::Result<ProcessReport>,
    ) -> Result<AttemptReport, LostAttempt> {
        // The process of a lost attempt may still be running, so its output file stays reserved.
        let report = report.map_err(|source| LostAttempt { file_path: attempt.file_path.clone(), source })?;
        self.release(attempt, &report.ending);
        if let Some(error) = &report.log_error {
            self.notice(attempt, error);
        }
        if let Some(error) = &report.tmp_error {
            self.notice_tmp(error);
        }
        let output_tail = report.last_error_lines().into();
        let outcome = match report.ending.outcome(attempt.timeout) {
            outcome @ (AttemptOutcome::Exited { .. }
            | AttemptOutcome::Signalled { .. }
            | AttemptOutcome::OutOfMemory { .. }
            | AttemptOutcome::TimedOut { .. }) => match Whereabouts::of(attempt.file_path.as_path()) {
                Whereabouts::There => outcome,
                Whereabouts::Gone => AttemptOutcome::InputGone { cause: Box::new(outcome) },
                Whereabouts::Away => AttemptOutcome::InputAway { cause: Box::new(outcome) },
            },
            // The program depends on the file, so only this file is at fault.
            AttemptOutcome::CannotStart { reason, fault: StartFault::Missing }
                if !self.command_line.has_fixed_program() =>
            {
                AttemptOutcome::CannotStart { reason, fault: StartFault::Permanent }
            }
            outcome => outcome,
        };
        let ProcessReport { elapsed, usage, input_after, .. } = report;
        Ok(AttemptReport { outcome, elapsed, usage, output_tail, input_after })
    }

    fn notice_tmp(&self, error: &str) {
        if !self.has_noticed_tmp.swap(true, Ordering::Relaxed) {
            (self.settings.on_notice)(&format!("a command had no temporary folder of its own: {error}"));
        }
    }

    fn notice(&self, attempt: &Attempt, error: &str) {
        if !self.has_noticed.swap(true, Ordering::Relaxed) {
            let path = self.logs.path_of(attempt);
            (self.settings.on_notice)(&format!("cannot keep the output of commands: {}: {error}", path.display()));
        }
    }
}
