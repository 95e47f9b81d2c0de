//! Tests the migrations of the schema.

use std::thread;

use autoproc_domain::ports::StopLevel;
use autoproc_postgres_store::StopTarget;
use autoproc_testkit::block_on;

use crate::queue::{Queue, add, begin};

#[test]
fn handles_that_meet_an_empty_database_create_the_schema_once() {
    let Some(queue) = Queue::create() else { return };
    queue.execute(&format!("drop schema \"{}\" cascade", queue.schema));
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| block_on(queue.open().connect()).unwrap());
        }
    });
    let versions = queue.query("select version from schema_version", &[]);
    assert_eq!(versions.iter().map(|row| row.get(0)).collect::<Vec<i32>>(), [7]);
    assert_eq!(queue.query("select next_number from numbering", &[])[0].get::<_, i64>(0), 1);
}

#[test]
fn an_existing_schema_is_left_alone() {
    let Some(queue) = Queue::create() else { return };
    add(&queue.open(), &["/a"]).unwrap();
    block_on(queue.open().connect()).unwrap();
    assert_eq!(queue.query("select path from item", &[]).len(), 1);
}

#[test]
fn an_older_schema_is_brought_up_to_date() {
    let Some(queue) = Queue::create() else { return };
    let store = queue.open();
    add(&store, &["/a"]).unwrap();
    begin(&store, "run");
    queue.execute(
        "drop table event, event_writer, past_attempt, past_run; drop function record_attempt, record_runs;
         drop trigger execution_deletion on item; drop function execution_deletion;
         drop table execution, execution_event, attempt_output; drop table stop_request; alter table run drop column stop_number; drop sequence stop_number;
         update schema_version set version = 1",
    );
    let store = queue.open();
    assert_eq!(block_on(store.request_stop(StopLevel::Draining, StopTarget::AllRuns)).unwrap(), 1);
    assert_eq!(queue.query("select version from schema_version", &[])[0].get::<_, i32>(0), 7);
    assert_eq!(queue.query("select path from item", &[]).len(), 1);
}
