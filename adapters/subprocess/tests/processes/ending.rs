use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use autoproc_domain::ports::{
    Attempt, AttemptOutcome, Orchestrator, StopLevel, StopRequest, StopSignal, StopSignalError,
};

use crate::fixture::{Fixture, TIMEOUT, sh};
use crate::stop::request;

const STUBBORN: &str = "trap '' TERM; sleep 3600 & echo $! >child; echo $$ >leader; : >ready; wait; wait";

const SHORT: Duration = Duration::from_millis(100);

const LONG_GRACE: Duration = Duration::from_secs(1);

fn aborted() -> AttemptOutcome {
    AttemptOutcome::Aborted
}

#[tokio::test]
async fn a_timeout_ends_the_whole_group() {
    let mut fixture = Fixture::new();
    fixture.grace = SHORT;
    let mut timeout = Duration::from_millis(100);
    while !fixture.path("ready").exists() {
        timeout *= 2;
        let report = fixture.run(sh(STUBBORN), Attempt { timeout, ..fixture.attempt("file") }).await;
        assert_eq!(report.outcome, AttemptOutcome::TimedOut { after: timeout });
        let is_ready = fixture.path("ready").exists();
        assert!(!is_ready || report.elapsed >= timeout + SHORT, "the grace is kept: {:?}", report.elapsed);
    }
    fixture.assert_gone("leader").await;
    fixture.assert_gone("child").await;
}

#[tokio::test]
async fn an_abort_ends_the_whole_group() {
    let mut fixture = Fixture::new();
    fixture.grace = SHORT;
    let (outcome, ()) = tokio::join!(fixture.outcome(STUBBORN), fixture.raise_at("ready", StopLevel::Aborting));
    assert_eq!(outcome, aborted());
    fixture.assert_gone("leader").await;
    fixture.assert_gone("child").await;
}

#[tokio::test]
async fn the_whole_grace_passes_before_the_kill() {
    let mut fixture = Fixture::new();
    fixture.grace = LONG_GRACE;
    let raise = async {
        fixture.raise_at("ready", StopLevel::Aborting).await;
        Instant::now()
    };
    let (outcome, raised) = tokio::join!(fixture.outcome("trap '' TERM; : >ready; exec sleep 3600"), raise);
    assert_eq!(outcome, aborted());
    assert!(raised.elapsed() >= LONG_GRACE, "{:?}", raised.elapsed());
}

#[tokio::test]
async fn the_grace_ends_when_the_group_is_empty() {
    let fixture = Fixture::new();
    let script = "(trap 'sleep 0.3; echo >cleaned; exit' TERM; : >ready; while :; do sleep 0.02; done) & wait";
    let (outcome, ()) = tokio::join!(fixture.outcome(script), fixture.raise_at("ready", StopLevel::Aborting));
    assert_eq!(outcome, aborted());
    assert!(fixture.path("cleaned").exists(), "the leader's child was not killed");
}

#[tokio::test]
async fn success_after_the_request_to_terminate_is_still_an_abort() {
    let fixture = Fixture::new();
    let script = "trap 'exit 0' TERM; : >ready; while :; do sleep 0.02; done";
    let (outcome, ()) = tokio::join!(fixture.outcome(script), fixture.raise_at("ready", StopLevel::Aborting));
    assert_eq!(outcome, aborted());
}

#[tokio::test]
async fn killing_cuts_the_grace_short() {
    let fixture = Fixture::new();
    let stop = async {
        fixture.raise_at("ready", StopLevel::Aborting).await;
        tokio::time::sleep(SHORT).await;
        fixture.stop.raise(StopLevel::Killing);
    };
    let (outcome, ()) = tokio::join!(fixture.outcome(STUBBORN), stop);
    assert_eq!(outcome, aborted());
    fixture.assert_gone("child").await;
}

#[tokio::test]
async fn killing_gives_no_grace() {
    let fixture = Fixture::new();
    let (outcome, ()) = tokio::join!(fixture.outcome(STUBBORN), fixture.raise_at("ready", StopLevel::Killing));
    assert_eq!(outcome, aborted());
    fixture.assert_gone("child").await;
}

#[tokio::test]
async fn draining_leaves_the_command_alone() {
    let fixture = Fixture::new();
    let go = async {
        fixture.raise_at("ready", StopLevel::Draining).await;
        tokio::time::sleep(SHORT).await;
        std::fs::write(fixture.path("go"), "").expect("a file");
    };
    let script = ": >ready; while ! [ -e go ]; do sleep 0.02; done";
    let (outcome, ()) = tokio::join!(fixture.outcome(script), go);
    assert_eq!(outcome, AttemptOutcome::Succeeded);
}

#[tokio::test]
async fn nothing_starts_when_the_stop_level_is_at_aborting() {
    let fixture = Fixture::new();
    fixture.stop.raise(StopLevel::Aborting);
    let report = fixture.script(": >started").await;
    assert_eq!((report.outcome, report.elapsed), (aborted(), Duration::ZERO));
    assert!(!fixture.logs().exists(), "nothing was prepared");
}

#[tokio::test]
async fn leftovers_in_the_group_receive_sigterm() {
    let fixture = Fixture::new();
    let script = "(trap 'echo >cleaned; exit' TERM; : >ready; while :; do sleep 0.02; done) &
        while ! [ -e ready ]; do sleep 0.02; done; exit 3";
    assert_eq!(fixture.outcome(script).await, AttemptOutcome::Exited { code: 3 });
    assert!(fixture.path("cleaned").exists());
}

#[tokio::test]
async fn leftovers_in_the_group_are_killed_after_the_grace() {
    let mut fixture = Fixture::new();
    fixture.grace = SHORT;
    let report = fixture.script("trap '' TERM; sleep 3600 & echo $! >child; exit 3").await;
    assert_eq!(report.outcome, AttemptOutcome::Exited { code: 3 });
    fixture.assert_gone("child").await;
}

/// Requests an abort between the end of the command and the report of the end.
struct RaisedAtTheLastMoment<'a>(&'a Fixture);

impl RaisedAtTheLastMoment<'_> {
    fn block_until_the_command_has_ended(&self) {
        std::fs::write(self.0.path("go"), "").expect("a file");
        let started_at = Instant::now();
        while started_at.elapsed() < TIMEOUT && !self.has_ended() {
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
async fn success_just_before_an_abort_counts() {
    let fixture: &'static Fixture = Box::leak(Box::new(Fixture::new()));
    let orchestrator = fixture.orchestrator(sh("while ! [ -e go ]; do sleep 0.01; done; echo $$ >pid"));
    let stop = Arc::new(RaisedAtTheLastMoment(fixture));
    let report = orchestrator.execute(fixture.attempt("file"), stop).await.expect("an outcome");
    assert_eq!(report.outcome, AttemptOutcome::Succeeded);
}
