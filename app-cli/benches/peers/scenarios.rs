//! What is measured, tool after tool in every round, so that a machine that changes its pace in the course of the
//! measuring changes it for all of them; and in another order in every round, so that nobody is always the first.

mod add;
mod drain;
mod floors;
mod look;
mod steps;
mod turns;
mod waiting;
mod work;

use std::io;

pub(crate) use add::LEAST;
pub(crate) use drain::PARALLELISMS;
pub(crate) use floors::FLOOR;
pub(crate) use steps::{SHELL, STEPS};
pub(crate) use work::AT_ONCE as WORK_AT_ONCE;

use crate::peers::Peer;
use crate::process::{Usage, say};
use crate::results::{Key, Results};
use crate::scratch::Scratch;

/// Files that wait beside others, and that a waiting run waits for: as the bars say.
pub(crate) const OTHERS: u64 = 100_000;

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Short, to see that it works; its figures mean little.
    pub(crate) quick: bool,
    pub(crate) rounds: usize,
    /// Small jobs in a drain.
    pub(crate) jobs: usize,
    /// A peer that takes fewer jobs takes this part of them.
    pub(crate) divisor: usize,
    /// Single adds of each tool in a round.
    pub(crate) adds: usize,
    /// The lengths of queues.
    pub(crate) lengths: &'static [u64],
    /// Real files with real work.
    pub(crate) texts: usize,
    /// Operations of a floor.
    pub(crate) operations: usize,
    /// How long a run is watched while it waits.
    pub(crate) waiting_s: u64,
}

impl Plan {
    /// What the report is made of: about half an hour on two cores.
    pub(crate) const FULL: Self = Self {
        quick: false,
        rounds: 5,
        jobs: 10_000,
        divisor: 1,
        adds: 50,
        lengths: &[0, 1_000, 10_000, 100_000, 1_000_000],
        texts: 2_000,
        operations: 500,
        waiting_s: 20,
    };

    /// A minute or two.
    pub(crate) const QUICK: Self = Self {
        quick: true,
        rounds: 2,
        jobs: 500,
        divisor: 20,
        adds: 10,
        lengths: &[0, 1_000, 10_000],
        texts: 60,
        operations: 50,
        waiting_s: 2,
    };

    /// The longest queue.
    pub(crate) fn longest(&self) -> u64 {
        self.lengths.last().copied().unwrap_or(0)
    }
}

/// Everything that a scenario needs.
pub(crate) struct Bench {
    pub(crate) plan: Plan,
    pub(crate) scratch: Scratch,
    /// Those that are installed.
    pub(crate) peers: Vec<Box<dyn Peer>>,
    pub(crate) results: Results,
}

/// What one tool took: in which series it stands, how many jobs or operations it covers, and the outcome.
type Sample = (Key<'static>, u64, io::Result<Usage>);

type Measuring = fn(&mut Bench) -> io::Result<()>;

/// The scenarios and their names on the command line.
const SCENARIOS: [(&str, Measuring); 7] = [
    ("floors", floors::measure),
    ("add", add::measure),
    ("look", look::measure),
    ("waiting", waiting::measure),
    ("work", work::measure),
    ("steps", steps::measure_steps),
    ("drain", drain::measure),
];

impl Bench {
    /// Measures the scenarios named, or all of them.
    ///
    /// # Errors
    /// A name is not known, or something failed that is not a tool: a tool's failure stands in the results.
    pub(crate) fn measure(&mut self, names: &[String]) -> io::Result<()> {
        if let Some(name) = names.iter().find(|name| SCENARIOS.iter().all(|(known, _)| known != name)) {
            return Err(io::Error::other(format!("no scenario {name}; there are: {}", known_names())));
        }
        for (name, measure) in SCENARIOS {
            if names.is_empty() || names.iter().any(|wanted| wanted == name) {
                measure(self)?;
            }
        }
        Ok(())
    }

    /// The numbers of the rounds, from 0, each told to whoever watches.
    fn rounds(&self, what: &'static str) -> impl Iterator<Item = usize> + use<> {
        let rounds = self.plan.rounds;
        (0..rounds).inspect(move |round| say(&format!("{what}, round {} of {rounds}", round + 1)))
    }

    /// Takes down what came out of a round.
    ///
    /// # Errors
    /// Something failed that is not a tool.
    fn record(&mut self, samples: Vec<io::Result<Sample>>) -> io::Result<()> {
        for sample in samples {
            let (key, units, outcome) = sample?;
            self.results.record(key, units, outcome);
        }
        Ok(())
    }
}

fn known_names() -> String {
    SCENARIOS.map(|(name, _)| name).join(", ")
}
