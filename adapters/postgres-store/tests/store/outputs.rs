use std::sync::{Arc, Mutex};
use std::time::Duration;

use autoproc_domain::item::{AttemptNumber, ClaimNumber};
use autoproc_domain::ports::{AttemptRef, Observer, RunEvent, RunEventKind, Storage};
use autoproc_domain::{FilePath, ItemId, RunId};
use autoproc_postgres_store::{OutputEnd, PostgresStore};
use autoproc_testkit::block_on;

use crate::proxy::Proxy;
use crate::queue::{NOW, Queue, begin};

fn ended(claim: Option<u64>) -> RunEvent {
    let of = AttemptRef {
        id: ItemId::new(7),
        file_path: FilePath::new("/a").unwrap(),
        round: 1,
        attempt: AttemptNumber::FIRST,
        claim: claim.map(ClaimNumber::new),
    };
    RunEvent { at: NOW, run: RunId::new("run"), kind: RunEventKind::ResultDiscarded { of } }
}

fn output(of: &AttemptRef) -> OutputEnd {
    let claim = of.claim.unwrap().get();
    OutputEnd { file: format!("/logs/{claim}.log").into(), bytes: 1000 + claim, ending: b"the \0 end".to_vec() }
}

fn claims(store: &PostgresStore) -> Vec<u64> {
    let outputs = block_on(store.stored_outputs(ItemId::new(7))).unwrap();
    outputs.iter().map(|stored| stored.claim.get()).collect()
}

#[test]
fn the_ends_of_outputs_are_stored_after_their_attempts() {
    let Some(queue) = Queue::create() else { return };
    let (store, other) = (queue.open(), queue.open());
    begin(&store, "run");
    let log = store.event_log(Arc::new(|warning: &str| panic!("{warning}")));
    log.observe(&ended(Some(1)));
    block_on(store.close()).unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    store.store_outputs(move |of| {
        seen.lock().unwrap().push(of.claim.unwrap().get());
        (of.claim != Some(ClaimNumber::new(3))).then(|| output(of))
    });
    let started = RunEventKind::FileStarted {
        of: ended(Some(9)).kind.attempt().unwrap().clone(),
        size_bytes: None,
        recipe: None,
    };
    log.observe(&RunEvent { kind: started, ..ended(None) });
    log.observe(&ended(None));
    for claim in 2..40 {
        log.observe(&ended(Some(claim)));
    }
    block_on(store.close()).unwrap();
    assert_eq!(*asked.lock().unwrap(), (2..40).collect::<Vec<_>>());
    assert_eq!(claims(&other), [2].into_iter().chain(4..40).collect::<Vec<_>>());
    let stored = block_on(other.stored_outputs(ItemId::new(7))).unwrap().swap_remove(0);
    assert_eq!((&*stored.host, stored.attempt), ("here", AttemptNumber::FIRST));
    assert_eq!(stored.output, output(ended(Some(2)).kind.attempt().unwrap()));
    assert_eq!(block_on(other.stored_outputs(ItemId::new(8))).unwrap(), []);
}

#[test]
fn outputs_whose_answer_was_lost_are_stored_once() {
    let Some(queue) = Queue::create() else { return };
    let proxy = Arc::new(Proxy::start(queue.server().socket()));
    let store = PostgresStore::open(queue.options_at(&proxy.address())).unwrap();
    begin(&store, "run");
    let losing = proxy.clone();
    store.store_outputs(move |of| {
        losing.lose_next_insertion();
        Some(output(of))
    });
    let log = store.event_log(Arc::new(|_: &str| {}));
    log.observe(&ended(Some(1)));
    block_on(store.close()).unwrap();
    assert_eq!(claims(&store), [1]);
}

#[test]
fn old_outputs_are_removed() {
    let Some(queue) = Queue::create() else { return };
    let store = queue.open();
    begin(&store, "run");
    store.store_outputs(|of| Some(output(of)));
    let log = store.event_log(Arc::new(|_: &str| {}));
    for claim in [1, 2] {
        log.observe(&ended(Some(claim)));
    }
    block_on(store.close()).unwrap();
    queue.execute("update attempt_output set at_us = at_us - 3600000000 where claim = 1");
    block_on(store.prune_outputs(Duration::from_secs(3_601))).unwrap();
    assert_eq!(claims(&store), [1, 2]);
    block_on(store.prune_outputs(Duration::from_secs(3_599))).unwrap();
    assert_eq!(claims(&store), [2]);
}
