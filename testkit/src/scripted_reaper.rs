//! A reaper that finds nothing, or that a test makes blind.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use autoproc_domain::ports::{DeadRun, Location, Reaper, Unproven};

/// A location on this host, as a run registers it. Two hosts differ in name and boot.
#[must_use]
pub fn location_on(host: &str) -> Location {
    Location {
        host: host.into(),
        boot: format!("boot of {host}").into(),
        pid_namespace: "pid:[1]".into(),
        pid: 7,
        project: Path::new("/project").into(),
    }
}

/// What a dead run started died with it; but while the reaper is blind it cannot prove that.
#[derive(Debug)]
pub struct ScriptedReaper {
    location: Location,
    is_blind: AtomicBool,
}

impl ScriptedReaper {
    /// A reaper at this location.
    #[must_use]
    pub fn new(location: Location) -> Self {
        Self { location, is_blind: AtomicBool::new(false) }
    }

    /// Makes the reaper unable, or able again, to prove that a dead run has nothing at work.
    pub fn set_blind(&self, is_blind: bool) {
        self.is_blind.store(is_blind, Ordering::Relaxed);
    }
}

#[async_trait]
impl Reaper for ScriptedReaper {
    fn location(&self) -> Location {
        self.location.clone()
    }

    async fn reap(&self, dead: Vec<DeadRun>) -> Vec<Unproven> {
        let unproven = dead.into_iter().filter(|_| self.is_blind.load(Ordering::Relaxed));
        unproven.map(|dead| Unproven { run: dead.run, reason: "the reaper is blind".into() }).collect()
    }
}
