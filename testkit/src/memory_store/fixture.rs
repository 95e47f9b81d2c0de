//! The place as the conformance suite wants it.

use autoproc_domain::RunId;

use crate::conformance::storage::StorageFixture;
use crate::{MemoryPlace, MemoryStore, block_on};

impl StorageFixture for MemoryPlace {
    type Store = MemoryStore;

    fn open(&self) -> MemoryStore {
        Self::open(self)
    }

    fn kill(&self, _: MemoryStore, run: &RunId) {
        Self::kill(self, run);
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        block_on(future)
    }
}
