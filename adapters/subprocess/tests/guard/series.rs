//! Several commands that one guard runs one after the other.

use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ports::StopLevel;
use autoproc_subprocess::{Ending, GuardSettings, ProcessNews, ProcessSpec};
use autoproc_testkit::{ScriptedStop, StopFile};
use futures_util::stream::StreamExt;

use crate::stage::{BOUND, LONG, Stage, until};

/// What was heard, in a form that can be compared.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Over(Ending),
    NotBegun(usize),
}

const WELL: Heard = Heard::Over(Ending::Exited { code: 0 });

async fn run(stage: &Stage, specs: Vec<ProcessSpec>, stop: ScriptedStop) -> Vec<Heard> {
    let news = stage.guards.run_series(specs, Arc::new(stop)).map(|news| match news {
        ProcessNews::Over(report) => Heard::Over(report.expect("an ending").ending),
        ProcessNews::NotBegun(count) => Heard::NotBegun(count),
    });
    tokio::time::timeout(BOUND, news.collect()).await.expect("over in time")
}

/// Each in the order of the series, by the same guard, and none beside another.
#[tokio::test]
async fn commands_of_a_series_follow_each_other() {
    let stage = Stage::new(LONG);
    let script = |number: u32| {
        stage.script(&format!(
            "mkdir alone && echo {number} >>order && echo $PPID >>parents && sleep 0.01 && rmdir alone"
        ))
    };
    let heard = run(&stage, (0..8).map(script).collect(), ScriptedStop::alone()).await;
    assert_eq!(heard.len(), 8);
    assert!(heard.iter().all(|one| *one == WELL), "{heard:?}");
    assert_eq!(stage.read("order").lines().collect::<String>(), "01234567");
    assert_eq!(stage.guard_pids().len(), 1);
    // And it is free for the next.
    assert_eq!(stage.run(stage.script("echo $PPID >>parents")).await.ending, Ending::Exited { code: 0 });
    let parents = stage.read("parents");
    assert!(parents.lines().all(|parent| parent == parents.lines().next().expect("a line")), "{parents}");
}

#[tokio::test]
async fn nothing_follows_what_did_not_end_well() {
    for (script, timeout, ending) in [
        ("exit 3", LONG, Ending::Exited { code: 3 }),
        ("kill -9 $$", LONG, Ending::Signalled { signal: 9 }),
        ("sleep 3600", Duration::from_millis(50), Ending::TimedOut),
    ] {
        let stage = Stage::new(Duration::ZERO);
        let bad = ProcessSpec { timeout, ..stage.script(script) };
        let other = || stage.script(": >begun");
        let heard = run(&stage, vec![stage.script("true"), bad, other(), other()], ScriptedStop::alone()).await;
        assert_eq!(heard, [WELL, Heard::NotBegun(2), Heard::Over(ending)]);
        assert!(!stage.path("begun").exists());
    }
}

#[tokio::test]
async fn a_command_that_cannot_start_is_followed_by_none() {
    let stage = Stage::new(LONG);
    let missing = ProcessSpec { program: "/no/such/program".into(), ..stage.script("") };
    let heard = run(&stage, vec![missing, stage.script(": >begun")], ScriptedStop::alone()).await;
    assert!(
        matches!(&*heard, [Heard::NotBegun(1), Heard::Over(Ending::CannotStart { permanent: true, .. })]),
        "{heard:?}"
    );
    assert!(!stage.path("begun").exists());
}

/// Whoever waits behind a long command may be wanted elsewhere.
#[tokio::test]
async fn what_waits_for_long_is_given_back_before_the_long_one_ends() {
    let give_back_after = Duration::from_millis(200);
    let stage = Stage::with(LONG, |settings| GuardSettings { give_back_after, ..settings });
    let long = stage.script("while ! [ -e end ]; do sleep 0.01; done");
    let specs = vec![long, stage.script(": >begun")];
    let mut news = stage.guards.run_series(specs, Arc::new(ScriptedStop::alone()));
    let mut next = async || tokio::time::timeout(BOUND, news.next()).await.expect("in time").expect("news");
    assert!(matches!(next().await, ProcessNews::NotBegun(1)));
    std::fs::write(stage.path("end"), "").expect("written");
    assert!(matches!(next().await, ProcessNews::Over(Ok(report)) if report.ending == Ending::Exited { code: 0 }));
    assert!(tokio::time::timeout(BOUND, news.next()).await.expect("in time").is_none());
    assert!(!stage.path("begun").exists());
}

/// What is heard of short commands may be late, but not for as long as a long one takes after them.
#[tokio::test]
async fn a_report_does_not_wait_for_the_next_command_to_end() {
    let stage = Stage::new(LONG);
    let long = stage.script("while ! [ -e heard ]; do sleep 0.01; done");
    let mut news = stage.guards.run_series(vec![stage.script("true"), long], Arc::new(ScriptedStop::alone()));
    let first = tokio::time::timeout(BOUND, news.next()).await.expect("in time");
    assert!(matches!(first, Some(ProcessNews::Over(Ok(_)))), "{first:?}");
    std::fs::write(stage.path("heard"), "").expect("written");
    let rest = tokio::time::timeout(BOUND, news.collect::<Vec<_>>()).await.expect("over in time");
    assert!(matches!(&*rest, [ProcessNews::Over(Ok(_))]), "{rest:?}");
}

/// A stop lets what runs go on, and an abort does not; neither lets another begin.
#[tokio::test]
async fn nothing_begins_after_a_stop() {
    let begun = "echo >>begun; while ! [ -e end ]; do sleep 0.01; done";
    for level in [StopLevel::Draining, StopLevel::Aborting, StopLevel::Killing] {
        let stage = Stage::new(LONG);
        let file = StopFile::new();
        let series = run(&stage, vec![stage.script(begun), stage.script(begun)], file.signal_for_a_run());
        let ask = async {
            until(|| stage.path("begun").exists()).await;
            file.ask(level);
            // After this the guard was told, so it knows when the command ends.
            tokio::task::yield_now().await;
            if level == StopLevel::Draining {
                std::fs::write(stage.path("end"), "").expect("written");
            }
        };
        let (heard, ()) = tokio::join!(series, ask);
        let ending = if level == StopLevel::Draining { Ending::Exited { code: 0 } } else { Ending::Aborted };
        assert_eq!(heard, [Heard::NotBegun(1), Heard::Over(ending)], "{level:?}");
        assert_eq!(stage.read("begun"), "\n");
    }
}

/// Where a stop stands already the first begins, as it does by itself; where it is an abort, not even that.
#[tokio::test]
async fn after_a_stop_only_the_first_begins() {
    for (level, ending) in [(StopLevel::Draining, Ending::Exited { code: 0 }), (StopLevel::Aborting, Ending::Aborted)] {
        let stage = Stage::new(LONG);
        let file = StopFile::new();
        let stop = file.signal_for_a_run();
        file.ask(level);
        let heard = run(&stage, vec![stage.script("true"), stage.script(": >begun")], stop).await;
        assert_eq!(heard, [Heard::NotBegun(1), Heard::Over(ending)], "{level:?}");
        assert!(!stage.path("begun").exists());
    }
}

/// Nobody can tell which of them had begun, so each counts as one that lost its guard.
#[tokio::test]
async fn all_that_is_unheard_of_is_lost_with_the_guard() {
    let stage = Stage::new(LONG);
    let specs = vec![stage.script("true"), stage.script("kill -9 $PPID; sleep 3600"), stage.script(": >begun")];
    let heard = run(&stage, specs, ScriptedStop::alone()).await;
    assert_eq!(heard.len(), 3);
    assert!(heard.iter().all(|one| *one == WELL || *one == Heard::Over(Ending::GuardDied)), "{heard:?}");
    assert_eq!(heard[1..], [Heard::Over(Ending::GuardDied), Heard::Over(Ending::GuardDied)]);
    assert!(!stage.path("begun").exists());
}

/// Nobody knows how long it lasts.
#[tokio::test]
async fn nothing_begins_after_a_pause() {
    let stage = Stage::new(LONG);
    let begun = "echo >>begun; while ! [ -e end ]; do sleep 0.01; done";
    let series = run(&stage, vec![stage.script(begun), stage.script(begun)], ScriptedStop::alone());
    let pause = async {
        until(|| stage.path("begun").exists()).await;
        stage.guards.pause();
        std::fs::write(stage.path("end"), "").expect("written");
        stage.guards.resume();
    };
    let (heard, ()) = tokio::join!(series, pause);
    assert_eq!(heard, [Heard::NotBegun(1), WELL]);
    assert_eq!(stage.read("begun"), "\n");
}

/// All of them together are longer than any message, so the first goes alone.
#[tokio::test]
async fn a_series_too_long_for_a_message_becomes_shorter() {
    let stage = Stage::new(LONG);
    let mut large = stage.script(": >>begun");
    large.log = None;
    large.environment = (0..33).map(|number| (format!("V{number}").into(), "x".repeat(1 << 20).into())).collect();
    let heard = run(&stage, vec![large.clone(), large], ScriptedStop::alone()).await;
    assert!(matches!(&*heard, [Heard::NotBegun(1), Heard::Over(Ending::CannotStart { .. })]), "{heard:?}");
}
