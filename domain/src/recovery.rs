//! Taking back what dead runs left: first whatever they started is ended, then their items are given to others.
//!
//! A store knows which runs are dead; only the orchestrator can tell whether what they started is at work any more. An item
//! whose old attempt may still run is left alone, because two attempts of one file at a time are worse than a late one.

use std::time::Duration;

use crate::command::RecoverRequest;
use crate::item::Status;
use crate::ports::{AttemptOf, Clock, Orchestrator, RunEventKind, Storage, StorageError, Unproven};
use crate::retry::RetryPolicy;
use crate::view::RecoveredItem;

/// The limits of whoever recovers: what [`RecoverRequest`] asks for beside the runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoveryLimits {
    /// An item with this many attempts behind it ends as failed.
    pub max_attempts: u32,
    /// The longest backoff anybody would order.
    pub longest_backoff: Duration,
}

impl From<&RetryPolicy> for RecoveryLimits {
    fn from(policy: &RetryPolicy) -> Self {
        Self { max_attempts: policy.max_attempts(), longest_backoff: policy.max_backoff }
    }
}

/// Whether a dead run's items are taken back although something of it may still be at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Only where it is proven that nothing is.
    Demanded,
    /// Also where it is not: somebody has looked, and answers for it.
    Waived,
}

/// What came of a recovery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The items that were taken back.
    pub recovered: Vec<RecoveredItem>,
    /// The dead runs of which something may still be at work. Their items are as they were where proof was demanded, and
    /// among the recovered where it was waived.
    pub unproven: Vec<Unproven>,
}

impl Recovery {
    /// What there is to tell of the items that were taken back.
    pub fn taken_back(&self) -> impl Iterator<Item = RunEventKind> + '_ {
        self.recovered.iter().map(|RecoveredItem { item, dead_run }| RunEventKind::FileRecovered {
            of: AttemptOf::latest(item),
            dead_run: dead_run.clone(),
            requeued: item.status == Status::Pending,
        })
    }
}

/// Ends what dead runs left at work and takes their items back. Items that a clock put off which has been set back since
/// are brought forward too, whether a run is dead or not.
///
/// # Errors
/// [`StorageError`]; no item was taken back. What had been ended stays so.
pub async fn recover(
    storage: &dyn Storage,
    orchestrator: &dyn Orchestrator,
    clock: &dyn Clock,
    limits: RecoveryLimits,
    proof: Proof,
) -> Result<Recovery, StorageError> {
    let mut runs = storage.dead_runs().await?;
    let unproven = if runs.is_empty() { Vec::new() } else { orchestrator.sweep(runs.clone()).await };
    if proof == Proof::Demanded {
        runs.retain(|run| unproven.iter().all(|left| left.run != *run));
    }
    let RecoveryLimits { max_attempts, longest_backoff } = limits;
    let request = RecoverRequest { runs, max_attempts, longest_backoff };
    let recovered = storage.recover(request, clock.now()).await?;
    Ok(Recovery { recovered, unproven })
}
