//! Tests of the stop watch with real files.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use autoproc_domain::ports::{StopCause, StopLevel, StopRequest, StopSignal};
use autoproc_system::{StopWatch, write_stop_request};
use tempfile::TempDir;
use tokio::time::timeout;

const TIMEOUT: Duration = Duration::from_secs(30);

fn temp_path() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("STOP-AUTONOMOUS");
    (dir, path)
}

fn by_file(level: StopLevel) -> StopRequest {
    StopRequest { level, cause: Some(StopCause::StopFile) }
}

async fn raised_above(watch: &StopWatch, level: StopLevel) -> StopRequest {
    timeout(TIMEOUT, watch.raised_above(level)).await.expect("raised in time")
}

#[tokio::test]
async fn a_standing_request_is_published_at_once() {
    let (_dir, path) = temp_path();
    assert_eq!(StopWatch::new(&path).expect("a thread").request(), StopRequest::NONE);
    std::fs::write(&path, "").expect("a file");
    let watch = StopWatch::new(&path).expect("a thread");
    assert_eq!(watch.request(), by_file(StopLevel::Draining));
    assert_eq!(raised_above(&watch, StopLevel::Running).await, by_file(StopLevel::Draining));
}

#[tokio::test]
async fn a_request_is_noticed_and_so_is_its_upgrade() {
    let (_dir, path) = temp_path();
    let watch = StopWatch::new(&path).expect("a thread");
    std::fs::write(&path, "").expect("a file");
    assert_eq!(raised_above(&watch, StopLevel::Running).await, by_file(StopLevel::Draining));
    write_stop_request(&path, true).expect("written");
    assert_eq!(raised_above(&watch, StopLevel::Draining).await, by_file(StopLevel::Aborting));
    assert_eq!(watch.request(), by_file(StopLevel::Aborting));
}

#[tokio::test]
async fn a_request_outlives_its_file_until_it_is_cleared() {
    let (_dir, path) = temp_path();
    write_stop_request(&path, false).expect("written");
    let watch = StopWatch::new(&path).expect("a thread");
    std::fs::remove_file(&path).expect("removed");
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(StopWatch::new(&path).expect("a thread").request(), StopRequest::NONE);
    assert_eq!(watch.request(), by_file(StopLevel::Draining));
    assert!(watch.clear().await.expect("cleared"));
    assert_eq!(watch.request(), StopRequest::NONE);
}

#[tokio::test]
async fn after_clearing_a_new_request_counts_again() {
    let (_dir, path) = temp_path();
    write_stop_request(&path, true).expect("written");
    let watch = StopWatch::new(&path).expect("a thread");
    assert!(watch.clear().await.expect("cleared"));
    assert!(!path.exists());
    assert_eq!(watch.request(), StopRequest::NONE);
    assert!(!watch.clear().await.expect("nothing to clear"));
    write_stop_request(&path, false).expect("written");
    assert_eq!(raised_above(&watch, StopLevel::Running).await, by_file(StopLevel::Draining));
}

#[tokio::test]
async fn a_request_that_cannot_be_cleared_stands() {
    let (_dir, path) = temp_path();
    std::fs::create_dir(&path).expect("a folder");
    let watch = StopWatch::new(&path).expect("a thread");
    watch.clear().await.expect_err("a folder is in the way");
    assert_eq!(watch.request(), by_file(StopLevel::Draining));
}

#[test]
fn the_drop_does_not_wait_for_the_next_read() {
    let (_dir, path) = temp_path();
    let began = Instant::now();
    for _ in 0..200 {
        drop(StopWatch::new(&path).expect("a thread").with_signals().expect("signals"));
    }
    assert!(began.elapsed() < TIMEOUT, "200 intervals would take 40 s: {:?}", began.elapsed());
}
