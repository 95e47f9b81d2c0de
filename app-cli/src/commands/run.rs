//! `run`: adds files, processes the queue, and maps the result to an exit code.

use std::sync::Arc;
use std::time::Instant;

use autoproc_domain::ports::{Observer, StopCause, StopLevel};
use autoproc_domain::request::AnswerNeeded;
use autoproc_domain::run::{Ports, ProcessorError};
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::{AutonomousProcessor, ProcessingResult};

use super::{add, workflow};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::program;
use crate::progress::Progress;
use crate::pruning::Pruning;
use crate::request::RunRequest;
use crate::resources::ResourceTally;
use crate::show_output::ShowOutput;
use crate::view::RunOver;

pub(super) async fn run(mut request: RunRequest, context: &Context) -> Result<ExitCode, CliError> {
    // An invalid command is found before anything changes: otherwise it would fail every file.
    program::check(&request.command)?;
    if request.is_dry {
        return workflow::preview(&request, context).await;
    }
    request.config.recipe = Some(context.wiring.recipe(&request.command)?);
    let resources = Arc::new(ResourceTally::default());
    let (ports, supervision) = context.wiring.ports(&request, observers(&request, resources.clone(), context))?;
    // So is an unreadable queue: a run that began would have left traces.
    context.storage().counts().await?;
    if !request.source.is_empty() {
        refuse_while_others_stop(&ports).await?;
        add_first(&request, context).await?;
    }
    let began = Instant::now();
    let run = request.config.run.clone();
    let pruning = Pruning::begin(context.wiring.pruner(request.keep_output), context.console.clone());
    let result = AutonomousProcessor::new(ports, request.config).run().await;
    pruning.end().await;
    supervision.end().await;
    context.console.detach();
    let result = result?;
    if context.json || !request.quiet {
        context.show(&RunOver { run, result, elapsed: began.elapsed(), resources: resources.total() })?;
    }
    Ok(exit_code(&result))
}

fn observers(request: &RunRequest, resources: Arc<ResourceTally>, context: &Context) -> Vec<Arc<dyn Observer>> {
    let console = &context.console;
    let progress = Progress::new(console.clone(), request.quiet, request.config.retry.max_attempts());
    let mut observers: Vec<Arc<dyn Observer>> = vec![Arc::new(progress), resources];
    if request.show_output {
        observers.push(Arc::new(ShowOutput::new(console.clone(), context.wiring.attempt_files())));
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
async fn add_first(request: &RunRequest, context: &Context) -> Result<(), CliError> {
    let added = add::offer(&request.source, request.priority, AnswerNeeded::Now, context).await?;
    if !request.quiet {
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
