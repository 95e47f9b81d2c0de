//! `run`: adds files, processes the queue, and maps the result to an exit code.

mod args;
mod dry_run;
mod limits;
mod output;
mod program;
mod progress;
mod pruning;
mod recipe;
mod resources;
mod show_output;
mod summary;
mod work;

use std::sync::Arc;
use std::time::Instant;

use autoproc_domain::ports::{Observer, StopCause, StopLevel};
use autoproc_domain::request::{AnswerNeeded, Scope};
use autoproc_domain::run::{Ports, ProcessorError, RunConfig};
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::{AutonomousProcessor, ProcessingResult, RetryPolicy, RunId};

use super::queue::add;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::paths::PathSource;
use crate::wiring::RunSettings;
use progress::Progress;
use pruning::{Pruner, Pruning};
use resources::ResourceTally;
use show_output::ShowOutput;
use summary::Summary;
use work::Work;

pub(super) use args::RunArgs;

pub(super) async fn run(mut args: RunArgs, context: &Context) -> Result<ExitCode, CliError> {
    let source = PathSource::new(std::mem::take(&mut args.files), &args.lists);
    let (command, workflow) = (std::mem::take(&mut args.command), std::mem::take(&mut args.workflow));
    let work = Work::new(command, args.shell.take(), workflow.into())?;
    // An invalid command is found before anything changes: otherwise it would fail every file.
    program::check(&work)?;
    if args.dry_run {
        return dry_run::dry_run(&source, &work, context).await;
    }
    let mut config = config(&args, context.wiring.new_run());
    config.recipe = Some(recipe::of(&work, context)?);
    let settings = RunSettings {
        task: work.task(context)?,
        run: config.run.clone(),
        jobs: config.jobs,
        // The run decides about each start, because any failure may be the last one that it tolerates.
        may_batch: config.failure_limit.is_none(),
        grace: args.grace,
        start_limits: args.limits.start_limits(),
        max_output: args.output.max_output,
    };
    let resources = Arc::new(ResourceTally::default());
    let observers = observers(&args, &config, resources.clone(), context);
    let (ports, supervision) = context.wiring.ports(settings, observers)?;
    // So is an unreadable queue: a run that began would have left traces.
    context.storage().counts(Scope::Queue).await?;
    if !source.is_empty() {
        refuse_while_others_stop(&ports).await?;
        add_first(&source, &args, context).await?;
    }
    let (began, run) = (Instant::now(), config.run.clone());
    let wiring = &context.wiring;
    let pruner = Pruner::new(context.storage(), wiring.attempt_logs(), args.output.retention(), wiring.executions());
    let pruning = Pruning::begin(pruner, context.console.clone());
    let result = AutonomousProcessor::new(ports, config).run().await;
    pruning.end().await;
    supervision.end().await;
    context.console.detach();
    let result = result?;
    if context.json || !args.quiet {
        context.show(&Summary { run, result, elapsed: began.elapsed(), resources: resources.total() })?;
    }
    Ok(exit_code(&result))
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
        },
        wait_for_backoff: !args.no_wait,
        failure_limit: args.limits.max_fail,
        ..RunConfig::default()
    }
}

fn observers(
    args: &RunArgs,
    config: &RunConfig,
    resources: Arc<ResourceTally>,
    context: &Context,
) -> Vec<Arc<dyn Observer>> {
    let console = &context.console;
    let progress = Progress::new(console.clone(), args.verbosity(), config.retry.max_attempts());
    let mut observers: Vec<Arc<dyn Observer>> = vec![Arc::new(progress), resources];
    if args.show_output {
        observers.push(Arc::new(ShowOutput::new(console.clone(), context.wiring.attempt_logs())));
    }
    observers
}

/// A run refuses to begin while others obey a stop request; then it must not add files either.
async fn refuse_while_others_stop(ports: &Ports) -> Result<(), CliError> {
    if ports.stop.request().level == StopLevel::Running {
        return Ok(());
    }
    let runs = ports.runs.live().await?;
    if runs.is_empty() { Ok(()) } else { Err(ProcessorError::StillStopping { runs }.into()) }
}

/// Reports the added files on standard error: the data of a run is its result.
async fn add_first(source: &PathSource, args: &RunArgs, context: &Context) -> Result<(), CliError> {
    let priority = args.priority.unwrap_or_default();
    let added = add::offer(source, priority, AnswerNeeded::Now, context).await?;
    if !args.quiet {
        context.console.say(added.in_sum());
    }
    Ok(())
}

fn exit_code(result: &ProcessingResult) -> ExitCode {
    let is_aborted = result.stop_level >= StopLevel::Aborting;
    match result.stopped_by {
        StoppedBy::Request(StopCause::Interrupt) if is_aborted => ExitCode::Interrupted,
        StoppedBy::Request(StopCause::Terminate | StopCause::HangUp) if is_aborted => ExitCode::Terminated,
        StoppedBy::TooManyFailed => ExitCode::FilesFailed,
        StoppedBy::StorageFull => ExitCode::TryAgain,
        StoppedBy::Error => ExitCode::Internal,
        StoppedBy::Request(_) | StoppedBy::QueueEmpty | StoppedBy::NothingDue if result.failed > 0 => {
            ExitCode::FilesFailed
        }
        StoppedBy::Request(_) | StoppedBy::QueueEmpty | StoppedBy::NothingDue => ExitCode::Success,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(stopped_by: StoppedBy, stop_level: StopLevel, failed: u64) -> ExitCode {
        exit_code(&ProcessingResult { processed: 1, failed, retried: 0, remaining: 0, held: 0, stopped_by, stop_level })
    }

    #[test]
    fn only_signals_that_end_attempts_are_told_as_such() {
        use StopCause::{HangUp, Interrupt, StopFile, Terminate};
        use StopLevel::{Aborting, Draining, Killing, Running};
        for (cause, level, failed, expected) in [
            (Interrupt, Draining, 0, ExitCode::Success),
            (Interrupt, Draining, 1, ExitCode::FilesFailed),
            (Interrupt, Aborting, 1, ExitCode::Interrupted),
            (Terminate, Aborting, 0, ExitCode::Terminated),
            (HangUp, Killing, 0, ExitCode::Terminated),
            (StopFile, Aborting, 0, ExitCode::Success),
            (StopFile, Aborting, 2, ExitCode::FilesFailed),
        ] {
            assert_eq!(code(StoppedBy::Request(cause), level, failed), expected, "{cause} at {level:?}");
        }
        assert_eq!(code(StoppedBy::QueueEmpty, Running, 0), ExitCode::Success);
        assert_eq!(code(StoppedBy::NothingDue, Running, 1), ExitCode::FilesFailed);
        assert_eq!(code(StoppedBy::TooManyFailed, Running, 3), ExitCode::FilesFailed);
        assert_eq!(code(StoppedBy::StorageFull, Running, 1), ExitCode::TryAgain);
    }
}
