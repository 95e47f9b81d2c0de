use std::cell::Cell;

use autoproc_domain::RunId;
use autoproc_json_store::{JsonStore, Mode};
use autoproc_testkit::block_on;
use autoproc_testkit::conformance::storage::{Effort, StorageFixture, exercise};

use crate::temp_store::TempStore;

/// Few cases, because each case syncs the disk.
const EFFORT: Effort = Effort { cases: 24, steps: 30 };

struct Fixture {
    temp: TempStore,
    modes: Vec<Mode>,
    opened: Cell<usize>,
}

impl Fixture {
    fn new(modes: &[Mode]) -> Self {
        Self { temp: TempStore::new(), modes: modes.to_vec(), opened: Cell::new(0) }
    }
}

impl StorageFixture for Fixture {
    type Store = JsonStore;

    fn open(&self) -> JsonStore {
        let turn = self.opened.replace(self.opened.get() + 1);
        self.temp.open(self.modes[turn % self.modes.len()])
    }

    fn kill(&self, store: JsonStore, _: &RunId) {
        // Dropping the handle releases the run's lock, as the end of its process would.
        drop(store);
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        block_on(future)
    }
}

#[test]
fn handles_for_commands_keep_the_promises() {
    exercise(|| Fixture::new(&[Mode::Command]), EFFORT).unwrap();
}

#[test]
fn handles_for_runs_keep_the_promises() {
    exercise(|| Fixture::new(&[Mode::Service]), EFFORT).unwrap();
}

#[test]
fn handles_of_both_kinds_keep_the_promises_together() {
    exercise(|| Fixture::new(&[Mode::Service, Mode::Command, Mode::Command]), EFFORT).unwrap();
}
