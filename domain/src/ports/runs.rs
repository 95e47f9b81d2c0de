//! The port for the registry of live runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::item::RunId;
use crate::ports::StorageError;
use crate::run_info::{DeadRun, LiveRun, RunInfo};

/// The answer to [`Runs::begin`].
pub struct Begun {
    /// The other runs that are alive.
    pub others: Vec<LiveRun>,
    /// The lease of the run. `None` if the store notices the death of a run by other means, for
    /// instance by a lock that the kernel releases when the process exits.
    pub lease: Option<Arc<dyn Lease>>,
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lease = self.lease.as_ref().map(|lease| lease.terms());
        f.debug_struct("Begun").field("others", &self.others).field("lease", &lease).finish()
    }
}

impl Begun {
    /// Creates an answer without a lease.
    #[must_use]
    pub fn without_lease(others: Vec<LiveRun>) -> Self {
        Self { others, lease: None }
    }
}

/// The duration of a lease and the interval of its renewals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTerms {
    /// How long the lease is valid after a renewal.
    pub lasts: Duration,
    /// The interval at which the store renews the lease.
    pub renewed_every: Duration,
}

/// The right of a run to its claims. The lease expires unless the store renews it.
///
/// # Contract
/// - The store renews the lease on a connection of its own, so a run that waits for a slow
///   transaction keeps its lease.
/// - `lost` resolves when the lease expires or a renewal is refused, and always before another
///   process may treat the run as dead. If the lease is already lost, `lost` resolves at once.
#[async_trait]
pub trait Lease: Send + Sync {
    /// Returns how long the lease lasts and how often it is renewed. The answer never changes.
    fn terms(&self) -> LeaseTerms;

    /// Waits until the lease is lost.
    async fn lost(&self);
}

/// The registry of live runs.
///
/// # Contract
/// - A run is alive from `begin` until `end`. If `end` is not called, the run is alive until its
///   lease expires or, without a lease, until the process that called `begin` exits. A live run is
///   never reported as dead.
/// - The id of a run is never reused.
/// - Dropping a returned future does not undo the call.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Runs: Send + Sync {
    /// Registers a run as alive.
    ///
    /// # Errors
    /// [`StorageError`] if the registration failed or its outcome is unknown.
    async fn begin(&self, run: RunInfo) -> Result<Begun, StorageError>;

    /// Removes the registration of a run; returns the runs that are still alive. If the last live
    /// runs end at the same time, exactly one of them receives an empty list.
    ///
    /// # Errors
    /// [`StorageError`]; the registration then ends when the process exits or the lease expires.
    async fn end(&self, run: RunId) -> Result<Vec<LiveRun>, StorageError>;

    /// Returns the live runs, in no particular order.
    ///
    /// # Errors
    /// [`StorageError`] if the registry cannot be read.
    async fn live(&self) -> Result<Vec<LiveRun>, StorageError>;

    /// Returns the dead runs that still hold claims, in no particular order. May include dead runs
    /// that hold no claims but are still registered. After
    /// [`Storage::recover`](crate::ports::Storage::recover), a run is no longer listed.
    ///
    /// # Errors
    /// [`StorageError`] if the registry cannot be read.
    async fn dead(&self) -> Result<Vec<DeadRun>, StorageError>;
}
