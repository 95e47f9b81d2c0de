//! A deterministic simulation of whole runs: the real processing loop on a virtual clock, a store in memory, scripted
//! attempts, and a world that means it no good.
//!
//! # Theory of operation
//!
//! A seed decides everything: files and what their attempts do, the retry policy, how many run at a time, when files are
//! added, when somebody asks to stop, kills a run at an arbitrary point, begins another one beside it, sets the clock, locks
//! or fills the store, holds starts back, or cannot tell whether a dead run is over. All futures are polled on one thread, in an order the seed decides, and every fake gives way
//! a random number of times; so one seed is one interleaving, and it always fails alike. When the disturbances are over,
//! runs are begun until nothing waits any more. What must hold is checked at every step, and once more at the end.
//!
//! # What it shows
//!
//! Each file ends as its script deserves, once; no attempt overlaps another of its item, exceeds its limit or comes before
//! its backoff is over; claims follow the order; never more than `jobs` at a time; a stop starts nothing new, nor does a
//! run that is held back or that saw as many files fail as it bears; every run comes to an end.
//!
//! Deliberately absent: crashes of the machine (the memory store cannot lose what it holds) and real processes.

mod checks;
mod disturbance;
mod executor;
mod plan;
mod witness;
mod world;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use autoproc_domain::RetryPolicy;
use autoproc_domain::ports::Storage;

use crate::{Jitter, MemoryPlace};
use plan::Plan;
use world::World;

/// How handles are opened, and which policy the runs get: what a test breaks to see that the simulation notices.
#[derive(Clone, Copy)]
pub struct Setup {
    /// Opens a handle on the place.
    pub open: fn(&MemoryPlace, Arc<Jitter>) -> Arc<dyn Storage>,
    /// Makes the policy of the runs from the one the plan has and the checks expect.
    pub policy: fn(RetryPolicy) -> RetryPolicy,
}

impl Default for Setup {
    /// Everything as it should be.
    fn default() -> Self {
        Self { open: |place, jitter| Arc::new(place.open().with_jitter(jitter)), policy: |policy| policy }
    }
}

/// What came about in one simulation, for a test to see that a set of seeds covers what it should.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files that were added.
    pub files: usize,
    /// Attempts that were begun.
    pub attempts: usize,
    /// Runs that were begun.
    pub runs: usize,
    /// Runs that were killed.
    pub kills: usize,
    /// Runs that were stopped before the queue was empty.
    pub stops: usize,
    /// Attempts that were given back.
    pub releases: usize,
    /// Attempts recovered from dead runs.
    pub recoveries: usize,
    /// Times that a run said that it was held back.
    pub holds: usize,
    /// Times that a run said that a dead one was not proven to be over.
    pub withheld: usize,
    /// Runs that ended because too many files failed.
    pub halts: usize,
    /// Transactions that did not happen.
    pub troubles: usize,
}

/// A seed under which something did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What did not hold.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "under the seed {}: {}", self.seed, self.what)
    }
}

impl std::error::Error for Failure {}

/// Plays out one seed.
///
/// # Errors
/// [`Failure`]: what did not hold. A panic of what is simulated is one too.
pub fn simulate(seed: u64, setup: Setup) -> Result<Summary, Failure> {
    let outcome = catch_unwind(AssertUnwindSafe(|| World::new(Plan::new(seed), setup).play()));
    let outcome = outcome.unwrap_or_else(|panic| Err(format!("a panic: {}", message_of(panic.as_ref()))));
    outcome.map_err(|what| Failure { seed, what })
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}
