//! Tests the port implementations in the domain crate.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::attempt::AttemptRef;
use autoproc_domain::item::AttemptNumber;
use autoproc_domain::memory::MemoryStorage;
use autoproc_domain::ports::{
    Begun, FileSizes, History, HistoryError, HistoryQuery, InProcessReaper, NeverStop, OpenGate, PastAttempt,
    PastEvent, Reaper, RunFilter, RunsSummary, StartFault, StartGate, StopLevel, StopRequest, StopSignal, Storage,
    UnknownSizes,
};
use autoproc_domain::request::{Enqueue, NewItem, Scope};
use autoproc_domain::{FilePath, ItemId, RunId, Timestamp};
use autoproc_testkit::block_on;
use futures_util::poll;

fn path(text: &str) -> FilePath {
    FilePath::new(text).expect("an absolute path")
}

#[test]
fn unknown_sizes_are_one_for_each_file() {
    assert_eq!(block_on(UnknownSizes.sizes_of(vec![path("/a"), path("/b")])), [None, None]);
    assert_eq!(block_on(UnknownSizes.sizes_of(Vec::new())), []);
}

#[test]
fn what_never_happens_is_waited_for() {
    block_on(async {
        assert_eq!((NeverStop.request(), NeverStop.clear().await.expect("no error")), (StopRequest::NONE, false));
        let stop = NeverStop.raised_above(StopLevel::Running);
        assert!(poll!(stop).is_pending());
        assert_eq!(OpenGate.pressure(), None);
        assert_eq!(poll!(OpenGate.changed_from(None)), Poll::Pending);
    });
}

#[test]
fn a_reaper_of_one_process_is_nowhere() {
    let here = InProcessReaper::default().location();
    assert_eq!((&*here.host, &*here.boot, here.pid), ("", "", 0));
}

#[test]
fn clones_of_a_store_in_memory_share_the_queue() {
    let (first, second) = (MemoryStorage::new(), MemoryStorage::new());
    let shared = first.clone();
    let request = Enqueue::new(vec![NewItem::new(path("/a"))]);
    block_on(first.enqueue(request, Timestamp::from_micros(0))).expect("the store works");
    let pending = |store: &MemoryStorage| block_on(store.counts(Scope::Queue)).expect("the store works").pending;
    assert_eq!((pending(&shared), pending(&second)), (1, 0));
}

struct IsWoken(AtomicBool);

impl Wake for IsWoken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn every_task_that_waits_for_a_change_is_woken() {
    let store = MemoryStorage::new();
    let tasks = [(); 2].map(|()| Arc::new(IsWoken(AtomicBool::new(false))));
    let mut waits = [store.changed(), store.changed()];
    for (wait, task) in waits.iter_mut().zip(&tasks) {
        let waker = Waker::from(task.clone());
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    let request = Enqueue::new(vec![NewItem::new(path("/a"))]);
    block_on(store.clone().enqueue(request, Timestamp::from_micros(0))).expect("the store works");
    assert!(tasks.iter().all(|task| task.0.load(Ordering::Relaxed)));
}

#[test]
fn a_registration_without_a_lease_shows_this() {
    assert_eq!(format!("{:?}", Begun::without_lease(Vec::new())), "Begun { others: [], lease: None }");
}

#[test]
fn only_a_temporary_fault_may_pass() {
    assert!(StartFault::Missing.is_permanent() && StartFault::Permanent.is_permanent());
    assert!(!StartFault::Temporary.is_permanent() && !StartFault::Shortage.is_permanent());
}

struct OneAttempt;

fn attempt(run: &RunId) -> PastAttempt {
    PastAttempt {
        of: AttemptRef {
            id: ItemId::new(1),
            file_path: path("/a"),
            round: 1,
            attempt: AttemptNumber::FIRST,
            claim: None,
        },
        run: run.clone(),
        started_at: (run.as_str() == "begun").then(|| Timestamp::from_micros(3)),
        end: None,
        elapsed: Some(Duration::from_micros(5)),
        usage: None,
        error: None,
        size_bytes: None,
        recipe: None,
        input_changed: false,
    }
}

#[async_trait]
impl History for OneAttempt {
    async fn attempts(&self, query: HistoryQuery) -> Result<Vec<PastAttempt>, HistoryError> {
        Ok(query.run.iter().map(attempt).collect())
    }

    async fn events(&self, _: HistoryQuery) -> Result<Vec<PastEvent>, HistoryError> {
        unreachable!("no events are read")
    }

    async fn runs(&self, _: RunFilter) -> Result<RunsSummary, HistoryError> {
        unreachable!("no runs are read")
    }
}

#[test]
fn by_default_the_attempts_of_each_run_are_visited_with_their_ends() {
    let visited = Arc::new(Mutex::new(Vec::new()));
    let seen = visited.clone();
    let visit = Box::new(move |attempt: PastAttempt, ended_at| {
        seen.lock().expect("no panic").push((attempt.run.to_string(), ended_at));
    });
    let runs = vec![RunId::new("begun"), RunId::new("other")];
    block_on(OneAttempt.visit_attempts(runs, visit)).expect("the history works");
    let expected = [("begun".to_owned(), Some(Timestamp::from_micros(8))), ("other".to_owned(), None)];
    assert_eq!(*visited.lock().expect("no panic"), expected);
}
