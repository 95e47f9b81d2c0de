//! `queue recover`: what dead runs left is ended, and their files wait again.

use std::time::Duration;

use autoproc_domain::ports::{RunEvent, StorageError, Unproven};
use autoproc_domain::recovery::{self, Proof, Recovery, RecoveryLimits};
use autoproc_domain::view::PageRequest;
use autoproc_domain::{QueueItem, RetryPolicy, Status};

use crate::args::RecoverArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::view::Recovered;

pub(super) async fn recover(args: &RecoverArgs, context: &Context) -> Result<ExitCode, CliError> {
    let proof = if args.force { Proof::Waived } else { Proof::Demanded };
    let (storage, sweeper, clock) = (context.storage(), context.wiring.sweeper(), context.wiring.clock());
    let limits = RecoveryLimits {
        max_attempts: RetryPolicy { retries: args.retries, ..RetryPolicy::default() }.max_attempts(),
        // Whatever a run ordered stands.
        longest_backoff: Duration::MAX,
    };
    let recovery = recovery::recover(storage.as_ref(), &sweeper, clock.as_ref(), limits, proof).await?;
    log(&recovery, context);
    let Recovery { recovered, unproven } = recovery;
    if args.force {
        for left in &unproven {
            sweeper.forget(&left.run);
        }
    }
    let kept = kept(&unproven, context).await?;
    let code = if unproven.is_empty() || args.force { ExitCode::Success } else { ExitCode::TryAgain };
    context.show(&Recovered { items: recovered, kept, unproven, forced: args.force })?;
    Ok(code)
}

/// The event log tells of what was taken back, under a name of its own in the place of a run's.
fn log(recovery: &Recovery, context: &Context) {
    let (log, run) = (context.wiring.event_log(), context.wiring.new_run());
    for kind in recovery.taken_back() {
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
