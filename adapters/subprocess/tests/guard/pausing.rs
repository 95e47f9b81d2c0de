//! Pause and resume: everything stands still, and so does the clock.

use std::time::Duration;

use autoproc_subprocess::{Ending, ProcessSpec, process_table};

use crate::stage::{LONG, Stage, until};

/// Ticks into a file from a process in another session, so that no signal to the group alone can hold it. Ends when told.
const TICKING: &str = "setsid sh -c 'while ! [ -e enough ]; do echo >>ticks; sleep 0.02; done'";

/// Long enough for most machines to let a process run that is ready to.
const WHILE: Duration = Duration::from_millis(600);

fn ticks(stage: &Stage) -> usize {
    std::fs::read(stage.path("ticks")).map_or(0, |ticks| ticks.len())
}

/// How many ticks there are once everything below the guard is stopped: the pause may take a moment to reach it.
async fn stopped_at(stage: &Stage) -> usize {
    let below = || process_table::descendants_of(stage.guard_pids()[0]).expect("a process table");
    until(|| {
        let seen = below();
        let are_stopped = !seen.is_empty() && seen.iter().all(|process| is_stopped(process.id.pid));
        // What one of them started before it was stopped is seen now.
        are_stopped && below().len() == seen.len()
    })
    .await;
    ticks(stage)
}

/// The state is the third field of `proc_pid_stat(5)`; the second is the name, in parentheses. A zombie does nothing either.
fn is_stopped(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 'Z']))
}

#[tokio::test]
async fn a_paused_command_does_nothing_and_goes_on() {
    let stage = Stage::new(LONG);
    let control = async {
        until(|| ticks(&stage) > 2).await;
        stage.guards.pause();
        let paused_at = stopped_at(&stage).await;
        tokio::time::sleep(WHILE).await;
        assert_eq!(ticks(&stage), paused_at);
        stage.guards.resume();
        until(|| ticks(&stage) > paused_at).await;
        std::fs::write(stage.path("enough"), "").expect("a file");
    };
    let (report, ()) = tokio::join!(stage.run(stage.script(TICKING)), control);
    assert_eq!(report.ending, Ending::Exited { code: 0 });
}

/// The pause alone is longer than the timeout, which starts to run again afterwards and then ends the command.
#[tokio::test]
async fn a_pause_does_not_count_for_the_timeout() {
    let stage = Stage::new(LONG);
    let timeout = Duration::from_secs(5);
    let spec = ProcessSpec { timeout, ..stage.script(": >ready; exec sleep 3600") };
    let began = std::time::Instant::now();
    let control = async {
        until(|| stage.path("ready").exists()).await;
        stage.guards.pause();
        // Twice as long as what is asserted: the guard may be late to hear that it is to pause.
        tokio::time::sleep(2 * timeout).await;
        stage.guards.resume();
    };
    let (report, ()) = tokio::join!(stage.run(spec), control);
    let took = began.elapsed();
    assert_eq!(report.ending, Ending::TimedOut);
    assert!(took >= 2 * timeout, "the pause was left out: {took:?}");
    assert!(report.elapsed >= timeout && report.elapsed + timeout <= took, "{:?} of {took:?}", report.elapsed);
}

/// Nobody could be sure to have paused everything otherwise.
#[tokio::test]
async fn what_starts_during_a_pause_is_paused() {
    let stage = Stage::new(LONG);
    stage.guards.pause();
    let control = async {
        until(|| !stage.guard_pids().is_empty()).await;
        let before = stopped_at(&stage).await;
        tokio::time::sleep(WHILE).await;
        assert_eq!(ticks(&stage), before);
        stage.guards.resume();
        until(|| ticks(&stage) > before).await;
        std::fs::write(stage.path("enough"), "").expect("a file");
    };
    let (report, ()) = tokio::join!(stage.run(stage.script(TICKING)), control);
    assert_eq!(report.ending, Ending::Exited { code: 0 });
}
