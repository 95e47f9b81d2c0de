//! How an attempt is ended: by its timeout, by an abort, by a kill; and what of it is left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use autoproc_domain::ports::{
    Attempt, AttemptOutcome, Orchestrator, StopLevel, StopRequest, StopSignal, StopSignalError,
};

use crate::stage::{BOUND, Stage, request, sh};

/// A command that cannot be asked, with a child that cannot either.
const STUBBORN: &str = "trap '' TERM; sleep 3600 & echo $! >child; echo $$ >leader; : >ready; wait; wait";

const SHORT: Duration = Duration::from_millis(100);

/// A grace that nothing else which takes its time can be mistaken for.
const NOTICEABLE: Duration = Duration::from_secs(1);

fn aborted() -> AttemptOutcome {
    AttemptOutcome::Aborted
}

/// The timeout is doubled until the command got as far as it is meant to.
#[tokio::test]
async fn a_timeout_ends_the_whole_group() {
    let mut stage = Stage::new();
    stage.grace = SHORT;
    let mut timeout = Duration::from_millis(100);
    while !stage.path("ready").exists() {
        timeout *= 2;
        let report = stage.run(sh(STUBBORN), Attempt { timeout, ..stage.attempt("file") }).await;
        assert_eq!(report.outcome, AttemptOutcome::TimedOut { after: timeout });
        let is_deaf = stage.path("ready").exists();
        assert!(!is_deaf || report.elapsed >= timeout + SHORT, "the grace is given: {:?}", report.elapsed);
    }
    stage.assert_gone("leader").await;
    stage.assert_gone("child").await;
}

#[tokio::test]
async fn an_abort_ends_the_whole_group() {
    let mut stage = Stage::new();
    stage.grace = SHORT;
    let (outcome, ()) = tokio::join!(stage.outcome(STUBBORN), stage.raise_at("ready", StopLevel::Aborting));
    assert_eq!(outcome, aborted());
    stage.assert_gone("leader").await;
    stage.assert_gone("child").await;
}

#[tokio::test]
async fn the_whole_grace_is_given() {
    let mut stage = Stage::new();
    stage.grace = NOTICEABLE;
    let raise = async {
        stage.raise_at("ready", StopLevel::Aborting).await;
        Instant::now()
    };
    let (outcome, raised) = tokio::join!(stage.outcome("trap '' TERM; : >ready; exec sleep 3600"), raise);
    assert_eq!(outcome, aborted());
    assert!(raised.elapsed() >= NOTICEABLE, "{:?}", raised.elapsed());
}

/// The grace is an hour: the test ends only because the commands do when they are asked.
#[tokio::test]
async fn the_grace_ends_when_the_group_is_empty() {
    let stage = Stage::new();
    let script = "(trap 'sleep 0.3; echo >cleaned; exit' TERM; : >ready; while :; do sleep 0.02; done) & wait";
    let (outcome, ()) = tokio::join!(stage.outcome(script), stage.raise_at("ready", StopLevel::Aborting));
    assert_eq!(outcome, aborted());
    assert!(stage.path("cleaned").exists(), "the leader's child was given its time");
}

#[tokio::test]
async fn success_after_the_request_to_terminate_is_still_an_abort() {
    let stage = Stage::new();
    let script = "trap 'exit 0' TERM; : >ready; while :; do sleep 0.02; done";
    let (outcome, ()) = tokio::join!(stage.outcome(script), stage.raise_at("ready", StopLevel::Aborting));
    assert_eq!(outcome, aborted());
}

#[tokio::test]
async fn killing_cuts_the_grace_short() {
    let stage = Stage::new();
    let stop = async {
        stage.raise_at("ready", StopLevel::Aborting).await;
        tokio::time::sleep(SHORT).await;
        stage.stop.raise(StopLevel::Killing);
    };
    let (outcome, ()) = tokio::join!(stage.outcome(STUBBORN), stop);
    assert_eq!(outcome, aborted());
    stage.assert_gone("child").await;
}

#[tokio::test]
async fn killing_gives_no_grace() {
    let stage = Stage::new();
    let (outcome, ()) = tokio::join!(stage.outcome(STUBBORN), stage.raise_at("ready", StopLevel::Killing));
    assert_eq!(outcome, aborted());
    stage.assert_gone("child").await;
}

#[tokio::test]
async fn draining_leaves_the_command_alone() {
    let stage = Stage::new();
    let go = async {
        stage.raise_at("ready", StopLevel::Draining).await;
        tokio::time::sleep(SHORT).await;
        std::fs::write(stage.path("go"), "").expect("a file");
    };
    let script = ": >ready; while ! [ -e go ]; do sleep 0.02; done";
    let (outcome, ()) = tokio::join!(stage.outcome(script), go);
    assert_eq!(outcome, AttemptOutcome::Succeeded);
}

#[tokio::test]
async fn nothing_starts_when_the_stop_level_is_at_aborting() {
    let stage = Stage::new();
    stage.stop.raise(StopLevel::Aborting);
    let report = stage.script(": >started").await;
    assert_eq!((report.outcome, report.elapsed), (aborted(), Duration::ZERO));
    assert!(!stage.logs().exists(), "nothing was made ready for a start");
}

#[tokio::test]
async fn what_a_command_leaves_in_its_group_is_asked_to_end() {
    let stage = Stage::new();
    let script = "(trap 'echo >cleaned; exit' TERM; : >ready; while :; do sleep 0.02; done) &
        while ! [ -e ready ]; do sleep 0.02; done; exit 3";
    assert_eq!(stage.outcome(script).await, AttemptOutcome::Exited { code: 3 });
    assert!(stage.path("cleaned").exists());
}

#[tokio::test]
async fn what_a_command_leaves_in_its_group_is_killed_after_the_grace() {
    let mut stage = Stage::new();
    stage.grace = SHORT;
    let report = stage.script("trap '' TERM; sleep 3600 & echo $! >child; exit 3").await;
    assert_eq!(report.outcome, AttemptOutcome::Exited { code: 3 });
    stage.assert_gone("child").await;
}

/// Answers "aborting" only once the command has ended, and before anybody could have read the report of it.
struct RaisedAtTheLastMoment<'a>(&'a Stage);

impl RaisedAtTheLastMoment<'_> {
    fn block_until_the_command_has_ended(&self) {
        std::fs::write(self.0.path("go"), "").expect("a file");
        let began = Instant::now();
        while began.elapsed() < BOUND && !self.has_ended() {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(self.has_ended());
    }

    fn has_ended(&self) -> bool {
        let pid = std::fs::read_to_string(self.0.path("pid")).unwrap_or_default();
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        pid.ends_with('\n') && (stat.is_empty() || stat.contains(") Z "))
    }
}

#[async_trait]
impl StopSignal for RaisedAtTheLastMoment<'static> {
    fn request(&self) -> StopRequest {
        StopRequest::NONE
    }

    async fn raised_above(&self, level: StopLevel) -> StopRequest {
        if level > StopLevel::Draining {
            std::future::pending::<()>().await;
        }
        self.block_until_the_command_has_ended();
        request(StopLevel::Aborting)
    }

    async fn clear(&self) -> Result<bool, StopSignalError> {
        Ok(false)
    }
}

#[tokio::test]
async fn success_in_the_moment_before_an_abort_counts() {
    let stage: &'static Stage = Box::leak(Box::new(Stage::new()));
    let orchestrator = stage.orchestrator(sh("while ! [ -e go ]; do sleep 0.01; done; echo $$ >pid"));
    let stop = Arc::new(RaisedAtTheLastMoment(stage));
    let report = orchestrator.execute(stage.attempt("file"), stop).await.expect("an outcome");
    assert_eq!(report.outcome, AttemptOutcome::Succeeded);
}
