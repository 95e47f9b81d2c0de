//! `workflow run`: executes a workflow on one file, without the queue.

use std::io::{self, Write};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::item::{AttemptNumber, ClaimNumber, ClaimToken};
use autoproc_domain::ports::{Attempt, AttemptOutcome, AttemptReport, StopCause, StopSignal};
use autoproc_domain::{FilePath, ItemId, RetryPolicy};
use autoproc_subprocess::AttemptLog;
use autoproc_workflow::ProgressReport;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde::Serialize;

use super::choice::{WorkflowChoice, WorkflowOptions};
use super::progress::ProgressJson;
use crate::attempt_output::AttemptOutput;
use crate::completion::Candidates;
use crate::console::Delivery;
use crate::context::Context;
use crate::error::CliError;
use crate::escape::Printable;
use crate::exit_code::ExitCode;
use crate::followed_log::{FollowedLog, POLL_INTERVAL};
use crate::paths;
use crate::view::View;
use crate::view::json::PathJson;
use crate::view::screen::Screen;
use crate::view::style::{BAD, GOOD, painted};
use crate::view::time::span;
use crate::wiring::check_process_table;

/// The arguments of `workflow run`.
#[derive(Debug, Args)]
#[command(
    after_help = "The file is not queued, and the execution cannot be resumed: after a failure, the workflow starts from the beginning.

Examples:
  autoproc workflow run wf-ingest --file talk.mp4 --input source_code=AB
  autoproc workflow run ./my-workflow.yaml --file notes.txt --timeout 1h"
)]
pub(crate) struct RunArgs {
    /// The workflow: its id or its path
    #[arg(value_name = "ID|PATH", add = Candidates::Workflows, value_parser = NonEmptyStringValueParser::new())]
    workflow: String,
    /// The file to process
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    options: WorkflowOptions,
    /// Time limit of the execution
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, default_value = "300", value_parser = autoproc_time_text::parse_positive)]
    timeout: Duration,
    /// Time between asking a step to end and killing it
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, default_value = "10", value_parser = autoproc_time_text::parse)]
    grace: Duration,
}

pub(super) async fn run(args: RunArgs, context: &Context) -> Result<ExitCode, CliError> {
    let file = paths::resolve(&context.cwd, &args.file)?;
    check_process_table()?;
    if let Err(error) = file.as_path().metadata() {
        let problem = if paths::is_absent(&error) {
            " does not exist (yet)".to_owned()
        } else {
            format!(" cannot be examined: {error}")
        };
        context.console.warn(context.console.err().line("", &file, &problem));
    }
    let stop = context.wiring.signals()?;
    let attempt = attempt(file.clone(), args.timeout, context);
    let log = context.wiring.attempt_logs().log_of(attempt.token, attempt.number);
    let choice = WorkflowChoice::new(Some(args.workflow), args.options);
    let execution = execute(&choice, args.grace, attempt, stop.clone(), context);
    let (report, progress) =
        if context.json { execution.await? } else { Box::pin(shown(execution, &log, context)).await? };
    let code = match report.outcome {
        AttemptOutcome::Succeeded => ExitCode::Success,
        AttemptOutcome::Aborted => aborted(stop.request().cause),
        _ => ExitCode::FilesFailed,
    };
    context.show(&ExecutionOver { file, report, progress })?;
    Ok(code)
}

async fn execute(
    choice: &WorkflowChoice,
    grace: Duration,
    attempt: Attempt,
    stop: Arc<dyn StopSignal>,
    context: &Context,
) -> Result<(AttemptReport, Option<ProgressReport>), CliError> {
    let mut workflow = choice.load(context)?;
    workflow.retry = RetryPolicy { retries: 0, ..RetryPolicy::default() };
    let (orchestrator, supervision) = context.wiring.single_execution(workflow, attempt.run.clone(), grace)?;
    let report = orchestrator.execute(attempt, stop).await;
    supervision.end().await;
    let report = report.map_err(|error| CliError::io(error.to_string(), &error.source))?;
    Ok((report, orchestrator.get_progress()))
}

/// Creates an attempt on a file outside the queue. The item id is 0, because no queue contains this
/// id. The claim number is the current time, so each execution has its own output file.
fn attempt(file_path: FilePath, timeout: Duration, context: &Context) -> Attempt {
    let number = ClaimNumber::new(u64::try_from(context.now().as_micros()).unwrap_or_default());
    Attempt {
        token: ClaimToken { item: ItemId::new(0), number },
        run: context.wiring.new_run(),
        file_path,
        depth: 0,
        round: 1,
        follows_completion: false,
        number: AttemptNumber::FIRST,
        max_attempts: 1,
        timeout,
    }
}

async fn shown<T>(
    execution: impl Future<Output = Result<T, CliError>>,
    log: &AttemptLog,
    context: &Context,
) -> Result<T, CliError> {
    let mut execution = pin!(execution);
    let mut followed = FollowedLog::new(log, &context.console, AttemptOutput::of_data(&context.console));
    let mut printed = Ok(Delivery::All);
    let over = loop {
        match tokio::time::timeout(POLL_INTERVAL, execution.as_mut()).await {
            Ok(over) => break over,
            Err(_) if matches!(printed, Ok(Delivery::All)) => printed = followed.poll(),
            Err(_) => {}
        }
    };
    let trouble = match printed {
        Ok(Delivery::All) => followed.rest().err(),
        Ok(Delivery::Cut) => None,
        Err(error) => Some(error),
    };
    if let Some(error) = trouble {
        context.console.warn(format_args!("cannot show the output: {}", error.message()));
    }
    over
}

fn aborted(cause: Option<StopCause>) -> ExitCode {
    match cause {
        Some(StopCause::Interrupt) => ExitCode::Interrupted,
        Some(StopCause::HangUp) => ExitCode::HungUp,
        _ => ExitCode::Terminated,
    }
}

struct ExecutionOver {
    file: FilePath,
    report: AttemptReport,
    progress: Option<ProgressReport>,
}

impl View for ExecutionOver {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let took = span(self.report.elapsed);
        match self.report.outcome {
            AttemptOutcome::Succeeded => {
                writeln!(out, "{} {} in {took}", painted(GOOD, "completed"), out.path(&self.file))
            }
            AttemptOutcome::Aborted => writeln!(out, "ended {} after {took}, as requested", out.path(&self.file)),
            _ => {
                let (failed, file) = (painted(BAD, "failed"), out.path(&self.file));
                writeln!(out, "{failed} {file} after {took}: {}", Printable(&self.report.error()))
            }
        }
    }

    fn document(&self) -> impl Serialize {
        let (outcome, error) = match self.report.outcome {
            AttemptOutcome::Succeeded => ("completed", None),
            AttemptOutcome::Aborted => ("aborted", None),
            _ => ("failed", Some(self.report.error().into_string())),
        };
        OverJson {
            path: (&self.file).into(),
            outcome,
            error,
            elapsed_s: self.report.elapsed.as_secs_f64(),
            progress: self.progress.as_ref().map(ProgressJson::from),
        }
    }
}

#[derive(Serialize)]
struct OverJson<'a> {
    #[serde(flatten)]
    path: PathJson,
    outcome: &'static str,
    error: Option<String>,
    elapsed_s: f64,
    progress: Option<ProgressJson<'a>>,
}
