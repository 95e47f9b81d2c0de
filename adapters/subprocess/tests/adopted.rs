//! A process that adopts orphans, as the first one of a container does. The one test here has this process to itself.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]
#![cfg(target_os = "linux")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::item::{AttemptNumber, ClaimNumber, ClaimToken};
use autoproc_domain::ports::{
    Attempt, AttemptOutcome, Orchestrator, StopLevel, StopRequest, StopSignal, StopSignalError,
};
use autoproc_domain::{FilePath, ItemId, RunId, Timestamp};
use autoproc_subprocess::{CommandLine, CommandOrchestrator, Settings};
use rustix::process::{getpid, set_child_subreaper};

/// A grace that the test does not outlive.
const LONG: Duration = Duration::from_secs(3600);

struct Never;

#[async_trait]
impl StopSignal for Never {
    fn request(&self) -> StopRequest {
        StopRequest::NONE
    }

    async fn raised_above(&self, _: StopLevel) -> StopRequest {
        std::future::pending().await
    }

    async fn clear(&self) -> Result<bool, StopSignalError> {
        Ok(false)
    }
}

fn attempt() -> Attempt {
    Attempt {
        token: ClaimToken { item: ItemId::new(1), number: ClaimNumber::new(1) },
        run: RunId::new("run-1"),
        file_path: FilePath::new("/file").expect("a path"),
        number: AttemptNumber::new(1).expect("not zero"),
        max_attempts: 4,
        timeout: LONG,
        deadline: Timestamp::MAX,
    }
}

/// Nobody else reaps what the command leaves to us: were it left, its group would never be empty.
#[tokio::test]
async fn orphans_that_come_to_us_are_reaped() {
    set_child_subreaper(Some(getpid())).expect("a subreaper");
    let dir = tempfile::tempdir().expect("a folder");
    let settings = Settings { grace: LONG, attempts_dir: dir.path().join("logs"), working_dir: None };
    let line = CommandLine::argv(["sh", "-c", "sleep 3600 & exit 3"]).expect("valid");
    let orchestrator = CommandOrchestrator::new(line, settings);
    let over = tokio::time::timeout(Duration::from_secs(60), orchestrator.execute(attempt(), Arc::new(Never)));
    let report = over.await.expect("over in time").expect("watched to its end");
    assert_eq!(report.outcome, AttemptOutcome::Exited { code: 3 });
}
