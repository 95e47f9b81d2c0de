use std::time::Duration;

use autoproc_subprocess::process_table::{self, Process};
use autoproc_subprocess::{Ending, ProcessSpec};

use crate::fixture::{Fixture, LONG, until};

const TICKING: &str = "setsid sh -c 'while ! [ -e enough ]; do echo >>ticks; sleep 0.02; done'";

const OBSERVATION_TIME: Duration = Duration::from_millis(600);

fn ticks(fixture: &Fixture) -> usize {
    std::fs::read(fixture.path("ticks")).map_or(0, |ticks| ticks.len())
}

async fn stopped_at(fixture: &Fixture) -> usize {
    let below = || process_table::descendants_of(fixture.guard_pids()[0]).expect("a process table");
    until(|| {
        let seen = below();
        let are_stopped = !seen.is_empty() && seen.iter().all(|process| is_stopped(process, &seen));
        // Reads the descendants again, because one of them may have started a process before it was
        // stopped.
        are_stopped && below().len() == seen.len()
    })
    .await;
    ticks(fixture)
}

/// A caller of vfork(2) stays in state `D` while its child is stopped.
fn is_stopped(process: &Process, all: &[Process]) -> bool {
    let mut children = all.iter().filter(|child| child.parent == process.id.pid);
    match state(process) {
        Some('T' | 'Z') => true,
        Some('D') => children.any(|child| state(child) == Some('T')),
        _ => false,
    }
}

fn state(process: &Process) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id.pid)).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[tokio::test]
async fn a_paused_command_stops_and_continues() {
    let fixture = Fixture::new(LONG);
    let control = async {
        until(|| ticks(&fixture) > 2).await;
        fixture.guards.pause();
        let paused_at = stopped_at(&fixture).await;
        tokio::time::sleep(OBSERVATION_TIME).await;
        assert_eq!(ticks(&fixture), paused_at);
        fixture.guards.resume();
        until(|| ticks(&fixture) > paused_at).await;
        std::fs::write(fixture.path("enough"), "").expect("a file");
    };
    let (report, ()) = tokio::join!(fixture.run(fixture.script(TICKING)), control);
    assert_eq!(report.ending, Ending::Exited { code: 0 });
}

#[tokio::test]
async fn a_pause_does_not_count_for_the_timeout() {
    let fixture = Fixture::new(LONG);
    let timeout = Duration::from_secs(5);
    let spec = ProcessSpec { timeout, ..fixture.script(": >ready; exec sleep 3600") };
    let began = std::time::Instant::now();
    let control = async {
        until(|| fixture.path("ready").exists()).await;
        fixture.guards.pause();
        // The guard may pause late, so the test sleeps longer than the timeout.
        tokio::time::sleep(2 * timeout).await;
        fixture.guards.resume();
    };
    let (report, ()) = tokio::join!(fixture.run(spec), control);
    let took = began.elapsed();
    assert_eq!(report.ending, Ending::TimedOut);
    assert!(took >= 2 * timeout, "the pause was cut short: {took:?}");
    assert!(report.elapsed >= timeout && report.elapsed + timeout <= took, "{:?} of {took:?}", report.elapsed);
}

#[tokio::test]
async fn a_command_that_starts_during_a_pause_is_paused() {
    let fixture = Fixture::new(LONG);
    fixture.guards.pause();
    let control = async {
        until(|| !fixture.guard_pids().is_empty()).await;
        let before = stopped_at(&fixture).await;
        tokio::time::sleep(OBSERVATION_TIME).await;
        assert_eq!(ticks(&fixture), before);
        fixture.guards.resume();
        until(|| ticks(&fixture) > before).await;
        std::fs::write(fixture.path("enough"), "").expect("a file");
    };
    let (report, ()) = tokio::join!(fixture.run(fixture.script(TICKING)), control);
    assert_eq!(report.ending, Ending::Exited { code: 0 });
}
