//! A deterministic simulation of whole runs: the decisions of the run loop on a virtual clock, a store
//! in memory, simulated attempts, and a hostile world.
//!
//! # Theory of operation
//!
//! A seed decides everything: the files and their attempts, the retry policy, how many attempts run at
//! a time, whether the store has leases and two hosts, when files are added, and when the world strikes
//! (`faults.rs` lists how). The world is a queue of happenings in virtual time, whose order
//! at one moment the seed decides. It feeds each [`RunState`](autoproc_domain::run::RunState) the inputs
//! that the driver would, and carries out its actions; no future is polled. So one seed is one
//! interleaving, and it always fails alike. When the faults are over, runs are begun until nothing waits
//! any more.
//!
//! # What it shows
//!
//! - Each file ends as its script deserves, once in each round; a cancelled one as failed.
//! - No two attempts of an item overlap; a run has never more than its jobs at work.
//! - Claims follow the order, keep to scope, holds and due times; backoffs double and are waited for;
//!   nothing that is due waits while a run is idle.
//! - A stop starts nothing new and is obeyed in time, as are the start gate and the failure limit.
//! - Nothing is claimed or settled under a lost lease; a run of another host is never reaped from here.
//! - Results survive a store that cannot be reached; what is reported is recorded.
//! - Every run ends, and its result is true.
//!
//! Deliberately absent: crashes of the machine (the memory store cannot lose what it holds), real
//! processes, and the driver, which decides nothing.

mod attempts;
mod ending;
mod faults;
mod invariants;
mod plan;
mod run;
mod schedule;
mod snapshot;
mod world;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use autoproc_domain::RunConfig;
use autoproc_domain::ports::{Location, Runs, Storage};
use autoproc_domain::run::{Action, Input};

use crate::{MemoryDatabase, location_on};
use plan::Plan;
use world::World;

/// A store as runs use it.
pub trait Store: Storage + Runs {}

impl<S: Storage + Runs> Store for S {}

/// What a test breaks to see that the simulation notices. The checks expect the defaults.
#[derive(Clone, Copy)]
pub struct Setup {
    /// Opens the store of the runs; it must answer at once.
    pub open: fn(&MemoryDatabase) -> Arc<dyn Store>,
    /// Makes the configuration of a run from the planned one.
    pub config: fn(RunConfig) -> RunConfig,
    /// Where the runs of a host say that they work.
    pub location: fn(&str) -> Location,
    /// What a run takes in of an input.
    pub input: fn(Input) -> Option<Input>,
    /// What the world carries out of an action.
    pub action: fn(Action) -> Option<Action>,
}

impl Default for Setup {
    /// Nothing is broken.
    fn default() -> Self {
        Self {
            open: |database| Arc::new(database.open()),
            config: |config| config,
            location: location_on,
            input: Some,
            action: Some,
        }
    }
}

/// What happened in a simulation, for a test to see that a set of seeds covers what it should.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files that were added.
    pub files: usize,
    /// Rounds that were begun by adding a file again.
    pub rounds: usize,
    /// Attempts that began.
    pub attempts: usize,
    /// Claims whose attempt did not begin.
    pub not_started: usize,
    /// Runs that began.
    pub runs: usize,
    /// Runs that were killed.
    pub kills: usize,
    /// Runs that lost their lease.
    pub lost_leases: usize,
    /// Runs that were stopped by request.
    pub stops: usize,
    /// Runs that ended at their failure limit.
    pub limits: usize,
    /// Attempts that were given back.
    pub releases: usize,
    /// Attempts that were recovered from dead runs.
    pub recoveries: usize,
    /// Attempts that were recovered from dead runs of another host.
    pub far_recoveries: usize,
    /// Dead runs that were reported as withheld.
    pub withheld: usize,
    /// Times that a run reported back-pressure.
    pub pressures: usize,
    /// Store operations that failed for now.
    pub troubles: usize,
    /// Exchanges that were offered again after an outage.
    pub asked_again: usize,
    /// Files that were cancelled while a run worked on them.
    pub cancels: usize,
    /// Files that were held.
    pub holds: usize,
    /// Waits that were cut down after the clock was set back.
    pub cut_waits: usize,
}

impl Summary {
    /// Each count, with its name.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, usize); 19] {
        [
            ("files", self.files),
            ("rounds", self.rounds),
            ("attempts", self.attempts),
            ("not_started", self.not_started),
            ("runs", self.runs),
            ("kills", self.kills),
            ("lost_leases", self.lost_leases),
            ("stops", self.stops),
            ("limits", self.limits),
            ("releases", self.releases),
            ("recoveries", self.recoveries),
            ("far_recoveries", self.far_recoveries),
            ("withheld", self.withheld),
            ("pressures", self.pressures),
            ("troubles", self.troubles),
            ("asked_again", self.asked_again),
            ("cancels", self.cancels),
            ("holds", self.holds),
            ("cut_waits", self.cut_waits),
        ]
    }
}

/// A seed under which an invariant did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What did not hold.
    pub objection: String,
    /// What happened just before, of all runs.
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.trace.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        write!(f, "under the seed {}: {}", self.seed, self.objection)
    }
}

impl std::error::Error for Failure {}

/// Simulates one seed.
///
/// # Errors
/// [`Failure`]: the first invariant that did not hold. A panic is one, too.
pub fn simulate(seed: u64, setup: Setup) -> Result<Summary, Failure> {
    let mut world = World::new(Plan::new(seed), setup);
    play(&mut world).map_err(|objection| {
        let mut again = World::new(Plan::new(seed), setup).traced();
        // It fails in the same way: the seed decides everything.
        let _ = play(&mut again);
        Failure { seed, objection, trace: again.into_trace() }
    })
}

fn play(world: &mut World) -> Result<Summary, String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| world.play()));
    outcome.unwrap_or_else(|panic| Err(format!("a panic: {}", message_of(panic.as_ref()))))
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

/// An objection, unless the statement is true.
fn holds(is_true: bool, objection: impl FnOnce() -> String) -> Result<(), String> {
    if is_true { Ok(()) } else { Err(objection()) }
}
