//! The conformance suite of the `Storage` and `Runs` ports.
//!
//! # Theory of operation
//!
//! [`exercise`] runs two kinds of checks:
//!
//! - *Named checks* are short scenarios. The name of a check states a guarantee of the ports.
//! - The *differential check* makes the same random requests to the store and to a
//!   [`FileQueue`](autoproc_domain::FileQueue), and compares the answers. Ids, sequence numbers and
//!   claim numbers may differ, but must have the same order.
//!
//! The suite does not simulate machine crashes, torn writes, full disks or network failures. Each
//! store needs its own tests of these.

mod adding_again;
mod cancelling;
mod changing;
mod claiming;
mod client;
mod concurrency;
mod differential;
mod durability;
mod enqueueing;
mod exchanging;
mod expect;
mod holding;
mod leasing;
mod model;
mod numbering;
mod reading;
mod recovering;
mod runs;
mod settling;

use std::time::Duration;

use autoproc_domain::ports::{Runs, Storage};
use autoproc_domain::{RunId, Timestamp};

use super::Violation;
use expect::Check;

/// An empty store for one check, with methods that simulate outside events, such as the death of a
/// process.
pub trait StorageFixture {
    /// A handle to the store.
    type Store: Storage + Runs;

    /// Opens another handle to the store, as another process would. Several handles may be open.
    fn open(&self) -> Self::Store;

    /// Simulates the death of the process of `run`, without [`Runs::end`]. If the store has leases,
    /// waits until the lease of the run has expired. `run` is the only run begun through `store`.
    fn kill(&self, store: Self::Store, run: &RunId);

    /// Stops the renewal of the lease of `run`, and waits until the lease has expired. The process
    /// of the run stays alive. Returns false if the store has no leases.
    fn lose_lease(&self, _run: &RunId) -> bool {
        false
    }

    /// Waits longer than a lease lasts. The store renews the leases of live runs.
    fn let_leases_pass(&self) {}

    /// Sets the clock of a store that ignores the caller's time. Called before each request.
    fn set_clock(&self, _now: Timestamp) {}

    /// Returns the maximum wait for an event. The default suffices on a busy machine.
    fn timeout(&self) -> Duration {
        Duration::from_secs(15)
    }

    /// Runs a future of the store to completion. Calls are never nested.
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T;
}

/// The extent of the differential check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// The number of random histories.
    pub cases: u32,
    /// The maximum number of steps in a history.
    pub steps: usize,
}

impl Default for Effort {
    /// Returns the effort for a store in memory. A store that syncs to disk should use fewer cases.
    fn default() -> Self {
        Self { cases: 256, steps: 40 }
    }
}

/// Runs every check, each on an empty store from `factory`.
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
        holding::checks(),
        cancelling::checks(),
        exchanging::checks(),
        adding_again::checks(),
        changing::checks(),
        reading::checks(),
        runs::checks(),
        recovering::checks(),
        leasing::checks(),
        durability::checks(),
        concurrency::checks(),
    ];
    groups.into_iter().flatten().collect()
}

macro_rules! named {
    ($($check:ident),* $(,)?) => {
        vec![$((stringify!($check), $check::<F> as fn(&F) -> Check)),*]
    };
}
use named;
