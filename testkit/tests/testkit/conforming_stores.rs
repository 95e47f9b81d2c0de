//! The stores of the testkit pass the conformance suite.

use autoproc_testkit::MemoryFixture;
use autoproc_testkit::conformance::storage::{Effort, exercise};

#[test]
fn the_memory_store_passes() {
    assert_eq!(exercise(MemoryFixture::new, Effort::default()), Ok(()));
}

#[test]
fn the_memory_store_with_leases_passes() {
    assert_eq!(exercise(MemoryFixture::with_leases, Effort::default()), Ok(()));
}

#[test]
fn a_memory_store_that_defers_answers_passes() {
    let deferring = || {
        let fixture = MemoryFixture::new();
        fixture.database.accept_unread();
        fixture
    };
    assert_eq!(exercise(deferring, Effort::default()), Ok(()));
}
