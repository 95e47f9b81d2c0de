//! `workflow run`, `workflow progress` and `run --dry-run`.

use std::pin::pin;

use autoproc_domain::ports::{AttemptOutcome, StopCause};
use autoproc_domain::request::Selector;
use autoproc_domain::{FilePath, QueueItem};

use crate::args::ProgressArgs;
use crate::console::Delivery;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::followed_log::{FollowedLog, POLL_INTERVAL};
use crate::request::{CommandTemplate, ItemWord, RunRequest, SingleExecution};
use crate::view::{ExecutionOver, Executions, FileProgress, Preview};
use crate::wiring::{AttemptLog, ExecutionStatus, ProgressReport};

/// `workflow run`: prints the output of the steps during the execution, and then a line about its
/// end.
pub(super) async fn run(single: SingleExecution, context: &Context) -> Result<ExitCode, CliError> {
    if !single.file.as_path().exists() {
        context.console.warn(format_args!("{} does not exist (yet)", single.file));
    }
    let stop = context.wiring.signals()?;
    let attempt = context.wiring.single_attempt(&single);
    let log = context.wiring.attempt_files().log_of(attempt.token, attempt.number);
    let execution = context.wiring.execute_single(&single, attempt, stop.clone());
    let (report, progress) = if context.json { execution.await? } else { shown(execution, &log, context).await? };
    let code = match report.outcome {
        AttemptOutcome::Succeeded => ExitCode::Success,
        AttemptOutcome::Aborted => aborted(stop.request().cause),
        _ => ExitCode::FilesFailed,
    };
    context.show(&ExecutionOver { file: single.file, report, progress })?;
    Ok(code)
}

/// Awaits an execution, and prints its output meanwhile. A failure to print is reported, and does
/// not end the execution.
async fn shown<T>(
    execution: impl Future<Output = Result<T, CliError>>,
    log: &AttemptLog,
    context: &Context,
) -> Result<T, CliError> {
    let mut execution = pin!(execution);
    let mut followed = FollowedLog::new(log, &context.console, false);
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
        context.console.warn(format_args!("cannot show what it printed: {}", error.message()));
    }
    over
}

fn aborted(cause: Option<StopCause>) -> ExitCode {
    match cause {
        Some(StopCause::Interrupt) => ExitCode::Interrupted,
        _ => ExitCode::Terminated,
    }
}

/// `workflow progress`
pub(super) async fn progress(args: ProgressArgs, context: &Context) -> Result<(), CliError> {
    let executions = match args.item {
        Some(word) => vec![of_one(&ItemWord::parse(&word, &context.cwd)?, context).await?],
        None => under_way(context).await?,
    };
    if executions.is_empty() {
        context.remark("no workflow is under way");
    }
    context.show(&Executions(executions))
}

async fn of_one(word: &ItemWord, context: &Context) -> Result<FileProgress, CliError> {
    let item = word.find(&*context.storage()).await?.ok_or_else(|| word.unknown())?;
    let state = context.wiring.execution_of(item.id)?;
    let state = state.ok_or_else(|| CliError::usage(format!("no workflow was begun on {}", item.file_path)))?;
    Ok(FileProgress {
        item: item.id,
        file: state.file_path().to_owned(),
        error: state.error.clone(),
        report: ProgressReport::of(&state, context.now()),
    })
}

async fn under_way(context: &Context) -> Result<Vec<FileProgress>, CliError> {
    let items = context.wiring.executions().under_way();
    let items = items.map_err(|error| CliError::io("cannot list the executions", &error))?;
    let mut found = Vec::new();
    for item in items {
        // The next run removes the executions of files that left the queue.
        if context.storage().find(Selector::Id(item)).await?.is_none() {
            continue;
        }
        match context.wiring.execution_of(item) {
            Ok(Some(state)) if state.status != ExecutionStatus::Completed => {
                let report = ProgressReport::of(&state, context.now());
                let file = state.file_path().to_owned();
                found.push(FileProgress { item, file, error: state.error, report });
            }
            // It has completed meanwhile.
            Ok(_) => {}
            // A damaged execution of one file does not hide the others.
            Err(error) => context.console.warn(format_args!("{}", error.message())),
        }
    }
    Ok(found)
}

/// `run --dry-run`
pub(in crate::commands) async fn preview(request: &RunRequest, context: &Context) -> Result<ExitCode, CliError> {
    let Some((file, item)) = first_file(request, context).await? else {
        context.wiring.check(&request.command)?;
        context.remark("no file is due; name one, as in: autoproc run --dry-run FILE …");
        context.show(&Preview::Nothing)?;
        return Ok(ExitCode::Success);
    };
    let preview = match &request.command {
        CommandTemplate::Workflow(choice) => context.wiring.preview(choice, file, item.as_ref())?,
        command => Preview::Command { words: context.wiring.words_for(command, file.as_path())?, file },
    };
    context.show(&preview)?;
    Ok(ExitCode::Success)
}

/// The next file of the queue, with its item; if none is due, the first of the given files.
async fn first_file(
    request: &RunRequest,
    context: &Context,
) -> Result<Option<(FilePath, Option<QueueItem>)>, CliError> {
    let due = context.storage().peek(context.now()).await?;
    if due.is_some() || request.source.is_empty() {
        return Ok(due.map(|item| (item.file_path.clone(), Some(item))));
    }
    let given = request.source.gather(&context.cwd, &context.project)?.files.into_iter().next();
    Ok(given.map(|file| (file, None)))
}
