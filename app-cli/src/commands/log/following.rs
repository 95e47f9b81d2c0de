//! `log -f`: prints the outputs of an item as they grow.

use autoproc_domain::item::ClaimNumber;
use autoproc_domain::request::Selector;
use autoproc_domain::{ItemId, QueueItem, Status, Timestamp};
use autoproc_subprocess::AttemptLog;

use super::{LogArgs, elsewhere, logs, show};
use crate::context::Context;
use crate::error::CliError;
use crate::followed_log::POLL_INTERVAL;
use crate::view::failure::in_one_line;
use crate::view::time::span;

/// Prints the outputs after the claim `after`. `None` skips all existing outputs.
pub(super) async fn following(
    id: ItemId,
    after: Option<ClaimNumber>,
    request: &LogArgs,
    context: &Context,
) -> Result<(), CliError> {
    let mut after = after.or(logs(id, context)?.last().map(|log| log.claim));
    let mut printed = String::new();
    loop {
        let Some(item) = context.storage().find(Selector::Id(id)).await? else { return Ok(()) };
        // Lists the outputs after reading the item: once the item has ended, all outputs exist.
        if let Some(log) = next(&item, after, context)? {
            let name = name(&item, &log);
            if let Some(remark) = elsewhere::running(&log, &name, context).await? {
                context.remark(&remark);
                return Ok(());
            }
            show(&log, &name, request, context).await?;
            if request.attempt.is_some() {
                return Ok(());
            }
            after = Some(log.claim);
            continue;
        }
        if let Some(end) = end(&item) {
            context.remark(&end);
            return Ok(());
        }
        if is_past(&item, request) {
            return Ok(());
        }
        if is_abandoned(&item, context).await? {
            context.remark(&format!("the run died during attempt {}{}", item.attempts, of_round(&item)));
            return Ok(());
        }
        // Prints a remark only if the state has changed. The remaining wait changes at each poll,
        // so it is not compared.
        let (state, wait) = (waiting(&item), wait(&item, context.now()));
        if item.status == Status::Pending && printed != state {
            context.remark(&format!("{state}{wait}"));
            printed = state;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Returns the next output. The file of a running attempt may not exist yet.
fn next(item: &QueueItem, after: Option<ClaimNumber>, context: &Context) -> Result<Option<AttemptLog>, CliError> {
    let is_later = |log: &AttemptLog| after.is_none_or(|after| log.claim > after);
    let written = logs(item.id, context)?.into_iter().find(is_later);
    Ok(written.or_else(|| context.wiring.attempt_logs().current(item).filter(is_later)))
}

fn name(item: &QueueItem, log: &AttemptLog) -> String {
    format!("attempt {}{}", log.attempt, of_round(item))
}

fn of_round(item: &QueueItem) -> String {
    if item.round > 1 { format!(" of round {}", item.round) } else { String::new() }
}

fn is_past(item: &QueueItem, request: &LogArgs) -> bool {
    let is_attempt_over = request.attempt.is_some_and(|wanted| item.attempts >= wanted);
    item.status != Status::Processing && (is_attempt_over || request.round.is_some_and(|wanted| item.round > wanted))
}

async fn is_abandoned(item: &QueueItem, context: &Context) -> Result<bool, CliError> {
    Ok(match &item.claim {
        Some(claim) => !context.live_runs().await?.contains(&claim.run),
        None => false,
    })
}

fn end(item: &QueueItem) -> Option<String> {
    let attempt = format!("attempt {}{}", item.attempts, of_round(item));
    let error = in_one_line(item.last_error.as_deref().unwrap_or("the reason is unknown"));
    match item.status {
        Status::Pending | Status::Processing => None,
        Status::Completed => Some(format!("completed by {attempt}")),
        Status::Failed | Status::Timeout if item.attempts == 0 => Some(format!("failed: {error}")),
        Status::Failed | Status::Timeout => Some(format!("failed after {attempt}: {error}")),
    }
}

fn waiting(item: &QueueItem) -> String {
    let (next, round) = (item.attempts.saturating_add(1), of_round(item));
    if item.is_held {
        return "the file is held; `autoproc queue unhold` releases it".to_owned();
    }
    match item.last_error.as_deref().filter(|_| item.attempts > 0) {
        Some(error) => format!("attempt {}{round} failed: {}; attempt {next}", item.attempts, in_one_line(error)),
        None => format!("waiting for attempt {next}{round}"),
    }
}

fn wait(item: &QueueItem, now: Timestamp) -> String {
    let backoff = item.not_before().map(|due| due.saturating_since(now)).filter(|backoff| !backoff.is_zero());
    match backoff {
        _ if item.is_held || item.attempts == 0 || item.last_error.is_none() => String::new(),
        Some(backoff) => format!(" in {}", span(backoff)),
        None => " follows".to_owned(),
    }
}
