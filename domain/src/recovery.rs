//! Recovery of dead runs: ends their processes, then releases their claims.
//!
//! A store knows which runs are dead. Only the [`Reaper`] of their host can tell whether their
//! processes still run; for a run of another host, the proof is a lease that expired at least
//! [`LEASE_MARGIN`] ago. An item whose old attempt may still be at work stays claimed: two attempts
//! on one file at a time are worse than a late one.

use std::time::Duration;

use crate::attempt::AttemptRef;
use crate::item::Status;
use crate::ports::{Clock, Reaper, RunEventKind, Runs, Storage, StorageError};
use crate::request::{RecoverRequest, Scope};
use crate::run_info::{DeadRun, DeathEvidence, Location, Unproven};
use crate::view::RecoveredItem;

/// A lease of another host must have been over for this long before its items are given to others.
///
/// That proves that nothing is at work only if every attempt ends with the lease of its run, also if
/// the runner is suspended. A store that grants leases must be used with guards that ensure this; the
/// guards of the subprocess adapter do not do so yet (ADR 0020). The margin covers clocks that run at
/// different speeds.
pub const LEASE_MARGIN: Duration = Duration::from_secs(15);

/// Whether a dead run's items are taken back although something of it may still be at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Only if it is proven that nothing is.
    Demanded,
    /// In any case: a person has looked, and answers for it.
    Waived,
}

/// What a recovery came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The items that were taken back.
    pub recovered: Vec<RecoveredItem>,
    /// The dead runs whose processes may still be at work. Their items stay claimed if proof was
    /// demanded, and are among the recovered ones if it was waived.
    pub unproven: Vec<Unproven>,
}

impl Recovery {
    /// The events to report of the items that were taken back, by a run with this scope.
    pub fn events<'a>(&'a self, scope: &'a Scope) -> impl Iterator<Item = RunEventKind> + 'a {
        self.recovered.iter().map(|recovered| RunEventKind::FileRecovered {
            of: AttemptRef::latest(&recovered.item),
            dead_run: recovered.dead_run.clone(),
            requeued: recovered.item.status == Status::Pending,
            cancelled: recovered.is_cancelled(),
            in_scope: scope.contains(recovered.item.id),
        })
    }
}

/// The ports that a recovery needs.
#[derive(Clone, Copy)]
pub struct RecoveryPorts<'a> {
    /// Holds the items.
    pub storage: &'a dyn Storage,
    /// Knows the dead runs.
    pub runs: &'a dyn Runs,
    /// Ends what they left on this host.
    pub reaper: &'a dyn Reaper,
    /// Tells the time of the transaction.
    pub clock: &'a dyn Clock,
}

/// Ends the processes that the dead runs of this host left. Then takes back the items of the dead
/// runs that certainly have no process at work; with [`Proof::Waived`], of all dead runs. An item
/// that has had `max_attempts` attempts ends as failed.
///
/// # Errors
/// [`StorageError`]; no item was taken back. Processes that had been ended stay so.
pub async fn recover(ports: RecoveryPorts<'_>, max_attempts: u32, proof: Proof) -> Result<Recovery, StorageError> {
    let dead = ports.runs.dead().await?;
    let mut runs: Vec<_> = dead.iter().map(|dead| dead.run.clone()).collect();
    let unproven = if dead.is_empty() { Vec::new() } else { reap(dead, ports.reaper).await };
    if proof == Proof::Demanded {
        runs.retain(|run| unproven.iter().all(|left| left.run != *run));
    }
    let recovered = ports.storage.recover(RecoverRequest { runs, max_attempts }, ports.clock.now()).await?;
    Ok(Recovery { recovered, unproven })
}

/// A run of another host is never reaped from here: this host would look among its own processes,
/// find none of that run, and take that for proof.
async fn reap(dead: Vec<DeadRun>, reaper: &dyn Reaper) -> Vec<Unproven> {
    let here = reaper.location();
    let is_here = |dead: &DeadRun| dead.location.as_ref().is_none_or(|location| location.is_same_host(&here));
    let (local, elsewhere): (Vec<_>, Vec<_>) = dead.into_iter().partition(is_here);
    let mut unproven = if local.is_empty() { Vec::new() } else { reaper.reap(local).await };
    unproven.extend(elsewhere.into_iter().filter_map(unproven_elsewhere));
    unproven
}

fn unproven_elsewhere(dead: DeadRun) -> Option<Unproven> {
    let place = dead.location.as_ref().map(Location::to_string).unwrap_or_default();
    let reason = match dead.evidence {
        DeathEvidence::LeaseOver { since } if since >= LEASE_MARGIN => return None,
        DeathEvidence::LeaseOver { .. } => format!("it worked as {place}, and its lease has only just ended"),
        DeathEvidence::Gone => format!("it worked as {place}, and only that host can end what it left"),
    };
    Some(Unproven { run: dead.run, reason: reason.into() })
}
