//! The past and running attempts of an item.

use std::time::Duration;

use autoproc_domain::QueueItem;
use autoproc_domain::item::ClaimNumber;
use autoproc_domain::ports::{PastAttempt, ResourceUsage};

use crate::context::Context;
use crate::delay::{self, Delay};
use crate::error::CliError;
use crate::forecasting::RecentAttempts;
use crate::view::bytes::memory;
use crate::view::time::span;

/// Returns the past attempts of an item, the oldest first.
///
/// An earlier queue may have used the same id for another file. Its attempts are left out.
pub(in crate::commands) async fn of(item: &QueueItem, context: &Context) -> Vec<PastAttempt> {
    let mut history = context.history_of(item.id).await;
    history.retain(|past| past.of.file_path == item.file_path);
    history
}

pub(in crate::commands) struct RunningAttempt {
    claim: ClaimNumber,
    pub(in crate::commands) elapsed: Duration,
    pub(in crate::commands) delay: Option<Delay>,
}

impl RunningAttempt {
    pub(in crate::commands) async fn find(
        item: &QueueItem,
        history: &[PastAttempt],
        context: &Context,
    ) -> Result<Option<Self>, CliError> {
        let Some(claim) = &item.claim else { return Ok(None) };
        let live = context.runs().live().await?;
        let Some(run) = live.iter().find(|live| live.info.id == claim.run) else { return Ok(None) };
        let is_current = |past: &PastAttempt| past.of.claim == Some(claim.number) && past.end.is_none();
        let began = history.iter().find(|past| is_current(past)).and_then(|past| past.started_at);
        let Some(elapsed) = began.map(|at| context.now().saturating_since(at)) else { return Ok(None) };
        let recent = RecentAttempts::read(&*context.wiring.history()).await;
        let delay = delay::delays(run, &[(item, elapsed)], &recent, context).await.remove(&item.id);
        Ok(Some(Self { claim: claim.number, elapsed, delay }))
    }

    pub(in crate::commands) fn is(&self, past: &PastAttempt) -> bool {
        past.of.claim == Some(self.claim)
    }
}

pub(in crate::commands) fn unended(running: Option<&RunningAttempt>) -> String {
    match running {
        Some(RunningAttempt { elapsed, delay, .. }) => {
            format!("running for {}{}", span(*elapsed), Delay::remark(*delay))
        }
        None => "not known to have ended".to_owned(),
    }
}

/// Returns the text after the outcome of an attempt, such as the duration.
pub(in crate::commands) fn after(attempt: &PastAttempt) -> String {
    let elapsed = attempt.elapsed.map(|elapsed| format!(" after {}", span(elapsed)));
    let usage = attempt.usage.as_ref().map(|usage| format!(", {}", used(usage)));
    let changed = attempt.input_changed.then(|| ", the file changed while it was processed".to_owned());
    [elapsed, usage, changed].into_iter().flatten().collect()
}

fn used(usage: &ResourceUsage) -> String {
    format!("{} of CPU, {}", span(usage.user.saturating_add(usage.system)), memory(usage.peak_memory))
}
