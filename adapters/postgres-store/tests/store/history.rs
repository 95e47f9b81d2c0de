use std::sync::{Arc, Mutex};

use autoproc_domain::ports::{History, HistoryQuery, Observer, RunEvent, RunEventKind, RunFilter, Storage};
use autoproc_domain::view::Counts;
use autoproc_domain::{RunId, Timestamp};
use autoproc_postgres_store::PostgresStore;
use autoproc_testkit::block_on;
use autoproc_testkit::conformance::history::{exercise_entries, exercise_runs, exercise_visits};

use crate::proxy::Proxy;
use crate::queue::Queue;

pub(crate) fn no_warning() -> Arc<dyn Fn(&str) + Send + Sync> {
    Arc::new(|warning: &str| panic!("{warning}"))
}

fn event(second: i64, kind: RunEventKind) -> RunEvent {
    RunEvent { at: Timestamp::from_micros(second * 1_000_000), run: RunId::new("run"), kind }
}

fn started() -> RunEventKind {
    RunEventKind::ProcessorStarted { jobs: 1, counts: Counts::default() }
}

fn names(store: &PostgresStore) -> Vec<String> {
    let events = block_on(store.events(HistoryQuery::default())).unwrap();
    events.into_iter().map(|event| event.name.to_string()).collect()
}

#[test]
fn the_history_of_runs_conforms() {
    let Some(queue) = Queue::create() else { return };
    let store = queue.open();
    block_on(exercise_runs(&store.event_log(no_warning()), &store)).unwrap();
}

#[test]
fn the_history_of_attempts_and_events_conforms() {
    let Some(queue) = Queue::create() else { return };
    let store = queue.open();
    block_on(exercise_entries(&store.event_log(no_warning()), &store)).unwrap();
}

#[test]
fn the_visits_of_attempts_conform() {
    let Some(queue) = Queue::create() else { return };
    let store = queue.open();
    block_on(exercise_visits(&store.event_log(no_warning()), &store)).unwrap();
}

#[test]
fn closing_a_store_writes_its_events() {
    let Some(queue) = Queue::create() else { return };
    let (store, other) = (queue.open(), queue.open());
    let log = store.event_log(no_warning());
    for second in 0..1_200 {
        log.observe(&event(second, RunEventKind::StartsResumed { because: None }));
    }
    log.observe(&event(1_200, started()));
    block_on(store.close()).unwrap();
    let names = names(&other);
    assert_eq!((names.len(), names[998].as_str(), names[999].as_str()), (1000, "starts_resumed", "processor_started"));
    let runs = block_on(other.runs(RunFilter::Latest(1))).unwrap().runs;
    assert_eq!(runs[0].started_at, Some(event(1_200, started()).at));
}

#[test]
fn events_whose_answer_was_lost_are_recorded_once() {
    let Some(queue) = Queue::create() else { return };
    let proxy = Proxy::start(queue.server().socket());
    let store = PostgresStore::open(queue.options_at(&proxy.address())).unwrap();
    let log = store.event_log(Arc::new(|_: &str| {}));
    block_on(store.connect()).unwrap();
    proxy.lose_next_insertion();
    proxy.refuse_connections(true);
    log.observe(&event(1, started()));
    assert!(block_on(store.close()).is_err(), "the outcome is unknown");
    log.observe(&event(2, RunEventKind::StartsResumed { because: None }));
    proxy.refuse_connections(false);
    assert_eq!(names(&store), ["processor_started", "starts_resumed"]);
}

#[test]
fn events_wait_for_the_end_of_an_outage() {
    let Some(queue) = Queue::create() else { return };
    let proxy = Proxy::start(queue.server().socket());
    proxy.refuse_connections(true);
    let store = PostgresStore::open(queue.options_at(&proxy.address())).unwrap();
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&warnings);
    let log = store.event_log(Arc::new(move |warning: &str| heard.lock().unwrap().push(warning.to_owned())));
    log.observe(&event(1, started()));
    assert!(block_on(store.close()).is_err(), "the events cannot be written");
    log.observe(&event(2, RunEventKind::StartsResumed { because: None }));
    assert!(block_on(store.events(HistoryQuery::default())).is_err(), "the history cannot be read");
    proxy.refuse_connections(false);
    block_on(store.close()).unwrap();
    assert_eq!(names(&queue.open()), ["processor_started", "starts_resumed"]);
    assert_eq!(*warnings.lock().unwrap(), Vec::<String>::new());
}
