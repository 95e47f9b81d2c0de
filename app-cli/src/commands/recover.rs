//! `queue recover`: ends the processes of dead runs, and makes their files pending again.

use autoproc_domain::ports::{RunEvent, StorageError, Unproven};
use autoproc_domain::recovery::{self, Proof, Recovery, RecoveryPorts};
use autoproc_domain::request::Scope;
use autoproc_domain::view::PageRequest;
use autoproc_domain::{QueueItem, RetryPolicy, Status};

use crate::args::RecoverArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::view::Recovered;
use crate::wiring::DEFAULT_GRACE;

pub(super) async fn recover(args: &RecoverArgs, context: &Context) -> Result<ExitCode, CliError> {
    let proof = if args.force { Proof::Waived } else { Proof::Demanded };
    let (storage, runs) = (context.storage(), context.runs());
    let (reaper, clock) = (context.wiring.reaper(DEFAULT_GRACE), context.wiring.clock());
    let ports =
        RecoveryPorts { storage: storage.as_ref(), runs: runs.as_ref(), reaper: &reaper, clock: clock.as_ref() };
    let max_attempts = RetryPolicy { retries: args.retries, ..RetryPolicy::default() }.max_attempts();
    let recovery = recovery::recover(ports, max_attempts, proof).await?;
    log(&recovery, context);
    let Recovery { recovered, unproven } = recovery;
    if args.force {
        for left in &unproven {
            reaper.forget(&left.run);
        }
    }
    let kept = kept(&unproven, context).await?;
    let code = if unproven.is_empty() || args.force { ExitCode::Success } else { ExitCode::TryAgain };
    context.show(&Recovered { items: recovered, kept, unproven, forced: args.force })?;
    Ok(code)
}

/// Logs the recovered files under a run id of this command's own.
fn log(recovery: &Recovery, context: &Context) {
    let (log, run) = (context.wiring.event_log(), context.wiring.new_run());
    for kind in recovery.events(&Scope::Queue) {
        log.observe(&RunEvent { at: context.now(), run: run.clone(), kind });
    }
}

/// The items that unproven runs still hold.
async fn kept(unproven: &[Unproven], context: &Context) -> Result<Vec<QueueItem>, StorageError> {
    if unproven.is_empty() {
        return Ok(Vec::new());
    }
    let processing = PageRequest { statuses: vec![Status::Processing], after: None, limit: None };
    let mut items = context.storage().page(processing).await?.items;
    items.retain(|item| item.claim.as_ref().is_some_and(|claim| unproven.iter().any(|left| left.run == claim.run)));
    Ok(items)
}
