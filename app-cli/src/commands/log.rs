//! `log`: the output of an attempt, complete or followed.

mod choice;

use autoproc_domain::request::Selector;
use autoproc_domain::{ItemId, QueueItem};

use crate::console::Delivery;
use crate::context::Context;
use crate::error::CliError;
use crate::escape::Shown;
use crate::followed_log::{FollowedLog, POLL_INTERVAL};
use crate::request::LogRequest;
use crate::view::{AttemptFile, Attempts};
use crate::wiring::AttemptLog;
use choice::{Choice, Known};

pub(super) async fn log(request: &LogRequest, context: &Context) -> Result<(), CliError> {
    let item = request.word.find(&*context.storage()).await?;
    let id = item.as_ref().map(|item| item.id).or(request.word.id()).ok_or_else(|| request.word.unknown())?;
    let logs = logs(id, context)?;
    if item.is_none() && logs.is_empty() {
        return Err(request.word.unknown());
    }
    if context.json {
        return context.show(&attempts(id, request.attempt, &logs));
    }
    match choose(item.as_ref(), logs, request.attempt, context)? {
        Choice::Log(log) => show(&log, request, context).await,
        Choice::Remark(remark) => {
            context.remark(&remark);
            Ok(())
        }
        Choice::NeverMade { wanted, made } => Err(CliError::usage(format!("there was no attempt {wanted} on it"))
            .with_hint(format!("{made} so far; without --attempt the latest is shown"))),
    }
}

/// The outputs of an item's attempts. They may outlive the item in the queue.
fn logs(item: ItemId, context: &Context) -> Result<Vec<AttemptLog>, CliError> {
    context.wiring.attempt_files().of(item).map_err(|error| no_folder(context, &error))
}

fn no_folder(context: &Context, error: &std::io::Error) -> CliError {
    CliError::io(format!("cannot read {}", Shown(&context.project.attempts_dir())), error)
}

fn attempts(item: ItemId, wanted: Option<u32>, logs: &[AttemptLog]) -> Attempts {
    let wanted = logs.iter().filter(|log| wanted.is_none_or(|number| log.attempt.get() == number));
    let file = |log: &AttemptLog| AttemptFile { path: log.path.clone(), attempt: log.attempt, claim: log.claim };
    Attempts { item, files: wanted.map(file).collect() }
}

fn choose(
    item: Option<&QueueItem>,
    logs: Vec<AttemptLog>,
    wanted: Option<u32>,
    context: &Context,
) -> Result<Choice, CliError> {
    let files = context.wiring.attempt_files();
    let current = item.and_then(|item| files.current(item));
    let known = Known::find(item, logs, current, &files).map_err(|error| no_folder(context, &error))?;
    Ok(known.choose(wanted))
}

/// Prints a log, and follows it until its attempt ends if asked to.
async fn show(log: &AttemptLog, request: &LogRequest, context: &Context) -> Result<(), CliError> {
    let mut followed = FollowedLog::new(log, &context.console, request.raw);
    // Checks for the end before the last read, so that no output in between is missed.
    while request.follow && is_current(log, context).await? {
        if followed.poll()? == Delivery::Cut {
            return Ok(());
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    if !followed.rest()? {
        let so_far = if is_current(log, context).await? { "has printed nothing yet" } else { "printed nothing" };
        context.remark(&format!("attempt {} {so_far}", log.attempt));
    }
    Ok(())
}

/// True while the attempt may still print.
async fn is_current(log: &AttemptLog, context: &Context) -> Result<bool, CliError> {
    let item = context.storage().find(Selector::Id(log.item)).await?;
    Ok(item.and_then(|item| item.claim).is_some_and(|claim| claim.number == log.claim))
}
