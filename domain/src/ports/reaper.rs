//! The port for ending the processes of dead runs.

use std::path::Path;

use async_trait::async_trait;

use crate::run_info::{DeadRun, Location, Unproven};

/// Ends the leftover processes of dead runs of this host.
///
/// # Contract
/// - The caller passes only dead runs of this host, and calls `reap` before the items of these runs
///   are claimed again.
/// - When `reap` returns, all processes of the given runs have ended, except possibly those of the
///   returned runs.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Reaper: Send + Sync {
    /// Returns the location of this reaper. A reaper sees only the processes of its own host.
    fn location(&self) -> Location;

    /// Ends the remaining processes of the dead runs. Returns the runs that may still have
    /// processes.
    async fn reap(&self, dead: Vec<DeadRun>) -> Vec<Unproven>;
}

/// A reaper for orchestrators that run attempts inside the process of the run. Such attempts end
/// with the process, so `reap` has nothing to do.
#[derive(Debug, Clone)]
pub struct InProcessReaper(pub Location);

impl Default for InProcessReaper {
    /// Returns a reaper with an empty location. The queue must be used on one machine only.
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
