//! Signals, raised in this very process: the one test here has it to itself.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use autoproc_domain::ports::{StopCause, StopLevel, StopRequest, StopSignal};
use autoproc_system::StopWatch;
use rustix::process::{Signal, getpid, kill_process};

const STEPS: [(Signal, StopLevel, StopLevel); 3] = [
    (Signal::HUP, StopLevel::Running, StopLevel::Draining),
    (Signal::INT, StopLevel::Draining, StopLevel::Aborting),
    (Signal::TERM, StopLevel::Aborting, StopLevel::Killing),
];

#[tokio::test]
async fn each_signal_raises_the_level_and_none_is_cleared() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("STOP-AUTONOMOUS");
    let watch = StopWatch::new(&path).expect("a thread").with_signals().expect("signals");
    for (signal, before, after) in STEPS {
        kill_process(getpid(), signal).expect("sent to ourselves");
        let raised = tokio::time::timeout(Duration::from_secs(30), watch.raised_above(before)).await;
        assert_eq!(raised.expect("raised in time"), StopRequest { level: after, cause: Some(StopCause::HangUp) });
    }
    std::fs::write(&path, "").expect("a file");
    assert!(watch.clear().await.expect("the file goes"));
    assert!(!path.exists());
    assert_eq!(watch.request(), StopRequest { level: StopLevel::Killing, cause: Some(StopCause::HangUp) });
}
