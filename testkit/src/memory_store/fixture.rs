//! Runs the conformance suite on a memory store.

use std::time::Duration;

use autoproc_domain::RunId;
use autoproc_domain::ports::LeaseTerms;

use crate::conformance::storage::StorageFixture;
use crate::{MemoryDatabase, MemoryStore, VirtualClock, block_on};

const TERMS: LeaseTerms = LeaseTerms { lasts: Duration::from_secs(60), renewed_every: Duration::from_secs(15) };

/// An empty database for one check.
#[derive(Debug, Clone, Default)]
pub struct MemoryFixture {
    /// The database.
    pub database: MemoryDatabase,
    clock: Option<VirtualClock>,
}

impl MemoryFixture {
    /// Creates a database without leases.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a database whose runs hold leases.
    #[must_use]
    pub fn with_leases() -> Self {
        let clock = VirtualClock::new();
        Self { database: MemoryDatabase::with_leases(clock.clone(), TERMS), clock: Some(clock) }
    }
}

impl StorageFixture for MemoryFixture {
    type Store = MemoryStore;

    fn open(&self) -> MemoryStore {
        self.database.open()
    }

    fn kill(&self, _store: MemoryStore, run: &RunId) {
        self.database.kill(run);
        self.let_leases_pass();
    }

    fn lose_lease(&self, run: &RunId) -> bool {
        if self.clock.is_some() {
            self.database.cut_off(run);
        }
        self.let_leases_pass();
        self.clock.is_some()
    }

    fn let_leases_pass(&self) {
        if let Some(clock) = &self.clock {
            clock.advance(TERMS.lasts + Duration::from_secs(1));
        }
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        block_on(future)
    }
}
