//! Tests the start of a run.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use autoproc_domain::request::RecoverRequest;
use autoproc_domain::run_info::{LiveRun, Location, RunInfo};
use autoproc_domain::{RunId, Timestamp};

use super::flawed::FlawedDisk;
use super::history::engine;
use crate::disk::fake::{FakeDisk, Fault};
use crate::engine::Engine;
use crate::engine::Mode;
use crate::layout::RUNS;

fn info(run: &str) -> RunInfo {
    let (id, started_at) = (RunId::new(run), Timestamp::from_micros(0));
    let location = Location {
        host: "here".into(),
        boot: "boot".into(),
        pid_namespace: "pid".into(),
        pid: 1,
        project: Path::new("/project").into(),
    };
    RunInfo {
        id,
        started_at,
        jobs: 2,
        max_attempts: 4,
        timeout: Duration::from_secs(300),
        recipe: None,
        work: None,
        location,
    }
}

fn service(disk: FakeDisk) -> Engine<FlawedDisk> {
    engine(disk, None, Mode::Service)
}

#[test]
fn a_run_that_begins_never_counts_as_dead() {
    let disk = FakeDisk::default();
    let observer = Mutex::new(service(disk.of_another_process()));
    let checks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&checks);
    let watched = disk.with_observer(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let dead = observer.lock().expect("no check panicked").dead_runs().expect("a reader needs no lock");
        assert_eq!(dead, [], "a run that was beginning");
    });
    let mut run = service(watched);
    assert_eq!(run.begin_run(&info("new")).expect("a run begins"), []);
    assert!(checks.load(Ordering::Relaxed) > 3, "no check between the calls that create a run's file");
}

#[test]
fn a_live_run_always_has_a_complete_description() {
    let disk = FakeDisk::default();
    let observer = Mutex::new(service(disk.of_another_process()));
    let watched = disk.with_observer(move || {
        let live: Vec<LiveRun> =
            observer.lock().expect("no check panicked").live_runs().expect("a reader needs no lock");
        assert!(live.iter().all(|run| run.info == info("new")), "{live:?}");
    });
    service(watched).begin_run(&info("new")).expect("a run begins");
}

#[test]
fn the_files_of_a_run_that_was_killed_while_it_began_are_removed() {
    let calls = {
        let disk = FakeDisk::default();
        service(disk.clone()).begin_run(&info("whole")).expect("a run begins");
        disk.calls()
    };
    for (call, fault) in (0..calls).flat_map(|call| Fault::ALL.map(|fault| (call, fault))) {
        let disk = FakeDisk::default().with_fault(call, fault);
        let begun = service(disk.clone()).begin_run(&info("killed"));
        assert!(begun.is_err(), "{fault:?} at call {call} of {calls} went unnoticed");
        let mut next = service(disk.of_another_process());
        let alive = next.begin_run(&info("next")).expect("the next run begins");
        assert_eq!(alive, [], "{fault:?} at call {call} of {calls}");
        let dead = next.dead_runs().expect("a reader needs no lock");
        let request = RecoverRequest { runs: dead.into_iter().map(|dead| dead.run).collect(), max_attempts: 4 };
        next.recover(request, Timestamp::from_micros(0)).expect("dead runs are recovered");
        next.end_run(&RunId::new("next")).expect("a run ends");
        let left: Vec<_> = disk.image().names.into_keys().filter(|name| name.starts_with(RUNS)).collect();
        assert!(left.is_empty(), "{fault:?} at call {call} of {calls} left {left:?}");
    }
}

#[test]
fn a_run_does_not_replace_a_live_one_of_its_name() {
    let disk = FakeDisk::default();
    let mut first = service(disk.of_another_process());
    first.begin_run(&info("same")).expect("a run begins");
    let mut second = service(disk.of_another_process());
    second.begin_run(&info("same")).expect_err("there is one of this name");
    let live = second.live_runs().expect("a reader needs no lock");
    assert_eq!(live.len(), 1, "the first one continues");
}
