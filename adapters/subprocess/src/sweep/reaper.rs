//! Implements the `Reaper` port for the runs of this host.

use std::path::Path;

use async_trait::async_trait;
use autoproc_domain::ports::{DeadRun, DeathEvidence, Location, Reaper, Unproven};
use autoproc_domain::recovery::LEASE_MARGIN;

use crate::process_table;
use crate::sweep::Sweeper;

#[async_trait]
impl Reaper for Sweeper {
    fn location(&self) -> Location {
        own_location(&self.project)
    }

    async fn reap(&self, dead: Vec<DeadRun>) -> Vec<Unproven> {
        let (sweeper, runs) = (self.clone(), dead.clone());
        let swept = tokio::task::spawn_blocking(move || sweeper.sweep(&runs)).await;
        swept.unwrap_or_else(|error| {
            let reason: Box<str> = format!("the search for its processes failed: {error}").into();
            dead.into_iter().map(|dead| Unproven { run: dead.run, reason: reason.clone() }).collect()
        })
    }
}

fn own_location(project: &Path) -> Location {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Location {
        host: host.into(),
        boot: process_table::boot_id().unwrap_or_default().into(),
        pid_namespace: process_table::pid_namespace().unwrap_or_default().into(),
        pid: std::process::id(),
        project: project.into(),
    }
}

/// True if the run began in an earlier boot of this host.
///
/// If only an expired lease shows that the run is dead, `LEASE_MARGIN` must have passed since. The
/// run may have been on another machine with the same name. Its guards need this time to end their
/// processes.
pub(super) fn is_of_earlier_boot(dead: &DeadRun, own: &Location) -> bool {
    let Some(location) = &dead.location else { return false };
    let is_other_boot = location.boot != own.boot && !location.boot.is_empty() && !own.boot.is_empty();
    let is_certain = match dead.evidence {
        DeathEvidence::Gone => true,
        DeathEvidence::LeaseOver { since } => since >= LEASE_MARGIN,
    };
    is_other_boot && location.host == own.host && is_certain
}

/// True if the run was process 1 of its pid namespace and has certainly ended. The end of process 1
/// ends the whole namespace (`pid_namespaces(7)`). An expired lease does not prove the end.
pub(super) fn was_first_of_its_namespace(dead: &DeadRun) -> bool {
    let is_first = |location: &Location| location.pid == 1 && !location.pid_namespace.is_empty();
    dead.evidence == DeathEvidence::Gone && dead.location.as_ref().is_some_and(is_first)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use autoproc_domain::RunId;

    use super::*;

    fn dead(boot: &str, host: &str, evidence: DeathEvidence) -> DeadRun {
        let location = Location { boot: boot.into(), host: host.into(), ..own_location(Path::new("/p")) };
        DeadRun { run: RunId::new("r"), location: Some(location), evidence }
    }

    #[test]
    fn only_a_known_other_boot_of_this_host_is_an_earlier_one() {
        let own = Location { boot: "2".into(), host: "h".into(), ..own_location(Path::new("/p")) };
        let since = |since| DeathEvidence::LeaseOver { since };
        assert!(is_of_earlier_boot(&dead("1", "h", DeathEvidence::Gone), &own));
        assert!(is_of_earlier_boot(&dead("1", "h", since(LEASE_MARGIN)), &own));
        assert!(!is_of_earlier_boot(&dead("1", "h", since(Duration::from_secs(14))), &own));
        assert!(!is_of_earlier_boot(&dead("2", "h", DeathEvidence::Gone), &own));
        assert!(!is_of_earlier_boot(&dead("", "h", DeathEvidence::Gone), &own));
        assert!(!is_of_earlier_boot(&dead("1", "other", DeathEvidence::Gone), &own));
        assert!(!is_of_earlier_boot(&DeadRun::gone(RunId::new("r")), &own));
        let unknown = Location { boot: Box::default(), ..own };
        assert!(!is_of_earlier_boot(&dead("1", "h", DeathEvidence::Gone), &unknown));
    }

    #[test]
    fn only_the_death_of_process_1_ends_its_namespace() {
        let of = |pid, pid_namespace: &str, evidence| {
            let location = Location { pid, pid_namespace: pid_namespace.into(), ..own_location(Path::new("/p")) };
            was_first_of_its_namespace(&DeadRun { run: RunId::new("r"), location: Some(location), evidence })
        };
        assert!(of(1, "pid:[7]", DeathEvidence::Gone));
        assert!(!of(2, "pid:[7]", DeathEvidence::Gone));
        assert!(!of(1, "", DeathEvidence::Gone));
        assert!(!of(1, "pid:[7]", DeathEvidence::LeaseOver { since: LEASE_MARGIN }));
        assert!(!was_first_of_its_namespace(&DeadRun::gone(RunId::new("r"))));
    }

    #[test]
    fn this_process_has_a_location() {
        let own = own_location(Path::new("/p"));
        assert!(!own.host.is_empty() && own.boot.len() == 36 && own.pid_namespace.starts_with("pid:["), "{own:?}");
    }
}
