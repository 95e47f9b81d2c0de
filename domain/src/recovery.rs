//! Recovers dead runs: ends their leftover processes, then recovers their items.
//!
//! Two concurrent attempts on one file are worse than a delayed attempt. So the items stay claimed
//! until there is proof that no process of the run is left. On the run's host, the [`Reaper`] finds
//! the proof. On other hosts, the only proof is a lease that expired at least [`LEASE_MARGIN`] ago.

use std::time::Duration;

use crate::attempt::AttemptRef;
use crate::item::Status;
use crate::ports::{Clock, Reaper, RunEventKind, Runs, Storage, StorageError};
use crate::request::{RecoverRequest, Scope};
use crate::run_info::{DeadRun, DeathEvidence, Location, Unproven};
use crate::view::RecoveredItem;

/// How long another host waits after a run's lease has expired, before it recovers the run's items,
/// unless the proof is waived.
///
/// The margin covers clocks that run at different speeds. A store may grant leases only if guard
/// processes end every attempt within this margin after the lease has expired, even while the run
/// is suspended. The subprocess adapter has such guards.
pub const LEASE_MARGIN: Duration = Duration::from_secs(15);

/// Whether a recovery needs proof that no process of the dead run is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Recovers only runs whose processes have provably ended.
    Demanded,
    /// Also recovers runs whose processes may still be running.
    Waived,
}

/// The result of a recovery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The recovered items.
    pub recovered: Vec<RecoveredItem>,
    /// The dead runs whose processes may still be running. Their items stay claimed, unless the
    /// proof was waived.
    pub unproven: Vec<Unproven>,
}

impl Recovery {
    /// Returns one event for each recovered item. `scope` is the scope of the run that reports the
    /// events.
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

/// The ports that a recovery uses.
#[derive(Clone, Copy)]
pub struct RecoveryPorts<'a> {
    /// The store of the items.
    pub storage: &'a dyn Storage,
    /// Tells which runs are dead.
    pub runs: &'a dyn Runs,
    /// Ends the leftover processes of dead runs of this host.
    pub reaper: &'a dyn Reaper,
    /// The clock.
    pub clock: &'a dyn Clock,
}

/// Ends the leftover processes of dead runs of this host, then returns the items of dead runs to
/// pending.
///
/// With [`Proof::Demanded`], skips the items of runs that may have processes left. An item that has
/// had `max_attempts` attempts, or that a user cancelled, ends as failed.
///
/// # Errors
/// [`StorageError`]; no item was recovered, unless the variant says that the outcome is unknown.
/// Leftover processes may have been ended.
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

/// Ends the processes of the dead runs of this host. Returns the runs that may have processes left.
///
/// Runs of other hosts are not reaped. Such a run has no process on this host, so the reaper would
/// wrongly report success.
async fn reap(dead: Vec<DeadRun>, reaper: &dyn Reaper) -> Vec<Unproven> {
    let here = reaper.location();
    let (local, elsewhere): (Vec<_>, Vec<_>) = dead.into_iter().partition(|dead| is_of_host(dead, &here));
    let mut unproven = if local.is_empty() { Vec::new() } else { reaper.reap(local).await };
    unproven.extend(elsewhere.into_iter().filter_map(unproven_elsewhere));
    unproven
}

/// True if the run was on the host of `here`, or if the run's host is unknown.
#[must_use]
pub fn is_of_host(dead: &DeadRun, here: &Location) -> bool {
    dead.location.as_ref().is_none_or(|location| location.is_same_host(here))
}

/// Returns the reason why a dead run of another host may have processes left. Returns `None` if the
/// run's lease expired long enough ago.
#[must_use]
pub fn unproven_elsewhere(dead: DeadRun) -> Option<Unproven> {
    let place = dead.location.as_ref().map(Location::to_string).unwrap_or_default();
    let reason = match dead.evidence {
        DeathEvidence::LeaseOver { since } if since >= LEASE_MARGIN => return None,
        DeathEvidence::LeaseOver { .. } => format!("it ran as {place}; its lease expired only moments ago"),
        DeathEvidence::Gone => format!("it ran as {place}, and only that host can end its leftover processes"),
    };
    Some(Unproven { run: dead.run, reason: reason.into() })
}
