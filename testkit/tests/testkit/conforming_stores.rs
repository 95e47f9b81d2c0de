use autoproc_domain::RunId;
use autoproc_domain::memory::MemoryStorage;
use autoproc_domain::ports::Runs;
use autoproc_testkit::conformance::storage::{Effort, StorageFixture, exercise};
use autoproc_testkit::{MemoryFixture, block_on};

use crate::plain_store::PlainStore;

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

/// The in-memory store of the domain. Its runs cannot die, so `kill` ends them.
struct Plain(MemoryStorage);

impl StorageFixture for Plain {
    type Store = MemoryStorage;

    fn open(&self) -> MemoryStorage {
        self.0.clone()
    }

    fn kill(&self, store: MemoryStorage, run: &RunId) {
        block_on(store.end(run.clone())).expect("memory does not fail");
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        block_on(future)
    }
}

#[test]
fn the_plain_store_of_the_domain_passes() {
    assert_eq!(exercise(|| Plain(MemoryStorage::new()), Effort::default()), Ok(()));
}

impl StorageFixture for PlainStore {
    type Store = PlainStore;

    fn open(&self) -> PlainStore {
        self.clone()
    }

    fn kill(&self, store: PlainStore, run: &RunId) {
        store.kill_run(run);
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        block_on(future)
    }
}

#[test]
fn a_store_written_against_the_documentation_passes() {
    assert_eq!(exercise(PlainStore::default, Effort::default()), Ok(()));
}
