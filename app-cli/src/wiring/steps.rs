//! Runs the processes of workflow steps under guards.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::ports::{Attempt, StopSignal};
use autoproc_subprocess::{AttemptLogs, Guards, ProcessReport, ProcessSpec, attempt_environment};
use autoproc_workflow::execution::{StepEnd, StepProcess, StepRunner};

/// Runs each step of a workflow as a process.
pub(crate) struct GuardedSteps {
    guards: Arc<Guards>,
    logs: AttemptLogs,
    project_dir: PathBuf,
    on_notice: Arc<dyn Fn(&str) + Send + Sync>,
    has_noticed: AtomicBool,
    has_noticed_tmp: AtomicBool,
}

impl GuardedSteps {
    pub(crate) fn new(
        guards: Arc<Guards>,
        logs: AttemptLogs,
        project_dir: PathBuf,
        on_notice: Arc<dyn Fn(&str) + Send + Sync>,
    ) -> Self {
        let [has_noticed, has_noticed_tmp] = [(); 2].map(|()| AtomicBool::new(false));
        Self { guards, logs, project_dir, on_notice, has_noticed, has_noticed_tmp }
    }

    fn spec(&self, process: StepProcess) -> ProcessSpec {
        let log = self.logs.path_of(&process.attempt);
        let attempt = attempt_environment(&process.attempt, process.deadline, &self.project_dir);
        let mut heading = process.heading.into_bytes();
        heading.push(b'\n');
        ProcessSpec {
            program: process.program,
            arguments: process.arguments,
            environment: attempt.into_iter().chain(process.environment).collect(),
            working_dir: process.working_dir,
            stdin: Vec::new(),
            timeout: process.timeout,
            log: Some(log),
            append_log: !process.is_first,
            log_heading: heading,
            capture: process.capture,
            stdout_to: None,
        }
    }

    fn notice(&self, attempt: &Attempt, error: &str) {
        if !self.has_noticed.swap(true, Ordering::Relaxed) {
            let path = self.logs.path_of(attempt);
            (self.on_notice)(&format!("the output of steps is not kept: {}: {error}", path.display()));
        }
    }

    fn notice_tmp(&self, error: &str) {
        if !self.has_noticed_tmp.swap(true, Ordering::Relaxed) {
            (self.on_notice)(&format!("a step had no temporary folder of its own: {error}"));
        }
    }
}

#[async_trait]
impl StepRunner for GuardedSteps {
    async fn run(&self, process: StepProcess, stop: &dyn StopSignal) -> io::Result<StepEnd> {
        let (attempt, timeout) = (process.attempt.clone(), process.timeout);
        let report = self.guards.run(self.spec(process), stop).await?;
        if let Some(error) = &report.log_error {
            self.notice(&attempt, error);
        }
        if let Some(error) = &report.tmp_error {
            self.notice_tmp(error);
        }
        Ok(step_end(report, timeout))
    }
}

fn step_end(report: ProcessReport, timeout: Duration) -> StepEnd {
    StepEnd {
        output_tail: report.last_error_lines().into(),
        outcome: report.ending.outcome(timeout),
        elapsed: report.elapsed,
        usage: report.usage,
        stdout: report.stdout,
        stdout_bytes: report.stdout_bytes,
    }
}
