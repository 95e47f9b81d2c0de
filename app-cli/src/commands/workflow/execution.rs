//! `workflow run`, `workflow progress` and `run --dry-run`.

use autoproc_domain::FilePath;
use autoproc_domain::ports::{AttemptOutcome, StopCause, StopLevel};
use autoproc_domain::view::PageRequest;
use autoproc_domain::{QueueItem, Status};

use crate::args::ProgressArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::request::{CommandTemplate, ItemWord, RunRequest, SingleExecution};
use crate::view::{ExecutionOver, Executions, FileProgress, Foreseen};
use crate::wiring::ProgressReport;

/// How far is looked before all that wait are asked for: mostly the first one is due.
const FIRST_LOOK: usize = 32;

/// `workflow run`
pub(super) async fn run(single: SingleExecution, context: &Context) -> Result<ExitCode, CliError> {
    let stop = context.wiring.stop_signals()?;
    let run = context.wiring.new_run();
    let (report, progress) = context.wiring.execute_single(&single, run, stop.clone()).await?;
    let code = match report.outcome {
        AttemptOutcome::Succeeded => ExitCode::Success,
        AttemptOutcome::Aborted => aborted(stop.request().cause, stop.request().level),
        _ => ExitCode::FilesFailed,
    };
    context.show(&ExecutionOver { file: single.file, report, progress })?;
    Ok(code)
}

fn aborted(cause: Option<StopCause>, level: StopLevel) -> ExitCode {
    match cause {
        Some(StopCause::Interrupt) if level > StopLevel::Draining => ExitCode::Interrupted,
        _ => ExitCode::Terminated,
    }
}

/// `workflow progress`
pub(super) async fn progress(args: ProgressArgs, context: &Context) -> Result<(), CliError> {
    let executions = match args.item {
        Some(word) => vec![of_one(&ItemWord::parse(&word, &context.cwd)?, context).await?],
        None => under_way(context)?,
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
        file: state.subject.file_path.clone(),
        error: state.error.clone(),
        report: ProgressReport::of(&state, context.now()),
    })
}

fn under_way(context: &Context) -> Result<Vec<FileProgress>, CliError> {
    let items = context.wiring.executions().under_way();
    let items = items.map_err(|error| CliError::io("cannot list the executions", &error))?;
    let mut found = Vec::new();
    for item in items {
        // One that came to its end meanwhile is under way no more.
        if let Some(state) = context.wiring.execution_of(item)? {
            let report = ProgressReport::of(&state, context.now());
            found.push(FileProgress { item, file: state.subject.file_path, error: state.error, report });
        }
    }
    Ok(found)
}

/// `run --dry-run`
pub(in crate::commands) async fn foresee(request: &RunRequest, context: &Context) -> Result<ExitCode, CliError> {
    let Some(file) = first_file(request, context).await? else {
        context.remark("nothing is due");
        return Ok(ExitCode::Success);
    };
    let foreseen = match &request.command {
        CommandTemplate::Workflow(choice) => Foreseen::Workflow { steps: context.wiring.preview(choice, &file)?, file },
        command => Foreseen::Command { words: context.wiring.words_for(command, file.as_path())?, file },
    };
    context.show(&foreseen)?;
    Ok(ExitCode::Success)
}

/// The file that would be taken next; where none is due and files are given, the first of those.
async fn first_file(request: &RunRequest, context: &Context) -> Result<Option<FilePath>, CliError> {
    let due = match due_among(Some(FIRST_LOOK), context).await? {
        None => due_among(None, context).await?,
        due => due,
    };
    if due.is_some() || request.source.is_empty() {
        return Ok(due);
    }
    Ok(request.source.gather(&context.cwd, &context.project)?.files.into_iter().next())
}

async fn due_among(limit: Option<usize>, context: &Context) -> Result<Option<FilePath>, CliError> {
    let waiting = PageRequest { statuses: vec![Status::Pending], after: None, limit };
    let items = context.storage().page(waiting).await?.items;
    let now = context.now();
    Ok(items.into_iter().find(|item: &QueueItem| item.is_due(now)).map(|item| item.file_path))
}
