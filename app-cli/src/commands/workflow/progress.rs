//! `workflow progress`: shows the progress of executions.

use std::ffi::OsString;
use std::io::{self, Write};

use autoproc_domain::ports::{LiveRun, RunFilter};
use autoproc_domain::request::Selector;
use autoproc_domain::{ItemId, QueueItem, RunId, Status};
use autoproc_workflow::ProgressReport;
use autoproc_workflow::execution::{ExecutionState, ExecutionStatus, LocatedOutput, Place, StoredExecution};
use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::completion::Candidates;
use crate::context::Context;
use crate::error::CliError;
use crate::escape::Printable;
use crate::item_word::ItemWord;
use crate::view::View;
use crate::view::screen::Screen;
use crate::view::time::span;

/// The arguments of `workflow progress`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc workflow progress
  autoproc workflow progress talk.mp4 --json")]
pub(crate) struct ProgressArgs {
    /// File, or number of an item [default: all unfinished executions]
    #[arg(value_name = "FILE", add = Candidates::Files(&Status::ALL))]
    item: Option<OsString>,
}

pub(super) async fn progress(args: &ProgressArgs, context: &Context) -> Result<(), CliError> {
    let executions = match &args.item {
        Some(word) => vec![of_one(&ItemWord::parse(word, &context.cwd)?, context).await?],
        None => under_way(context).await?,
    };
    if executions.is_empty() {
        context.remark_on_missing_queue();
        context.remark("no unfinished executions");
    }
    context.show(&Executions(executions))
}

async fn of_one(word: &ItemWord, context: &Context) -> Result<FileProgress, CliError> {
    let Some(item) = word.find(&*context.storage()).await? else { return Err(word.not_found(context).await) };
    let stored = context.wiring.execution_of(item.id).await?;
    let stored =
        stored.ok_or_else(|| CliError::usage(format!("no workflow has been executed on {}", item.file_path)))?;
    let live = context.runs().live().await?;
    FileProgress::of(&item, stored, &live, context).await
}

async fn under_way(context: &Context) -> Result<Vec<FileProgress>, CliError> {
    let mut executions = Vec::new();
    for item in context.wiring.unfinished_executions().await? {
        // Skips files that have left the queue; the next run removes their executions.
        let Some(queued) = context.storage().find(Selector::Id(item)).await? else { continue };
        match context.wiring.execution_of(item).await {
            Ok(Some(stored)) if stored.state.status != ExecutionStatus::Completed => executions.push((queued, stored)),
            // The execution has completed since the items were listed.
            Ok(_) => {}
            // Reports an unreadable execution as a warning, so that the other executions are still
            // shown.
            Err(error) => context.console.warn(format_args!("{}", error.message())),
        }
    }
    let live = context.runs().live().await?;
    let mut found = Vec::new();
    for (queued, stored) in executions {
        found.push(FileProgress::of(&queued, stored, &live, context).await?);
    }
    Ok(found)
}

/// The reason why an execution does not continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interruption {
    /// The run is not live. It still holds the claim on the file, or the event log does not record
    /// the end of the run.
    RunDied,
    /// The run is not live, and the event log records the end of the run.
    RunEnded,
}

impl Interruption {
    const fn words(self) -> &'static str {
        match self {
            Self::RunDied => "interrupted, its run died",
            Self::RunEnded => "interrupted, its run has ended",
        }
    }
}

/// Returns the reason why an execution does not continue, if any.
///
/// The caller must read `live` after `item` and `state`. Otherwise, a new run could count as dead.
async fn interruption(
    item: &QueueItem,
    state: &ExecutionState,
    live: &[LiveRun],
    context: &Context,
) -> Option<Interruption> {
    let is_live = |run: &str| live.iter().any(|live| live.info.id.as_str() == run);
    if let Some(claim) = &item.claim {
        return (!is_live(claim.run.as_str())).then_some(Interruption::RunDied);
    }
    if state.status != ExecutionStatus::Running || is_live(state.run_id()) {
        return None;
    }
    let filter = RunFilter::Named(vec![RunId::new(state.run_id())]);
    // If the event log cannot be read, the end of the run is unknown.
    let runs = context.past_runs(filter).await.map(|summary| summary.runs).unwrap_or_default();
    let has_ended = runs.iter().any(|run| run.end.is_some());
    Some(if has_ended { Interruption::RunEnded } else { Interruption::RunDied })
}

struct Executions(Vec<FileProgress>);

struct FileProgress {
    item: ItemId,
    interruption: Option<Interruption>,
    is_claimed: bool,
    file: String,
    error: Option<String>,
    /// The machine and project folder of the latest attempt; `None` if they are the current ones.
    elsewhere: Option<Place>,
    report: ProgressReport,
}

impl FileProgress {
    /// Returns the progress of an execution. The caller must read `live` after `item` and `stored`.
    /// Otherwise, a new run could count as dead.
    ///
    /// # Errors
    /// [`CliError`] if the execution cannot be read again.
    async fn of(
        item: &QueueItem,
        stored: StoredExecution,
        live: &[LiveRun],
        context: &Context,
    ) -> Result<Self, CliError> {
        let StoredExecution { mut state, mut elsewhere } = stored;
        let mut interruption = None;
        if let Some(found) = self::interruption(item, &state, live, context).await {
            // After the execution was read, the run may have finished the attempt and ended. The
            // execution has then changed, and was not interrupted.
            let latest = context.wiring.execution_of(item.id).await?;
            let is_same = latest.as_ref().is_some_and(|latest| latest.state == state);
            interruption = is_same.then_some(found);
            if let Some(latest) = latest {
                (state, elsewhere) = (latest.state, latest.elsewhere);
            }
        }
        let report = match interruption {
            Some(_) => ProgressReport::of_interrupted(&state),
            None => ProgressReport::of(&state, context.now()),
        };
        let (file, error) = (state.file_path().to_owned(), state.error);
        Ok(Self { item: item.id, interruption, is_claimed: item.claim.is_some(), file, error, elsewhere, report })
    }
}

impl View for Executions {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        self.0.iter().try_for_each(|execution| print(execution, out))
    }

    fn document(&self) -> impl Serialize {
        json!({ "executions": self.0.iter().map(ExecutionJson::from).collect::<Vec<_>>() })
    }
}

fn print(execution: &FileProgress, out: &mut dyn Write) -> io::Result<()> {
    let report = &execution.report;
    let file = Printable(&execution.file);
    let status = execution.interruption.map_or_else(|| report.status.word(), Interruption::words);
    let (over, total, elapsed) = (report.steps_over, report.steps_total, span(report.elapsed));
    writeln!(
        out,
        "{file}: {} {status}, {:.1}% ({over} of {total} steps) in {elapsed}",
        report.workflow_id, report.percent
    )?;
    let current = report.current_phase.as_ref().filter(|_| report.status != ExecutionStatus::Completed);
    if let Some(phase) = current {
        let task = report.current_task.as_ref().map(|task| format!("/{task}")).unwrap_or_default();
        let estimate = report.estimate.map(|left| format!(", about {} left", span(left))).unwrap_or_default();
        writeln!(out, "  at {phase}{task}{estimate}")?;
    }
    print_outputs(&report.outputs, out)?;
    if let Some(Place { host, project_dir }) = &execution.elsewhere {
        writeln!(out, "  its latest attempt ran on {} in {}", Printable(host), Printable(project_dir))?;
    }
    match execution.interruption {
        Some(_) if execution.is_claimed => {
            writeln!(out, "  the next run continues it; `autoproc queue recover` returns the file to pending")?;
        }
        Some(_) => writeln!(out, "  the next attempt on the file continues it")?,
        None => {}
    }
    match &execution.error {
        Some(error) => writeln!(out, "  {}", Printable(error)),
        None => Ok(()),
    }
}

pub(in crate::commands) fn print_outputs(outputs: &[LocatedOutput], out: &mut dyn Write) -> io::Result<()> {
    for LocatedOutput { name, path, is_found } in outputs {
        let missing = if *is_found { "" } else { " (missing)" };
        writeln!(out, "  output {}{missing}", Printable(&format!("{name}: {path}")))?;
    }
    Ok(())
}

#[derive(Serialize)]
struct ExecutionJson<'a> {
    item_id: u64,
    file_path: &'a str,
    error: Option<&'a str>,
    interrupted: bool,
    run_died: bool,
    #[serde(flatten)]
    progress: ProgressJson<'a>,
}

impl<'a> From<&'a FileProgress> for ExecutionJson<'a> {
    fn from(execution: &'a FileProgress) -> Self {
        Self {
            item_id: execution.item.get(),
            file_path: &execution.file,
            error: execution.error.as_deref(),
            interrupted: execution.interruption.is_some(),
            run_died: execution.interruption == Some(Interruption::RunDied),
            progress: (&execution.report).into(),
        }
    }
}

#[derive(Serialize)]
pub(in crate::commands) struct ProgressJson<'a> {
    workflow_id: &'a str,
    status: &'static str,
    percent: f64,
    current_phase: Option<&'a str>,
    current_task: Option<&'a str>,
    steps_over: usize,
    steps_total: usize,
    elapsed_s: f64,
    estimate_s: Option<f64>,
    outputs: Vec<OutputJson<'a>>,
}

#[derive(Serialize)]
pub(in crate::commands) struct OutputJson<'a> {
    name: &'a str,
    path: &'a str,
    found: bool,
}

impl<'a> From<&'a LocatedOutput> for OutputJson<'a> {
    fn from(output: &'a LocatedOutput) -> Self {
        Self { name: &output.name, path: &output.path, found: output.is_found }
    }
}

impl<'a> From<&'a ProgressReport> for ProgressJson<'a> {
    fn from(report: &'a ProgressReport) -> Self {
        Self {
            workflow_id: &report.workflow_id,
            status: report.status.word(),
            percent: report.percent,
            current_phase: report.current_phase.as_deref(),
            current_task: report.current_task.as_deref(),
            steps_over: report.steps_over,
            steps_total: report.steps_total,
            elapsed_s: report.elapsed.as_secs_f64(),
            estimate_s: report.estimate.map(|left| left.as_secs_f64()),
            outputs: report.outputs.iter().map(OutputJson::from).collect(),
        }
    }
}
