use std::cell::RefCell;
use std::sync::{Arc, Weak};
use std::time::Duration;

use autoproc_domain::{FileQueue, RunId};
use autoproc_testkit::conformance::storage::StorageFixture;
use autoproc_testkit::{MemoryDatabase, MemoryFixture, block_on};

use super::{Flaw, FlawedStore, tampering};

pub(crate) struct FlawedFixture {
    sound: MemoryFixture,
    flaw: Flaw,
    /// Refers to a value that lives while any handle is open.
    open: RefCell<Weak<()>>,
}

impl FlawedFixture {
    pub(crate) fn new(flaw: Flaw) -> Self {
        let sound = if flaw.needs_leases() { MemoryFixture::with_leases() } else { MemoryFixture::new() };
        Self { sound, flaw, open: RefCell::default() }
    }

    fn database(&self) -> &MemoryDatabase {
        &self.sound.database
    }

    fn reopen(&self) -> Arc<()> {
        match self.flaw {
            Flaw::ForgetsWhenClosed => self.database().tamper(|queue| *queue = FileQueue::new()),
            Flaw::UsesNumbersAgain => self.database().tamper(tampering::forget_numbers),
            // Rebuilds the queue from its items, as a file store does.
            _ => self.database().tamper(|queue| tampering::edit_items(queue, |_| {})),
        }
        Arc::new(())
    }
}

impl StorageFixture for FlawedFixture {
    type Store = FlawedStore;

    fn open(&self) -> FlawedStore {
        let open = self.open.borrow().upgrade().unwrap_or_else(|| self.reopen());
        self.open.replace(Arc::downgrade(&open));
        FlawedStore::new(self.database(), self.flaw).keeping(open)
    }

    fn kill(&self, _store: FlawedStore, run: &RunId) {
        self.sound.kill(self.database().open(), run);
    }

    fn lose_lease(&self, run: &RunId) -> bool {
        self.sound.lose_lease(run)
    }

    fn let_leases_pass(&self) {
        self.sound.let_leases_pass();
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(300)
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        block_on(future)
    }
}
