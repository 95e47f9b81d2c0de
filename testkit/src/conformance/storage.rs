//! The conformance suite of the `Storage` port.
//!
//! # Theory of operation
//!
//! [`exercise`] runs two kinds of checks on a store. *Named checks* are short stories, one or more for each sentence of
//! the port's contract; their names say which promise is broken. The *differential check* then runs random transactions
//! on the store and on a pure [`FileQueue`](autoproc_domain::FileQueue) side by side, through several handles, with runs
//! that begin, end and die, and with handles that are closed and opened again; every answer must be equal.
//!
//! A violation is returned, not thrown, so that a test can show which check a broken store fails.
//!
//! Deliberately absent: crashes of the machine, torn writes and full disks. They need a store's own disk, and belong to
//! its own tests. A store that would rather trust its own clock takes the caller's `now` in these tests.

mod changing;
mod claiming;
mod concurrency;
mod desk;
mod differential;
mod durability;
mod enqueueing;
mod expect;
mod model;
mod reading;
mod recovering;
mod runs;
mod settling;

use autoproc_domain::RunId;
use autoproc_domain::ports::Storage;

use super::Violation;
use expect::Check;

/// A place of its own for one store, and what the world can do to it.
pub trait StorageFixture {
    /// The store.
    type Store: Storage;

    /// A fresh handle on the same place, as another process would open it. Handles may live at the same time.
    fn open(&self) -> Self::Store;

    /// The holder of `run`, which has begun through `store` and no other has, dies without goodbye.
    fn kill(&self, store: Self::Store, run: &RunId);

    /// Waits for a future of the store; never called from inside another.
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T;
}

/// How much to try in the differential check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Histories.
    pub cases: u32,
    /// Steps in the longest of them.
    pub steps: usize,
}

impl Default for Effort {
    /// For a store in memory: some thousand transactions in a second. One that syncs wants fewer cases.
    fn default() -> Self {
        Self { cases: 256, steps: 40 }
    }
}

/// Runs every check, each on an empty place that `factory` makes.
///
/// # Errors
/// The first [`Violation`] found.
pub fn exercise<F: StorageFixture>(factory: impl Fn() -> F, effort: Effort) -> Result<(), Violation> {
    for (check, run) in named_checks::<F>() {
        run(&factory()).map_err(|fault| Violation { check, detail: fault.to_string() })?;
    }
    differential::run(factory, effort).map_err(|detail| Violation { check: differential::NAME, detail })
}

type NamedCheck<F> = (&'static str, fn(&F) -> Check);

fn named_checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    let groups = [
        enqueueing::checks(),
        claiming::checks(),
        settling::checks(),
        changing::checks(),
        reading::checks(),
        runs::checks(),
        recovering::checks(),
        durability::checks(),
        concurrency::checks(),
    ];
    groups.into_iter().flatten().collect()
}

/// Names checks after their functions.
macro_rules! named {
    ($($check:ident),* $(,)?) => {
        vec![$((stringify!($check), $check::<F> as fn(&F) -> Check)),*]
    };
}
use named;
