//! Pause and resume: processes and their clocks stop and continue.

use std::time::Duration;

use autoproc_subprocess::process_table::{self, Process};
use autoproc_subprocess::{Ending, ProcessSpec};

use crate::fixture::{Fixture, LONG, until};

/// Appends ticks to a file until the file `enough` exists. Runs in another session, so that a
/// signal to the group alone does not stop it.
const TICKING: &str = "setsid sh -c 'while ! [ -e enough ]; do echo >>ticks; sleep 0.02; done'";

/// The time for which a test observes a process. On most machines, a runnable process runs within
/// this time.
const OBSERVATION_TIME: Duration = Duration::from_millis(600);

fn ticks(fixture: &Fixture) -> usize {
    std::fs::read(fixture.path("ticks")).map_or(0, |ticks| ticks.len())
}

/// Waits until all descendants of the guard are stopped; returns the number of ticks.
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

/// True if a process is stopped or a zombie. Also true for the caller of vfork(2) if its child is
/// stopped before the exec: the kernel holds the caller in the state `D` until the exec of the
/// child.
fn is_stopped(process: &Process, all: &[Process]) -> bool {
    let mut children = all.iter().filter(|child| child.parent == process.id.pid);
    match state(process) {
        Some('T' | 'Z') => true,
        Some('D') => children.any(|child| state(child) == Some('T')),
        _ => false,
    }
}

/// Returns the state of a process: the third field of `proc_pid_stat(5)`, after the name in
/// parentheses.
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

/// The pause is longer than the timeout. The timeout does not end the command before the end of the
/// pause.
#[tokio::test]
async fn a_pause_does_not_count_for_the_timeout() {
    let fixture = Fixture::new(LONG);
    let timeout = Duration::from_secs(5);
    let spec = ProcessSpec { timeout, ..fixture.script(": >ready; exec sleep 3600") };
    let began = std::time::Instant::now();
    let control = async {
        until(|| fixture.path("ready").exists()).await;
        fixture.guards.pause();
        // Sleeps twice as long as asserted, because the guard may pause late.
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
