use std::time::{Duration, Instant};

use autoproc_domain::RunId;
use autoproc_domain::ports::{StopCause, StopLevel, StopRequest, StopSignal};
use autoproc_postgres_store::{PostgresStore, StopTarget};
use autoproc_testkit::block_on;

use crate::queue::{Queue, begin};

fn ask(store: &PostgresStore, level: StopLevel, target: StopTarget) -> usize {
    block_on(store.request_stop(level, target)).unwrap()
}

fn at(level: StopLevel) -> StopRequest {
    StopRequest { level, cause: Some(StopCause::Command) }
}

#[test]
fn a_run_obeys_the_requests_that_are_newer_than_itself() {
    let Some(queue) = Queue::create() else { return };
    let (store, other) = (queue.open(), queue.open());
    begin(&other, "older");
    assert_eq!(ask(&other, StopLevel::Killing, StopTarget::AllRuns), 1);
    begin(&store, "run");
    let stop = store.stop_signal(&RunId::new("run"));
    assert_eq!(ask(&other, StopLevel::Draining, StopTarget::AllRuns), 2);
    assert_eq!(block_on(stop.raised_above(StopLevel::Running)), at(StopLevel::Draining));
    assert_eq!(ask(&other, StopLevel::Aborting, StopTarget::AllRuns), 2);
    assert_eq!(block_on(stop.raised_above(StopLevel::Draining)), at(StopLevel::Aborting));
    assert_eq!(stop.request(), at(StopLevel::Aborting));
    assert!(!block_on(stop.clear()).unwrap(), "no request stands");
}

#[test]
fn a_level_does_not_fall() {
    let Some(queue) = Queue::create() else { return };
    let store = queue.open();
    begin(&store, "run");
    ask(&store, StopLevel::Aborting, StopTarget::AllRuns);
    ask(&store, StopLevel::Draining, StopTarget::AllRuns);
    let stop = store.stop_signal(&RunId::new("run"));
    assert_eq!(block_on(stop.raised_above(StopLevel::Running)), at(StopLevel::Aborting));
}

#[test]
fn a_request_reaches_only_its_target() {
    let Some(queue) = Queue::create() else { return };
    let store = queue.open();
    begin(&store, "run");
    begin(&store, "other");
    ask(&store, StopLevel::Killing, StopTarget::Run(RunId::new("other")));
    assert_eq!(ask(&store, StopLevel::Killing, StopTarget::Host("elsewhere".into())), 0);
    assert_eq!(ask(&store, StopLevel::Draining, StopTarget::Host("here".into())), 2);
    let signals = ["run", "other"].map(|run| store.stop_signal(&RunId::new(run)));
    let levels = signals.map(|stop| block_on(stop.raised_above(StopLevel::Running)).level);
    assert_eq!(levels, [StopLevel::Draining, StopLevel::Killing]);
}

#[test]
fn requests_do_not_accumulate() {
    let Some(queue) = Queue::create() else { return };
    let store = queue.open();
    for _ in 0..5 {
        ask(&store, StopLevel::Draining, StopTarget::AllRuns);
    }
    assert_eq!(queue.query("select from stop_request", &[]).len(), 1);
    begin(&store, "run");
    for _ in 0..5 {
        ask(&store, StopLevel::Draining, StopTarget::AllRuns);
    }
    assert_eq!(queue.query("select from stop_request", &[]).len(), 5);
}

const COUNTED_LOOKS: &str = "
    create sequence look;
    alter table stop_request rename to stored_request;
    create function counted_request() returns setof stored_request language plpgsql as
        'begin perform nextval(''look''); return query select * from stored_request; end';
    create view stop_request as select * from counted_request();
";

#[test]
fn a_busy_queue_makes_a_run_look_at_most_ten_times_a_second() {
    let Some(queue) = Queue::create() else { return };
    queue.execute(COUNTED_LOOKS);
    let store = queue.open();
    begin(&store, "run");
    let _stop = store.stop_signal(&RunId::new("run"));
    let looks = || queue.query("select last_value from look", &[])[0].get::<_, i64>(0);
    while looks() < 2 {
        std::thread::yield_now();
    }
    let (began, before) = (Instant::now(), looks());
    for _ in 0..100 {
        queue.execute(&format!("select pg_notify('autoproc.{}', 'another handle')", queue.schema));
    }
    let made = looks() - before;
    // One query may have begun before the measurement, and one may begin at its end.
    let most = began.elapsed().div_duration_f64(Duration::from_millis(100)) + 2.0;
    assert!(f64::from(i32::try_from(made).unwrap()) <= most, "{made} looks, at most {most} are expected");
}
