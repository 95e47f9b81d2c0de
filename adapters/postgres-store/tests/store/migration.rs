//! The version of the schema.

use std::thread;

use autoproc_testkit::block_on;

use crate::queue::{Queue, add};

#[test]
fn handles_that_meet_an_empty_database_create_the_schema_once() {
    let Some(queue) = Queue::create() else { return };
    queue.execute(&format!("drop schema {} cascade", queue.schema));
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| block_on(queue.open().connect()).unwrap());
        }
    });
    let versions = queue.query("select version from schema_version", &[]);
    assert_eq!(versions.iter().map(|row| row.get(0)).collect::<Vec<i32>>(), [1]);
    assert_eq!(queue.query("select next_number from numbering", &[])[0].get::<_, i64>(0), 1);
}

#[test]
fn an_existing_schema_is_left_alone() {
    let Some(queue) = Queue::create() else { return };
    add(&queue.open(), &["/a"]).unwrap();
    block_on(queue.open().connect()).unwrap();
    assert_eq!(queue.query("select path from item", &[]).len(), 1);
}
