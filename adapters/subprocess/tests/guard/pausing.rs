//! Pause and resume: everything stands still, and so does the clock.

use std::time::Duration;

use autoproc_subprocess::{Ending, ProcessSpec};

use crate::stage::{LONG, Stage, until};

/// Ticks into a file from a process in another session, so that no signal to the group alone can hold it. Ends when told.
const TICKING: &str = "setsid sh -c 'while ! [ -e enough ]; do echo >>ticks; sleep 0.02; done'";

/// As a loaded machine may need, to let processes run that are ready to.
const WHILE: Duration = Duration::from_millis(600);

fn ticks(stage: &Stage) -> usize {
    std::fs::read(stage.path("ticks")).map_or(0, |ticks| ticks.len())
}

/// How many ticks there are once no more come: the pause may take a moment to reach the processes.
async fn stands_still(stage: &Stage) -> usize {
    let mut before = usize::MAX;
    while before != ticks(stage) {
        before = ticks(stage);
        tokio::time::sleep(WHILE).await;
    }
    before
}

#[tokio::test]
async fn a_paused_command_does_nothing_and_goes_on() {
    let stage = Stage::new(LONG);
    let control = async {
        until(|| ticks(&stage) > 2).await;
        stage.guards.pause();
        let paused_at = stands_still(&stage).await;
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
        let before = stands_still(&stage).await;
        tokio::time::sleep(WHILE).await;
        assert_eq!(ticks(&stage), before);
        stage.guards.resume();
        until(|| ticks(&stage) > before).await;
        std::fs::write(stage.path("enough"), "").expect("a file");
    };
    let (report, ()) = tokio::join!(stage.run(stage.script(TICKING)), control);
    assert_eq!(report.ending, Ending::Exited { code: 0 });
}
