//! `run --dry-run`: previews the processing of one file.

use std::io::{self, Write};
use std::path::PathBuf;

use autoproc_domain::request::Selector;
use autoproc_domain::view::PageRequest;
use autoproc_domain::{FilePath, QueueItem, Status};
use autoproc_subprocess::{StdoutPattern, Subject, relative_path};
use autoproc_workflow::ProgressReport;
use autoproc_workflow::execution::{Forecast, PreviewedStep, preview, resumable};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::work::Work;
use crate::commands::workflow::choice::unfit_input;
use crate::commands::workflow::progress::ProgressJson;
use crate::context::Context;
use crate::error::CliError;
use crate::escape::Printable;
use crate::exit_code::ExitCode;
use crate::paths::{Absent, FoundFile, PathSource};
use crate::view::quoting::quoted;
use crate::view::screen::Screen;
use crate::view::{View, files};
use crate::wiring::Task;

pub(super) async fn dry_run(
    source: &PathSource,
    work: &Work,
    stdout_to: Option<&StdoutPattern>,
    context: &Context,
) -> Result<ExitCode, CliError> {
    let Some((file, item)) = first_file(source, context).await? else {
        work.task(context)?;
        context.remark("no file is due; name one, as in: autoproc run --dry-run FILE …");
        context.show(&Preview::Nothing)?;
        return Ok(ExitCode::Success);
    };
    context.show(&of_file(file, item.as_ref(), work, stdout_to, context).await?)?;
    Ok(ExitCode::Success)
}

async fn of_file(
    FoundFile { path: file, depth }: FoundFile,
    item: Option<&QueueItem>,
    work: &Work,
    stdout_to: Option<&StdoutPattern>,
    context: &Context,
) -> Result<Preview, CliError> {
    match work.task(context)? {
        Task::Command(line) => {
            let subject = Subject {
                path: file.as_path(),
                relative: relative_path(&file, depth, context.project.root()),
                item: item.map(|item| item.id),
                slot: 1,
            };
            let invocation = line.for_file(subject);
            let stdout_to = stdout_to.map(|pattern| pattern.path_for(subject, &context.cwd));
            let words = [invocation.program].into_iter().chain(invocation.arguments);
            let words = words.map(|word| word.to_string_lossy().into_owned()).collect();
            Ok(Preview::Command { file, words, stdout_to })
        }
        Task::Workflow(run) => {
            let steps = preview(&run, &file).map_err(|error| unfit_input(&error))?;
            let stored = match item.filter(|_| !run.from_start) {
                Some(item) => context.wiring.execution_of(item.id).await?.map(|stored| (stored, item)),
                None => None,
            };
            let left = stored.and_then(|(stored, item)| resumable(&run, stored, item));
            let taken_up = left.map(|state| ProgressReport::of(&state, context.now()));
            Ok(Preview::Workflow { file, taken_up, steps })
        }
    }
}

async fn first_file(
    source: &PathSource,
    context: &Context,
) -> Result<Option<(FoundFile, Option<QueueItem>)>, CliError> {
    if !source.is_empty() {
        let given = source.gather(Absent::Refuse, &context.surroundings())?.files.into_iter().next();
        let Some(file) = given else { return Ok(None) };
        let item = context.storage().find(Selector::Path(file.path.clone())).await?;
        return Ok(Some((file, item)));
    }
    let due = context.storage().peek(context.now()).await?;
    let next = if due.is_some() { due } else { first_of_dead_runs(context).await? };
    let found = |item: &QueueItem| FoundFile { path: item.file_path.clone(), depth: item.depth };
    Ok(next.map(|item| (found(&item), Some(item))))
}

/// Returns the first `processing` file of a dead run. A run recovers such files first. Prints a
/// remark if there are any.
async fn first_of_dead_runs(context: &Context) -> Result<Option<QueueItem>, CliError> {
    let dead = context.runs().dead().await?;
    let request = PageRequest { statuses: vec![Status::Processing], after: None, limit: None };
    let mut left = context.storage().page(request).await?.items;
    left.retain(|item| item.claim.as_ref().is_some_and(|claim| dead.iter().any(|dead| dead.run == claim.run)));
    if !left.is_empty() {
        let count = files(left.len());
        context
            .remark(&format!("{count} whose run died: the next run ends leftover processes, and recovers the files"));
    }
    Ok(left.into_iter().next())
}

enum Preview {
    Nothing,
    Command {
        file: FilePath,
        words: Vec<String>,
        stdout_to: Option<PathBuf>,
    },
    Workflow {
        file: FilePath,
        /// The progress of the execution to resume.
        taken_up: Option<ProgressReport>,
        steps: Vec<PreviewedStep>,
    },
}

impl View for Preview {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::Command { file, words, stdout_to } => {
                let line = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
                let result = stdout_to.as_ref().map(|path| format!(" > {}", quoted(&path.to_string_lossy())));
                writeln!(
                    out,
                    "for {}\n  {}",
                    out.path(file),
                    Printable(&format!("{line}{}", result.unwrap_or_default()))
                )
            }
            Self::Workflow { file, taken_up, steps } => {
                writeln!(out, "for {}", out.path(file))?;
                taken_up.iter().try_for_each(|report| resumed(report, out))?;
                steps.iter().try_for_each(|step| print_step(step, out))
            }
        }
    }

    fn document(&self) -> impl Serialize {
        match self {
            Self::Nothing => Value::Null,
            Self::Command { file, words, stdout_to: None } => json!({ "file_path": file.text(), "command": words }),
            Self::Command { file, words, stdout_to: Some(path) } => {
                json!({ "file_path": file.text(), "command": words, "stdout_to": path.to_string_lossy() })
            }
            Self::Workflow { file, taken_up, steps } => {
                let steps: Vec<_> = steps.iter().map(step).collect();
                let taken_up = taken_up.as_ref().map(ProgressJson::from);
                json!({ "file_path": file.text(), "taken_up": taken_up, "steps": steps })
            }
        }
    }
}

fn resumed(report: &ProgressReport, out: &mut dyn Write) -> io::Result<()> {
    let (over, total) = (report.steps_over, report.steps_total);
    let places = [&report.current_phase, &report.current_task];
    let place = places.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("/");
    let at = if place.is_empty() { String::new() } else { format!(", at {}", Printable(&place)) };
    writeln!(out, "  resumes an earlier attempt: {over} of {total} steps are done{at}")
}

fn print_step(step: &PreviewedStep, out: &mut dyn Write) -> io::Result<()> {
    let when = match &step.forecast {
        Forecast::Runs => String::new(),
        Forecast::Skipped(condition) => format!(" (would be skipped: `{condition}` does not hold)"),
        Forecast::Depends(conditions) => format!(" (if {})", conditions.join(" and ")),
    };
    writeln!(out, "{}/{}{}", step.phase, step.step, Printable(&when))?;
    if matches!(step.forecast, Forecast::Skipped(_)) {
        return Ok(());
    }
    let variables = step.variables.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
    let words = variables.chain(step.words.iter().map(|word| quoted(word))).collect::<Vec<_>>().join(" ");
    let text = step.error.clone().unwrap_or(words);
    // Indents each line, because a script may have several lines.
    text.lines().try_for_each(|line| writeln!(out, "  {}", Printable(line)))
}

fn step(step: &PreviewedStep) -> Value {
    let (runs, conditions) = match &step.forecast {
        Forecast::Runs => ("yes", Vec::new()),
        Forecast::Skipped(condition) => ("no", vec![condition.clone()]),
        Forecast::Depends(conditions) => ("depends", conditions.clone()),
    };
    let environment: Map<_, _> =
        step.variables.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    json!({
        "phase": step.phase,
        "step": step.step,
        "runs": runs,
        "conditions": conditions,
        "command": step.words,
        "environment": environment,
        "error": step.error,
    })
}
