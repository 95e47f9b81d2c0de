//! `run`: adds files, processes the queue, and maps the result to an exit code.

mod args;
mod dry_run;
mod failures;
mod limits;
mod live;
mod misplaced;
mod other_runs;
mod output;
mod pace;
mod placeholders;
mod printing;
mod program;
mod progress;
mod pruning;
mod recipe;
mod resources;
mod results;
mod run_clock;
mod show_output;
mod summary;
mod work;

use std::sync::Arc;
use std::time::Instant;

use autoproc_domain::ports::{Observer, StopCause, StopLevel};
use autoproc_domain::request::{AnswerNeeded, Repeat, Scope};
use autoproc_domain::run::{Ports, ProcessorError, RunConfig};
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::{AutonomousProcessor, ProcessingResult, Recipe, RetryPolicy, RunId};
use autoproc_subprocess::StdoutTo;

use super::queue::add::{self, Added};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::paths::{Absent, Gathered, PathSource};
use crate::view::time::Zone;
use crate::wiring::{OnSuspension, RunSettings, check_process_table};
use failures::Failures;
use printing::Printing;
use progress::Progress;
use pruning::{Pruner, Pruning};
use resources::ResourceTally;
use show_output::ShowOutput;
use summary::Summary;
use work::Work;

pub(super) use args::RunArgs;

pub(super) async fn run(mut args: RunArgs, context: &Context) -> Result<ExitCode, CliError> {
    let source = PathSource::new(std::mem::take(&mut args.files), &args.lists)?;
    let (command, workflow) = (std::mem::take(&mut args.command), std::mem::take(&mut args.workflow));
    let work = Work::new(command, args.shell.take(), workflow.into())?;
    // Reports an invalid command before anything changes, because such a command would fail on
    // every file.
    program::check(&work)?;
    let stdout_to = args.output.stdout_pattern(&work)?;
    misplaced::check_dashes(&work, &source, context)?;
    work.warn_of_code(&context.console);
    placeholders::warn_of_unknown(&work, &context.console);
    misplaced::remark_on_option(&work, args.quiet > 0, context);
    if args.dry_run {
        return dry_run::dry_run(&source, &work, stdout_to.as_ref(), context).await;
    }
    check_process_table()?;
    if source.is_empty() {
        misplaced::check_files(&work, args.all, context).await?;
    }
    let mut config = config(&args, context.wiring.new_run());
    config.recipe = Some(recipe::of(&work, args.output.stdout_to.as_deref(), context)?);
    config.work = Some(work.in_words().into());
    let gathered = if source.is_empty() { None } else { Some(source.gather(Absent::Refuse, &context.surroundings())?) };
    if let Some(gathered) = gathered.as_ref().filter(|gathered| gathered.files.is_empty() && !context.had_queue) {
        // If there are neither files nor a queue, a run would only create an empty project.
        add::report(gathered, args.quiet > 0, context);
        return nothing_found(config.run, &args, context);
    }
    let stdout_to = match stdout_to {
        Some(pattern) => {
            let ok_exits = config.retry.ok_exits.iter().copied().collect();
            Some(results::settings(pattern, ok_exits, config.recipe, context).await?)
        }
        None => None,
    };
    let progress = progress(&args, &work, config.retry.max_attempts(), context);
    let settings = RunSettings {
        task: work.task(context)?.retried_by(&config.retry),
        run: config.run.clone(),
        jobs: config.jobs,
        // With a failure limit, attempts are not batched, because any failure may reach the limit.
        // The run must check the limit before each start.
        may_batch: config.failure_limit.is_none(),
        grace: args.grace,
        stop_timeout: args.stop_timeout,
        start_limits: args.limits.start_limits(&context.project.state_dir(), &context.cwd)?,
        max_output: args.output.max_output,
        on_suspension: progress.live().map(|live| live as Arc<dyn OnSuspension>),
        stdout_to: stdout_to.clone(),
    };
    let (resources, failures) = (Arc::new(ResourceTally::default()), Arc::new(Failures::default()));
    let printing = Printing::start(context.console.clone(), context.wiring.attempt_logs())?;
    let mut observers = observers(&args, progress, &printing);
    observers.extend([resources.clone() as Arc<dyn Observer>, failures.clone()]);
    let (ports, supervision) = context.wiring.ports(settings, observers)?;
    // Reads the queue first, so that an unreadable queue is reported before the run creates files.
    context.storage().counts(Scope::Queue).await?;
    if let Some(gathered) = gathered {
        refuse_while_others_stop(&ports).await?;
        let added = add_first(gathered, &source, &args, config.recipe, stdout_to.as_ref(), context).await?;
        if !args.all {
            config.scope = added.items().collect();
        }
    }
    if args.quiet == 0 {
        context.name_queue();
    }
    let (is_whole_queue, stop) = (config.scope == Scope::Queue, ports.stop.clone());
    let (scope, recipe) = (config.scope.clone(), config.recipe);
    other_runs::warn_of_others(&config, context).await?;
    let (began, run) = (Instant::now(), config.run.clone());
    let wiring = &context.wiring;
    let pruner = Pruner::new(context.storage(), wiring.attempt_logs(), args.output.retention(), wiring.executions());
    let pruning = Pruning::begin(pruner, context.console.clone());
    let (zone, clock) = (Zone::current(), wiring.clock());
    context.console.begin_times(move || zone.time_of_day(clock.now()));
    context.console.write_on_thread();
    let result = AutonomousProcessor::new(ports, config).run().await;
    pruning.end().await;
    supervision.end().await;
    context.console.detach();
    let summary = result.as_ref().map(|result| Summary {
        run,
        result: *result,
        elapsed: began.elapsed(),
        resources: resources.total(),
        missing: failures.missing(),
        failures: failures.named(),
        is_whole_queue,
        project_option: context.project_option(),
    });
    let summary = summary.map_or_else(|_| Ok(Vec::new()), |summary| text(&summary, &args, context));
    let was_stopped = !matches!(&result, Ok(result) if !matches!(result.stopped_by, StoppedBy::Request(_)));
    let printed = printing.end(summary?, was_stopped, &*stop).await;
    context.console.end_thread();
    context.console.end_times();
    let result = result?;
    printed?;
    other_runs::checked(exit_code(&result, is_whole_queue), &scope, recipe, context).await
}

/// Returns the text of the summary, for standard output. With `--quiet` and without `--json`, the
/// text is empty. A single `--quiet` then prints the reason for an exit code other than 0 to
/// standard error, except if printed failures explain the exit code.
fn text(summary: &Summary, args: &RunArgs, context: &Context) -> Result<Vec<u8>, CliError> {
    if context.json || args.quiet == 0 {
        return context.named_text(summary);
    }
    let code = exit_code(&summary.result, summary.is_whole_queue);
    let is_explained = code == ExitCode::FilesFailed && summary.result.stopped_by == StoppedBy::QueueEmpty;
    if code != ExitCode::Success && args.quiet == 1 && !(is_explained && summary.result.failed > 0) {
        context.console.warn(summary.reason());
    }
    Ok(Vec::new())
}

/// Prints the summary of a run that did not begin because no file was found.
fn nothing_found(run: RunId, args: &RunArgs, context: &Context) -> Result<ExitCode, CliError> {
    if context.json || args.quiet == 0 {
        context.show_named(&Summary::of_nothing(run))?;
    }
    Ok(ExitCode::Success)
}

fn config(args: &RunArgs, run: RunId) -> RunConfig {
    RunConfig {
        run,
        jobs: args.jobs,
        timeout: args.timeout,
        retry: RetryPolicy {
            retries: args.retries,
            backoff_base: args.backoff_base,
            max_backoff: args.max_backoff,
            retry_timeouts: !args.no_retry_timeouts,
            permanent_exits: args.no_retry_exit.iter().map(|code| i32::from(*code)).collect(),
            ok_exits: args.ok_exit.iter().map(|code| i32::from(*code)).collect(),
        },
        wait_for_backoff: !args.no_wait,
        failure_limit: args.limits.max_fail,
        program_wait: args.limits.program_wait,
        ..RunConfig::default()
    }
}

fn progress(args: &RunArgs, work: &Work, max_attempts: u32, context: &Context) -> Progress {
    let (console, clock) = (context.console.clone(), context.wiring.clock());
    let executions = matches!(work, Work::Workflow(_)).then(|| context.wiring.executions());
    Progress::new(console, args.verbosity(), max_attempts, clock, executions)
}

fn observers(args: &RunArgs, progress: Progress, printing: &Arc<Printing>) -> Vec<Arc<dyn Observer>> {
    let mut observers: Vec<Arc<dyn Observer>> = vec![Arc::new(progress)];
    if args.show_output {
        observers.push(Arc::new(ShowOutput(printing.clone())));
    }
    observers
}

/// Fails if other runs are still stopping because of a stop request, so that no file is added. The
/// new run could not start while they are stopping.
async fn refuse_while_others_stop(ports: &Ports) -> Result<(), CliError> {
    if ports.stop.request().level == StopLevel::Running {
        return Ok(());
    }
    let runs = ports.runs.live().await?;
    if runs.is_empty() { Ok(()) } else { Err(ProcessorError::StillStopping { runs }.into()) }
}

/// Adds the given files, and reports them on standard error. Standard output is reserved for the
/// result of the run.
async fn add_first(
    gathered: Gathered,
    source: &PathSource,
    args: &RunArgs,
    recipe: Option<Recipe>,
    stdout_to: Option<&StdoutTo>,
    context: &Context,
) -> Result<Added, CliError> {
    let repeat = match recipe {
        _ if args.again => Repeat::Always,
        Some(recipe) => Repeat::IfOtherRecipe(recipe),
        None => Repeat::IfChanged,
    };
    if let Some(to) = stdout_to {
        results::warn_of_new_inputs(to, source, &gathered, context);
    }
    let priority = args.priority.unwrap_or_default();
    let added = add::offer(gathered, priority, repeat, AnswerNeeded::Now, args.quiet > 0, context).await?;
    if added.beside_completed() > 0 {
        context.console.warn(format_args!(
            "{} of the new files differ from completed files only in their extension; leave them out with --include or --exclude if they are output of an earlier run",
            added.beside_completed()
        ));
    }
    if args.quiet == 0 {
        context.console.say(added.in_sum());
    }
    let waiting = context.storage().counts(Scope::Queue).await?.waiting();
    let others = waiting.saturating_sub(added.live());
    if others > 0 && !args.all && args.quiet == 0 {
        let wait = if others == 1 { "1 other waits" } else { &format!("{others} others wait") };
        context.console.say(format_args!("{wait} (`autoproc run -- …` processes the whole queue)"));
    }
    Ok(added)
}

/// Returns the exit code for a result. The first condition that applies decides: an error of the
/// run, a signal, failed files, unfinished files. In a run over the whole queue, held files do not
/// count as unfinished.
fn exit_code(result: &ProcessingResult, is_whole_queue: bool) -> ExitCode {
    let held = if is_whole_queue { result.held } else { 0 };
    let unfinished = result.remaining.saturating_sub(held) + result.processing;
    match result.stopped_by {
        StoppedBy::Error => ExitCode::Internal,
        StoppedBy::Request(StopCause::Interrupt) => ExitCode::Interrupted,
        StoppedBy::Request(StopCause::Terminate) => ExitCode::Terminated,
        StoppedBy::Request(StopCause::HangUp) => ExitCode::HungUp,
        StoppedBy::TooManyFailed => ExitCode::FilesFailed,
        _ if result.failed > 0 || result.failed_in_scope > 0 => ExitCode::FilesFailed,
        _ if unfinished > 0 => ExitCode::TryAgain,
        _ => ExitCode::Success,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(stopped_by: StoppedBy, failed: u64, [remaining, held, processing]: [usize; 3]) -> ExitCode {
        let stop_level = StopLevel::Running;
        let result = ProcessingResult {
            processed: 1,
            failed,
            retried: 0,
            remaining,
            held,
            processing,
            failed_in_scope: 0,
            stopped_by,
            stop_level,
        };
        exit_code(&result, true)
    }

    #[test]
    fn only_a_scope_that_is_completed_is_a_success() {
        use StopCause::{HangUp, Interrupt, StopFile, Terminate};
        for (stopped_by, failed, left, expected) in [
            (StoppedBy::QueueEmpty, 0, [0, 0, 0], ExitCode::Success),
            (StoppedBy::QueueEmpty, 1, [0, 0, 0], ExitCode::FilesFailed),
            (StoppedBy::QueueEmpty, 0, [2, 2, 0], ExitCode::Success),
            (StoppedBy::QueueEmpty, 0, [0, 0, 1], ExitCode::TryAgain),
            (StoppedBy::NothingDue, 0, [1, 0, 0], ExitCode::TryAgain),
            (StoppedBy::NothingDue, 1, [1, 0, 0], ExitCode::FilesFailed),
            (StoppedBy::StorageFull, 0, [1, 0, 0], ExitCode::TryAgain),
            (StoppedBy::ProgramMissing, 0, [1, 0, 0], ExitCode::TryAgain),
            (StoppedBy::ProgramMissing, 1, [1, 0, 0], ExitCode::FilesFailed),
            (StoppedBy::TooManyFailed, 3, [5, 0, 0], ExitCode::FilesFailed),
            (StoppedBy::Request(StopFile), 0, [3, 0, 0], ExitCode::TryAgain),
            (StoppedBy::Request(StopFile), 0, [0, 0, 0], ExitCode::Success),
            (StoppedBy::Request(Interrupt), 2, [3, 0, 0], ExitCode::Interrupted),
            (StoppedBy::Request(Terminate), 0, [0, 0, 0], ExitCode::Terminated),
            (StoppedBy::Request(HangUp), 0, [1, 0, 0], ExitCode::HungUp),
        ] {
            assert_eq!(code(stopped_by, failed, left), expected, "{stopped_by:?}, {failed}, {left:?}");
        }
        let held = ProcessingResult {
            processed: 0,
            failed: 0,
            retried: 0,
            remaining: 1,
            held: 1,
            processing: 0,
            failed_in_scope: 0,
            stopped_by: StoppedBy::QueueEmpty,
            stop_level: StopLevel::Running,
        };
        assert_eq!(exit_code(&held, false), ExitCode::TryAgain, "a named file that is held");
        let cancelled = ProcessingResult { remaining: 0, held: 0, failed_in_scope: 1, ..held };
        assert_eq!(exit_code(&cancelled, false), ExitCode::FilesFailed, "a file that a user cancelled");
    }
}
