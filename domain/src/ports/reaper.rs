//! The port that ends what dead runs left at work.

use std::path::Path;

use async_trait::async_trait;

use crate::run_info::{DeadRun, Location, Unproven};

/// Ends the processes that dead runs of this host left.
///
/// # Contract
/// - `reap` is asked about dead runs of this host only, before their items are given to others.
/// - When it returns, nothing that those runs started is at work any more, except for the runs that
///   it names.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Reaper: Send + Sync {
    /// Where this reaper works. It sees the processes of this host and of no other.
    fn location(&self) -> Location;

    /// Ends whatever is left of the dead runs; returns those for which that cannot be proven.
    async fn reap(&self, dead: Vec<DeadRun>) -> Vec<Unproven>;
}

/// For orchestrators whose attempts live in the process of their run: they die with it.
#[derive(Debug, Clone)]
pub struct InProcessReaper(pub Location);

impl Default for InProcessReaper {
    /// Works at a location without a name, for a queue that no other machine shares.
    fn default() -> Self {
        let nowhere = || Box::<str>::default();
        let project = Path::new("").into();
        Self(Location { host: nowhere(), boot: nowhere(), pid_namespace: nowhere(), pid: 0, project })
    }
}

#[async_trait]
impl Reaper for InProcessReaper {
    fn location(&self) -> Location {
        self.0.clone()
    }

    async fn reap(&self, _dead: Vec<DeadRun>) -> Vec<Unproven> {
        Vec::new()
    }
}
