//! A deterministic simulation of whole runs with injected faults.
//!
//! # Theory of operation
//!
//! The simulated world is a queue of events in virtual time. A seed determines the files and their
//! attempts, the runs, the hosts, the faults, and the order of simultaneous events. The world feeds
//! inputs to each [`RunState`](autoproc_domain::run::RunState), and carries out the resulting
//! actions. No future ever waits, so a failing seed always fails in the same way. After the last
//! fault, new runs begin until no file is waiting.
//!
//! # Checked invariants
//!
//! - In each round, the final status of a file follows from its planned attempts and the retry
//!   policy. A cancelled file is not claimed again in its round.
//! - Attempts of one item never overlap. A run never has more running attempts than jobs.
//! - Claims respect the claim order, the scope, holds and due times. Runs wait for backoffs. No due
//!   item waits while a run is idle.
//! - No attempt starts after a stop. Stops, back-pressure and the failure limit take effect in
//!   time.
//! - An attempt does not count if it fails because the machine cannot create another process. If
//!   the run has no other attempts, it pauses.
//! - If a program goes missing after it has worked, the first failed attempt on each file does not
//!   count. A run ends if its program stays missing.
//! - A run pauses if enough files fail in the same way. A paused run tries one file at a time. In
//!   each round, the run leaves at most one attempt of a file uncounted.
//! - A run claims and settles nothing after it has lost its lease. No host kills the processes of
//!   another host.
//! - An unreachable store loses no result, and every reported result is recorded.
//! - Every run ends, and its result is correct.
//!
//! # Deliberately absent
//!
//! Crashes of the machine are not simulated, because the memory store cannot lose data. There are
//! no real processes.

mod alike;
mod attempts;
mod ending;
mod faults;
mod invariants;
mod lacks;
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

/// A store with both ports that a run needs.
pub trait Store: Storage + Runs {}

impl<S: Storage + Runs> Store for S {}

/// The parts of a simulation. A test can replace a part with a broken one to show that the checks
/// detect the difference.
#[derive(Clone, Copy)]
pub struct Setup {
    /// Opens the store of the runs. The store must answer without waiting.
    pub open: fn(&MemoryDatabase) -> Arc<dyn Store>,
    /// Changes the planned configuration of a run.
    pub config: fn(RunConfig) -> RunConfig,
    /// Returns the location of the runs on the named host.
    pub location: fn(&str) -> Location,
    /// Filters or changes the inputs of a run.
    pub input: fn(Input) -> Option<Input>,
    /// Filters or changes the actions that the world carries out.
    pub action: fn(Action) -> Option<Action>,
}

impl Default for Setup {
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

/// Counts the events of a simulation. Tests use the counts to check the coverage of the seeds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// The number of files that were added.
    pub files: usize,
    /// The number of rounds that began because a file was added again.
    pub rounds: usize,
    /// The number of attempts that began.
    pub attempts: usize,
    /// The number of claims whose attempt did not begin.
    pub not_started: usize,
    /// The number of runs that began.
    pub runs: usize,
    /// The number of runs that were killed.
    pub kills: usize,
    /// The number of runs that lost their lease.
    pub lost_leases: usize,
    /// The number of runs that ended because of a stop request.
    pub stops: usize,
    /// The number of runs that ended at their failure limit.
    pub limits: usize,
    /// The number of runs that ended because their time for starting attempts was over.
    pub deadlines: usize,
    /// The number of attempts that were released.
    pub releases: usize,
    /// The number of attempts that were recovered from dead runs.
    pub recoveries: usize,
    /// The number of attempts that were recovered from dead runs of another host.
    pub far_recoveries: usize,
    /// The number of dead runs that were not recovered, because their processes might still be
    /// running.
    pub withheld: usize,
    /// The number of times that a run reported held starts, for any reason.
    pub pressures: usize,
    /// The number of store operations that failed temporarily.
    pub troubles: usize,
    /// The number of exchanges that were repeated after an outage.
    pub asked_again: usize,
    /// The number of files that were cancelled while a run was processing them.
    pub cancels: usize,
    /// The number of times that a file was held.
    pub holds: usize,
    /// The number of backoffs that were shortened after the clock was set back.
    pub cut_waits: usize,
    /// The number of attempts that failed because the machine could not create another process.
    pub shortages: usize,
    /// The number of attempts that failed because the program or a folder was missing.
    pub absences: usize,
    /// The number of runs that ended because the program or a folder stayed missing.
    pub missing_programs: usize,
    /// The number of times that a run paused because several files failed in the same way.
    pub pauses: usize,
}

impl Summary {
    /// Returns the name and the value of each count.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, usize); 24] {
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
            ("deadlines", self.deadlines),
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
            ("shortages", self.shortages),
            ("absences", self.absences),
            ("missing_programs", self.missing_programs),
            ("pauses", self.pauses),
        ]
    }
}

/// A seed that violates an invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// A description of the violated invariant.
    pub objection: String,
    /// The last events, inputs and actions of all runs before the violation.
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
/// Returns the first violated invariant. A panic counts as a violation.
pub fn simulate(seed: u64, setup: Setup) -> Result<Summary, Failure> {
    let mut world = World::new(Plan::new(seed), setup);
    play(&mut world).map_err(|objection| {
        let mut again = World::new(Plan::new(seed), setup).traced();
        // The second simulation fails in the same way, because the seed determines everything.
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

fn holds(is_true: bool, objection: impl FnOnce() -> String) -> Result<(), String> {
    if is_true { Ok(()) } else { Err(objection()) }
}
