//! Tests the recovery of dead runs.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use autoproc_domain::ports::{DeadRun, Location, MockClock, MockReaper, MockRuns, MockStorage, Unproven};
use autoproc_domain::recovery::{LEASE_MARGIN, Proof, Recovery, RecoveryPorts, recover};
use autoproc_domain::run_info::DeathEvidence;
use autoproc_domain::{RunId, Timestamp};
use autoproc_testkit::block_on;

const NOW: Timestamp = Timestamp::from_micros(7);

fn location(host: &str) -> Location {
    Location { host: host.into(), boot: host.into(), pid_namespace: "".into(), pid: 1, project: Path::new("/p").into() }
}

fn dead(run: &str, host: Option<&str>, evidence: DeathEvidence) -> DeadRun {
    DeadRun { run: RunId::new(run), location: host.map(location), evidence }
}

/// Returns the result, the reaped runs and the recovered runs.
fn recovered(dead: Vec<DeadRun>, proof: Proof) -> (Recovery, Vec<String>, Vec<String>) {
    let (ended, taken) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let (mut storage, mut runs, mut reaper, mut clock) =
        (MockStorage::new(), MockRuns::new(), MockReaper::new(), MockClock::new());
    runs.expect_dead().return_once(move || Ok(dead));
    clock.expect_now().return_const(NOW);
    reaper.expect_location().returning(|| location("here"));
    let given = ended.clone();
    reaper.expect_reap().returning(move |dead| {
        given.lock().expect("no panic").extend(dead.iter().map(|dead| dead.run.to_string()));
        let busy = dead.into_iter().filter(|dead| dead.run.as_str() == "busy");
        busy.map(|dead| Unproven { run: dead.run, reason: "it runs".into() }).collect()
    });
    let asked = taken.clone();
    storage.expect_recover().returning(move |request, now| {
        assert_eq!((request.max_attempts, now), (4, NOW));
        asked.lock().expect("no panic").extend(request.runs.iter().map(ToString::to_string));
        Ok(Vec::new())
    });
    let ports = RecoveryPorts { storage: &storage, runs: &runs, reaper: &reaper, clock: &clock };
    let recovery = block_on(recover(ports, 4, proof)).expect("the store works");
    let list = |names: &Mutex<Vec<String>>| names.lock().expect("no panic").clone();
    (recovery, list(&ended), list(&taken))
}

#[test]
fn a_machine_is_known_by_its_name_or_its_boot() {
    let place = |host: &str, boot: &str| Location { boot: boot.into(), ..location(host) };
    assert!(place("a", "").is_same_host(&place("a", "")));
    assert!(place("a", "1").is_same_host(&place("a", "2")), "the machine was rebooted");
    assert!(place("a", "1").is_same_host(&place("container", "1")));
    assert!(!place("a", "1").is_same_host(&place("b", "2")));
    assert!(!place("a", "").is_same_host(&place("b", "")), "unknown boots are not equal");
}

fn all_kinds() -> Vec<DeadRun> {
    let over = |since| DeathEvidence::LeaseOver { since };
    vec![
        dead("local", Some("here"), DeathEvidence::Gone),
        dead("busy", Some("here"), DeathEvidence::Gone),
        dead("unknown", None, DeathEvidence::Gone),
        dead("elsewhere", Some("there"), DeathEvidence::Gone),
        dead("expired", Some("there"), over(LEASE_MARGIN)),
        dead("expiring", Some("there"), over(LEASE_MARGIN.saturating_sub(Duration::from_nanos(1)))),
    ]
}

#[test]
fn runs_that_may_have_processes_left_are_not_recovered() {
    let (recovery, reaped, taken) = recovered(all_kinds(), Proof::Demanded);
    assert_eq!(reaped, ["local", "busy", "unknown"], "the processes of other hosts cannot be seen here");
    assert_eq!(taken, ["local", "unknown", "expired"]);
    let unproven: Vec<_> = recovery.unproven.iter().map(|unproven| unproven.run.as_str()).collect();
    assert_eq!(unproven, ["busy", "elsewhere", "expiring"]);
}

#[test]
fn without_proof_all_dead_runs_are_recovered_after_their_processes_were_ended() {
    let (recovery, reaped, taken) = recovered(all_kinds(), Proof::Waived);
    assert_eq!(reaped, ["local", "busy", "unknown"]);
    assert_eq!(taken, ["local", "busy", "unknown", "elsewhere", "expired", "expiring"]);
    assert_eq!(recovery.unproven.len(), 3);
}

#[test]
fn the_reaper_is_not_asked_without_runs_of_this_host() {
    for dead in [Vec::new(), vec![dead("expired", Some("there"), DeathEvidence::LeaseOver { since: LEASE_MARGIN })]] {
        let count = dead.len();
        let (_, reaped, taken) = recovered(dead, Proof::Demanded);
        assert_eq!((reaped.len(), taken.len()), (0, count));
    }
}
