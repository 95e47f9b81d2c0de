//! Commands that speak of items which exist only when they run.
//!
//! A strategy cannot know the identities a queue will give out. It makes *symbolic* commands, "the second claim that is
//! live then", and a [`Resolver`] puts in what the queue holds at that moment. So they also shrink well.

use std::collections::BTreeSet;
use std::time::Duration;

use autoproc_domain::command::{
    Clear, Command, Enqueue, ExchangeRequest, NewItem, RecoverRequest, Remove, Reprioritise, Selection, Selector,
    Settlement, Verdict,
};
use autoproc_domain::item::{ClaimNumber, ClaimToken};
use autoproc_domain::{FilePath, FileQueue, ItemId, Priority, RunId, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::{clock_steps, file_paths, new_items, priorities, statuses, verdicts};

/// A command whose items and claims are yet to be found.
#[derive(Debug, Clone)]
pub enum SymbolicCommand {
    /// Add these.
    Enqueue(Vec<NewItem>),
    /// Settle these claims and make new ones.
    Exchange {
        /// For one of the runs.
        run: Index,
        /// Which claims, and what becomes of them.
        settlements: Vec<(TokenChoice, Verdict)>,
        /// At most so many new ones.
        limit: usize,
    },
    /// Requeue what has failed.
    RequeueAll,
    /// Requeue these.
    Requeue(Vec<Which>),
    /// Change the priority of one.
    Reprioritise(Which, Priority),
    /// Take these out.
    Remove(Vec<Which>),
    /// Take out what stands so.
    Clear(Vec<Status>),
    /// Take back the claims of these.
    Recover {
        /// Of these runs.
        runs: Vec<Index>,
        /// The limit on attempts.
        max_attempts: u32,
        /// The longest backoff.
        longest_backoff: Duration,
    },
}

/// A claim yet to be found.
#[derive(Debug, Clone)]
pub enum TokenChoice {
    /// One of those under way.
    Live(Index),
    /// One of those ever made, most of them stale.
    Past(Index),
    /// One that was never made.
    Invented(u64, u64),
}

/// An item yet to be found.
#[derive(Debug, Clone)]
pub enum Which {
    /// One of those there, by its number.
    There(Index),
    /// Whatever has this number.
    Numbered(u64),
    /// Whatever has this path.
    At(FilePath),
}

/// Histories of at most `steps` commands, each with how far the clock moves before it.
pub fn commands(steps: usize) -> impl Strategy<Value = Vec<(SymbolicCommand, i64)>> {
    vec((symbolic_command(), clock_steps()), 0..=steps)
}

/// Any command. Additions and exchanges are most of them, as in life.
pub fn symbolic_command() -> impl Strategy<Value = SymbolicCommand> {
    prop_oneof![
        6 => vec(new_items(), 0..5).prop_map(SymbolicCommand::Enqueue),
        8 => (any::<Index>(), settlements(), 0..4_usize)
            .prop_map(|(run, settlements, limit)| SymbolicCommand::Exchange { run, settlements, limit }),
        1 => Just(SymbolicCommand::RequeueAll),
        1 => vec(which(), 0..3).prop_map(SymbolicCommand::Requeue),
        2 => (which(), priorities()).prop_map(|(which, priority)| SymbolicCommand::Reprioritise(which, priority)),
        1 => vec(which(), 0..3).prop_map(SymbolicCommand::Remove),
        1 => vec(statuses(), 0..3).prop_map(SymbolicCommand::Clear),
        1 => recover(),
    ]
}

fn settlements() -> impl Strategy<Value = Vec<(TokenChoice, Verdict)>> {
    let token = prop_oneof![
        8 => any::<Index>().prop_map(TokenChoice::Live),
        2 => any::<Index>().prop_map(TokenChoice::Past),
        1 => (0..20_u64, 0..20_u64).prop_map(|(item, number)| TokenChoice::Invented(item, number)),
    ];
    vec((token, verdicts()), 0..4)
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![
        4 => any::<Index>().prop_map(Which::There),
        1 => (0..20_u64).prop_map(Which::Numbered),
        4 => file_paths().prop_map(Which::At),
    ]
}

fn recover() -> impl Strategy<Value = SymbolicCommand> {
    (vec(any::<Index>(), 0..3), 1..5_u32, 0..10_u64).prop_map(|(runs, max_attempts, seconds)| {
        SymbolicCommand::Recover { runs, max_attempts, longest_backoff: Duration::from_secs(seconds) }
    })
}

/// Finds what symbolic commands speak of, and remembers the claims it saw.
#[derive(Debug, Clone)]
pub struct Resolver {
    runs: Vec<RunId>,
    tokens: BTreeSet<ClaimToken>,
}

impl Default for Resolver {
    /// Knows three runs.
    fn default() -> Self {
        Self::with_runs(["run-1", "run-2", "run-3"].map(RunId::new).into())
    }
}

impl Resolver {
    /// Knows these runs; they must not be none.
    #[must_use]
    pub fn with_runs(runs: Vec<RunId>) -> Self {
        Self { runs, tokens: BTreeSet::new() }
    }

    /// Knows this run too.
    pub fn add_run(&mut self, run: RunId) {
        self.runs.push(run);
    }

    /// The command with what `queue` holds now in it.
    #[must_use]
    pub fn resolve(&self, command: &SymbolicCommand, queue: &FileQueue) -> Command {
        match command {
            SymbolicCommand::Enqueue(batch) => Enqueue(batch.clone()).into(),
            SymbolicCommand::Exchange { run, settlements, limit } => {
                let settlements = self.settlements(settlements, queue);
                ExchangeRequest { run: self.run(*run), settlements, limit: *limit }.into()
            }
            SymbolicCommand::RequeueAll => Selection::AllFailed.into(),
            SymbolicCommand::Requeue(which) => Selection::These(selectors(which, queue)).into(),
            SymbolicCommand::Reprioritise(which, priority) => {
                Reprioritise { which: selector(which, queue), priority: *priority }.into()
            }
            SymbolicCommand::Remove(which) => Remove(selectors(which, queue)).into(),
            SymbolicCommand::Clear(statuses) => Clear(statuses.clone()).into(),
            SymbolicCommand::Recover { runs, max_attempts, longest_backoff } => {
                let runs = runs.iter().map(|run| self.run(*run)).collect();
                RecoverRequest { runs, max_attempts: *max_attempts, longest_backoff: *longest_backoff }.into()
            }
        }
    }

    /// Remembers the claims under way, so that they can be shown again when they are stale.
    pub fn note_claims(&mut self, queue: &FileQueue) {
        self.tokens.extend(live_tokens(queue));
    }

    fn run(&self, index: Index) -> RunId {
        index.get(&self.runs).clone()
    }

    fn settlements(&self, symbolic: &[(TokenChoice, Verdict)], queue: &FileQueue) -> Vec<Settlement> {
        let found = symbolic.iter().filter_map(|(choice, verdict)| {
            let token = self.token(choice, queue)?;
            Some(Settlement { token, verdict: verdict.clone() })
        });
        found.collect()
    }

    fn token(&self, choice: &TokenChoice, queue: &FileQueue) -> Option<ClaimToken> {
        match choice {
            TokenChoice::Live(index) => one_of(*index, &live_tokens(queue).collect::<Vec<_>>()),
            TokenChoice::Past(index) => one_of(*index, &self.tokens.iter().copied().collect::<Vec<_>>()),
            TokenChoice::Invented(item, number) => {
                Some(ClaimToken { item: ItemId::new(*item), number: ClaimNumber::new(*number) })
            }
        }
    }
}

fn live_tokens(queue: &FileQueue) -> impl Iterator<Item = ClaimToken> {
    queue.processing().filter_map(|item| Some(ClaimToken { item: item.id, number: item.claim.as_ref()?.number }))
}

fn selectors(which: &[Which], queue: &FileQueue) -> Vec<Selector> {
    which.iter().map(|which| selector(which, queue)).collect()
}

fn selector(which: &Which, queue: &FileQueue) -> Selector {
    match which {
        Which::There(index) => {
            let ids: Vec<_> = queue.items().map(|item| item.id).collect();
            Selector::Id(one_of(*index, &ids).unwrap_or(ItemId::FIRST))
        }
        Which::Numbered(number) => Selector::Id(ItemId::new(*number)),
        Which::At(path) => Selector::Path(path.clone()),
    }
}

fn one_of<T: Copy>(index: Index, choices: &[T]) -> Option<T> {
    (!choices.is_empty()).then(|| *index.get(choices))
}
