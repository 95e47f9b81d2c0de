use std::thread;

use autoproc_domain::ports::StopLevel;
use autoproc_postgres_store::StopTarget;
use autoproc_testkit::block_on;

use crate::queue::{Queue, add};

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
    assert_eq!(versions.iter().map(|row| row.get(0)).collect::<Vec<i32>>(), [8]);
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
    queue.execute(&format!("drop schema \"{0}\" cascade; create schema \"{0}\"", queue.schema));
    queue.execute(include_str!("../../sql/migrations/0001_queue.sql"));
    queue.execute(
        "create table schema_version (is_only boolean primary key default true, version integer not null);
         insert into schema_version (version) values (1);
         insert into item (id, sequence, path, priority, added_at_us) values (1, 1, '/a', 0, 0);
         insert into run select 'run', 0, 1, 4, 0, null, null, 'host', '', '', 1, '/';
         insert into lease values ('run', 0, clock_us() + 60000000)",
    );
    let store = queue.open();
    assert_eq!(block_on(store.request_stop(StopLevel::Draining, StopTarget::AllRuns)).unwrap(), 1);
    assert_eq!(queue.query("select version from schema_version", &[])[0].get::<_, i32>(0), 8);
    assert_eq!(queue.query("select path from item", &[]).len(), 1);
}
