//! Tests the handling of signals. Must be the only test in its process.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use autoproc_domain::ports::{StopCause, StopLevel, StopRequest, StopSignal};
use autoproc_system::StopWatch;
use rustix::process::{Signal, getpid, kill_process};

const STEPS: [(StopLevel, StopLevel); 3] = [
    (StopLevel::Running, StopLevel::Draining),
    (StopLevel::Draining, StopLevel::Aborting),
    (StopLevel::Aborting, StopLevel::Killing),
];

fn signals() -> ([Signal; 3], StopCause) {
    if is_hang_up_ignored() {
        ([Signal::INT, Signal::TERM, Signal::INT], StopCause::Interrupt)
    } else {
        ([Signal::HUP, Signal::INT, Signal::TERM], StopCause::HangUp)
    }
}

fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.is_some_and(|hex| u64::from_str_radix(hex.trim(), 16).expect("a number") & 1 == 1)
}

async fn raised_above(watch: &StopWatch, level: StopLevel) -> StopRequest {
    let raised = tokio::time::timeout(Duration::from_secs(30), watch.raised_above(level)).await;
    raised.expect("raised in time")
}

#[tokio::test]
async fn signals_raise_the_level() {
    each_signal_raises_the_level_and_clearing_keeps_it().await;
    a_drain_ends_after_its_time_without_a_stop_file_too().await;
}

async fn a_drain_ends_after_its_time_without_a_stop_file_too() {
    let watch = StopWatch::without_file().expect("a thread");
    let watch = watch.with_drain_timeout(Duration::from_millis(1)).with_signals().expect("signals");
    kill_process(getpid(), Signal::TERM).expect("sent to ourselves");
    let expected = StopRequest { level: StopLevel::Aborting, cause: Some(StopCause::Terminate) };
    assert_eq!(raised_above(&watch, StopLevel::Draining).await, expected);
}

async fn each_signal_raises_the_level_and_clearing_keeps_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("STOP-AUTONOMOUS");
    let watch = StopWatch::new(&path).expect("a thread").with_signals().expect("signals");
    let (signals, first) = signals();
    let by_signal = |level| StopRequest { level, cause: Some(first) };
    for (signal, (before, after)) in signals.into_iter().zip(STEPS) {
        // A second signal within half a second after the first one would be ignored.
        tokio::time::sleep(Duration::from_millis(550)).await;
        kill_process(getpid(), signal).expect("sent to ourselves");
        assert_eq!(raised_above(&watch, before).await, by_signal(after));
    }
    std::fs::write(&path, "").expect("a file");
    assert!(watch.clear().await.expect("the file goes"));
    assert!(!path.exists());
    assert_eq!(watch.request(), by_signal(StopLevel::Killing));
}
