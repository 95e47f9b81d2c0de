//! Runs that begin, looked at by others and killed at every call.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use autoproc_domain::command::RecoverRequest;
use autoproc_domain::ports::{LiveRun, RunInfo};
use autoproc_domain::{RunId, Timestamp};

use super::disk::{Fault, SimDisk, World};
use super::history::engine;
use crate::engine::Engine;
use crate::layout::RUNS;
use crate::store::Mode;

fn info(run: &str) -> RunInfo {
    let (id, started_at) = (RunId::new(run), Timestamp::from_micros(0));
    RunInfo { id, started_at, jobs: 2, max_attempts: 4, timeout: Duration::from_secs(300) }
}

fn service(disk: SimDisk) -> Engine<SimDisk> {
    engine(disk, Mode::Service)
}

/// Whoever is taken for dead is swept: what it has started by then is killed.
#[test]
fn a_run_that_begins_is_never_taken_for_dead() {
    let disk = SimDisk::new(World::default());
    let asker = Mutex::new(service(disk.of_another_process()));
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&looks);
    let watched = disk.with_bystander(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let dead = asker.lock().expect("no look panicked").dead_runs().expect("a reader needs no lock");
        assert_eq!(dead, [], "a run that was beginning");
    });
    let mut run = service(watched);
    assert_eq!(run.begin_run(&info("new")).expect("a run begins"), []);
    assert!(looks.load(Ordering::Relaxed) > 3, "nobody looked between the calls that make a run's file");
}

/// Every other fact about a run is there as soon as the run is.
#[test]
fn a_run_is_never_seen_without_what_it_says_of_itself() {
    let disk = SimDisk::new(World::default());
    let asker = Mutex::new(service(disk.of_another_process()));
    let watched = disk.with_bystander(move || {
        let living: Vec<LiveRun> =
            asker.lock().expect("no look panicked").living_runs().expect("a reader needs no lock");
        assert!(living.iter().all(|run| run.info == info("new")), "{living:?}");
    });
    service(watched).begin_run(&info("new")).expect("a run begins");
}

#[test]
fn what_is_left_of_a_run_that_was_killed_as_it_began_is_cleared_away() {
    let calls = {
        let disk = SimDisk::new(World::default());
        service(disk.clone()).begin_run(&info("whole")).expect("a run begins");
        disk.calls()
    };
    for (call, fault) in (0..calls).flat_map(|call| Fault::ALL.map(|fault| (call, fault))) {
        let disk = SimDisk::new(World::default()).with_fault(call, fault);
        let begun = service(disk.clone()).begin_run(&info("killed"));
        assert!(begun.is_err(), "{fault:?} at call {call} of {calls} went unnoticed");
        let mut next = service(disk.of_another_process());
        let alive = next.begin_run(&info("next")).expect("the next run begins");
        assert_eq!(alive, [], "{fault:?} at call {call} of {calls}");
        let runs = next.dead_runs().expect("a reader needs no lock");
        let request = RecoverRequest { runs, max_attempts: 4, longest_backoff: Duration::ZERO };
        next.recover(request, Timestamp::from_micros(0)).expect("dead runs are recovered");
        next.end_run(&RunId::new("next")).expect("a run ends");
        let left: Vec<_> = disk.world().names.into_keys().filter(|name| name.starts_with(RUNS)).collect();
        assert!(left.is_empty(), "{fault:?} at call {call} of {calls} left {left:?}");
    }
}

#[test]
fn a_run_does_not_take_the_place_of_a_live_one_of_its_name() {
    let disk = SimDisk::new(World::default());
    let mut first = service(disk.of_another_process());
    first.begin_run(&info("same")).expect("a run begins");
    let mut second = service(disk.of_another_process());
    second.begin_run(&info("same")).expect_err("there is one of this name");
    let living = second.living_runs().expect("a reader needs no lock");
    assert_eq!(living.len(), 1, "the first one goes on");
}
