//! The port that knows which runs are alive.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::item::RunId;
use crate::ports::StorageError;
use crate::run_info::{DeadRun, LiveRun, RunInfo};

/// The answer to a run that begins.
pub struct Begun {
    /// The other runs that are alive.
    pub others: Vec<LiveRun>,
    /// The run's lease; `None` if the store knows by other means that the run is alive, as by a lock
    /// that the kernel frees with the process.
    pub lease: Option<Arc<dyn Lease>>,
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lease = self.lease.as_ref().map(|lease| lease.terms());
        f.debug_struct("Begun").field("others", &self.others).field("lease", &lease).finish()
    }
}

impl Begun {
    /// An answer without a lease.
    #[must_use]
    pub fn without_lease(others: Vec<LiveRun>) -> Self {
        Self { others, lease: None }
    }
}

/// How long a lease lasts without a renewal, and how often the store renews it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTerms {
    /// How long the lease is valid after a renewal.
    pub lasts: Duration,
    /// How often the store renews it.
    pub renewed_every: Duration,
}

/// A run's right to its claims, for a limited time.
///
/// # Contract
/// - The store renews the lease, on a connection of its own: a run that waits for a slow transaction
///   keeps it.
/// - `lost` resolves when the lease expires or a renewal is refused, always before another process may
///   treat the run as dead. It resolves at once if that has happened already.
#[async_trait]
pub trait Lease: Send + Sync {
    /// The terms, which do not change.
    fn terms(&self) -> LeaseTerms;

    /// Waits until the lease is lost.
    async fn lost(&self);
}

/// Knows which runs are alive.
///
/// # Contract
/// - A run is alive from `begin` until `end`, or until the process that began it is gone, or until
///   its lease is over; whichever comes first. A living run is never reported as dead.
/// - A run's name is used once.
/// - Dropping a returned future does not undo the call.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Runs: Send + Sync {
    /// Registers a run as alive.
    ///
    /// # Errors
    /// [`StorageError`]; the run is not registered, or it is unknown whether it is.
    async fn begin(&self, run: RunInfo) -> Result<Begun, StorageError>;

    /// Ends a run; returns the runs still alive. Of several runs that end at the same time, exactly
    /// one sees none left.
    ///
    /// # Errors
    /// [`StorageError`]; the run ends with its process or its lease.
    async fn end(&self, run: RunId) -> Result<Vec<LiveRun>, StorageError>;

    /// The runs alive now, in no order.
    ///
    /// # Errors
    /// [`StorageError`].
    async fn live(&self) -> Result<Vec<LiveRun>, StorageError>;

    /// The dead runs that hold claims or left another trace, in no order.
    /// [`Storage::recover`](crate::ports::Storage::recover) takes them off this list.
    ///
    /// # Errors
    /// [`StorageError`].
    async fn dead(&self) -> Result<Vec<DeadRun>, StorageError>;
}
