//! Random histories of symbolic requests.
//!
//! A strategy cannot know the ids that a queue will assign. So it generates *symbolic* requests,
//! such as "settle the second claim of that run". A [`Resolver`] fills in the ids and claims when
//! the history is replayed. Symbolic requests also shrink well.

use std::collections::BTreeSet;

use autoproc_domain::item::{ClaimNumber, ClaimToken};
use autoproc_domain::request::{
    AnswerNeeded, Cancel, Clear, Enqueue, ExchangeRequest, Hold, NewItem, RecoverRequest, Remove, Repeat, Reprioritise,
    RequestId, Requeue, Scope, Selector, Settlement, Verdict,
};
use autoproc_domain::{FilePath, FileQueue, ItemId, Priority, RunId, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::{clock_steps, file_paths, new_items, priorities, repeats, statuses, verdicts};
use crate::AnyRequest;

/// No queue assigns this id or a higher one.
const NEVER: u64 = 1 << 59;

/// A request whose items and claims are not chosen yet.
#[derive(Debug, Clone)]
pub enum SymbolicRequest {
    /// Add these files.
    Enqueue(Vec<NewItem>, Repeat),
    /// Settle claims, then claim items.
    Exchange {
        /// The run that makes the request.
        run: Index,
        /// The claims to settle, with a verdict for each.
        settlements: Vec<(TokenChoice, Verdict)>,
        /// The maximum number of new claims.
        limit: usize,
        /// The items that may be claimed.
        scope: ScopeChoice,
    },
    /// Requeue all items that failed or timed out.
    RequeueAll,
    /// Requeue these items.
    Requeue(Vec<ItemChoice>),
    /// Change the priority of one item.
    Reprioritise(ItemChoice, Priority),
    /// Hold these items (true), or unhold them (false).
    Hold(Vec<ItemChoice>, bool),
    /// Cancel these items.
    Cancel(Vec<ItemChoice>),
    /// Remove these items.
    Remove(Vec<ItemChoice>),
    /// Remove every item with one of these statuses.
    Clear(Vec<Status>),
    /// Recover the claims of runs.
    Recover {
        /// The runs whose claims are recovered.
        runs: Vec<Index>,
        /// The attempt limit. A recovered item that has reached the limit fails.
        max_attempts: u32,
    },
}

/// Describes how the [`Resolver`] chooses a claim when the history is replayed.
#[derive(Debug, Clone)]
pub enum TokenChoice {
    /// One of the current claims of the run that makes the request.
    Own(Index),
    /// One of the current claims of all runs.
    Live(Index),
    /// One of all claims that were ever recorded; most of them are stale.
    Past(Index),
    /// A claim with this item id and claim number, which rarely exists.
    Invented(u64, u64),
}

/// Describes how the [`Resolver`] chooses an item when the history is replayed.
#[derive(Debug, Clone)]
pub enum ItemChoice {
    /// One of the items in the queue, by id.
    Present(Index),
    /// The item with this id, which may be absent.
    Numbered(u64),
    /// The item with this path, which may be absent.
    At(FilePath),
}

/// Describes how the [`Resolver`] chooses a scope when the history is replayed.
#[derive(Debug, Clone)]
pub enum ScopeChoice {
    /// The whole queue.
    Queue,
    /// Only these items.
    Items(Vec<ItemChoice>),
    /// The same scope as in an earlier request.
    Again(Index),
}

/// Generates histories of at most `steps` requests. Each request comes with the clock step before
/// it, in microseconds.
pub fn histories(steps: usize) -> impl Strategy<Value = Vec<(SymbolicRequest, i64)>> {
    vec((symbolic_request(), clock_steps()), 0..=steps)
}

/// Generates requests of all kinds. Most are additions and exchanges, as in normal use.
pub fn symbolic_request() -> impl Strategy<Value = SymbolicRequest> {
    prop_oneof![
        6 => (vec(new_items(), 0..5), repeats()).prop_map(|(items, repeat)| SymbolicRequest::Enqueue(items, repeat)),
        9 => (any::<Index>(), settlements(), 0..4_usize, scopes()).prop_map(
            |(run, settlements, limit, scope)| SymbolicRequest::Exchange { run, settlements, limit, scope }
        ),
        1 => Just(SymbolicRequest::RequeueAll),
        1 => vec(item_choices(), 0..3).prop_map(SymbolicRequest::Requeue),
        2 => (item_choices(), priorities()).prop_map(|(which, to)| SymbolicRequest::Reprioritise(which, to)),
        2 => (vec(item_choices(), 0..3), any::<bool>()).prop_map(|(which, held)| SymbolicRequest::Hold(which, held)),
        2 => vec(item_choices(), 0..2).prop_map(SymbolicRequest::Cancel),
        1 => vec(item_choices(), 0..3).prop_map(SymbolicRequest::Remove),
        1 => vec(statuses(), 0..3).prop_map(SymbolicRequest::Clear),
        1 => (vec(any::<Index>(), 0..3), 1..5_u32)
            .prop_map(|(runs, max_attempts)| SymbolicRequest::Recover { runs, max_attempts }),
    ]
}

fn settlements() -> impl Strategy<Value = Vec<(TokenChoice, Verdict)>> {
    let token = prop_oneof![
        8 => any::<Index>().prop_map(TokenChoice::Own),
        2 => any::<Index>().prop_map(TokenChoice::Live),
        2 => any::<Index>().prop_map(TokenChoice::Past),
        1 => (0..20_u64, 0..20_u64).prop_map(|(item, number)| TokenChoice::Invented(item, number)),
    ];
    vec((token, verdicts()), 0..4)
}

fn scopes() -> impl Strategy<Value = ScopeChoice> {
    prop_oneof![
        4 => Just(ScopeChoice::Queue),
        1 => vec(item_choices(), 0..4).prop_map(ScopeChoice::Items),
        1 => any::<Index>().prop_map(ScopeChoice::Again),
    ]
}

fn item_choices() -> impl Strategy<Value = ItemChoice> {
    prop_oneof![
        4 => any::<Index>().prop_map(ItemChoice::Present),
        1 => (0..20_u64).prop_map(ItemChoice::Numbered),
        4 => file_paths().prop_map(ItemChoice::At),
    ]
}

/// Turns symbolic requests into requests. Remembers the claims and scopes that it has seen.
#[derive(Debug, Clone)]
pub struct Resolver {
    runs: Vec<RunId>,
    tokens: BTreeSet<ClaimToken>,
    scopes: Vec<Scope>,
    last_request: RequestId,
}

impl Default for Resolver {
    fn default() -> Self {
        Self::with_runs(["run-1", "run-2", "run-3"].map(RunId::new).into())
    }
}

impl Resolver {
    /// Creates a resolver with these runs. There must be at least one run.
    #[must_use]
    pub fn with_runs(runs: Vec<RunId>) -> Self {
        Self { runs, tokens: BTreeSet::new(), scopes: Vec::new(), last_request: RequestId::default() }
    }

    /// Adds a run.
    pub fn add_run(&mut self, run: RunId) {
        self.runs.push(run);
    }

    /// Returns `request` with items and claims chosen from `queue`.
    #[must_use]
    pub fn resolve(&mut self, request: &SymbolicRequest, queue: &FileQueue) -> AnyRequest {
        match request {
            SymbolicRequest::Exchange { run, .. } => {
                let run = run.get(&self.runs).clone();
                self.resolve_for(&run, request, queue)
            }
            _ => self.resolve_for(&self.runs[0].clone(), request, queue),
        }
    }

    /// Resolves `request` like [`resolve`](Self::resolve). If `request` is an exchange, `run` makes
    /// it, and the run in `request` is ignored.
    #[must_use]
    pub fn resolve_for(&mut self, run: &RunId, request: &SymbolicRequest, queue: &FileQueue) -> AnyRequest {
        match request {
            SymbolicRequest::Enqueue(items, repeat) => {
                AnyRequest::Enqueue(Enqueue { items: items.clone(), repeat: *repeat, answer: AnswerNeeded::Now })
            }
            SymbolicRequest::Exchange { settlements, limit, scope, .. } => {
                self.last_request = self.last_request.next();
                AnyRequest::Exchange(ExchangeRequest {
                    run: run.clone(),
                    id: self.last_request,
                    settlements: self.settlements(run, settlements, queue),
                    limit: *limit,
                    scope: self.scope(scope, queue),
                })
            }
            SymbolicRequest::RequeueAll => AnyRequest::Requeue(Requeue::AllFailed),
            SymbolicRequest::Requeue(which) => AnyRequest::Requeue(Requeue::These(selectors(which, queue))),
            SymbolicRequest::Reprioritise(which, priority) => {
                AnyRequest::Reprioritise(Reprioritise { which: selector(which, queue), priority: *priority })
            }
            SymbolicRequest::Hold(which, is_held) => {
                AnyRequest::Hold(Hold { which: selectors(which, queue), is_held: *is_held })
            }
            SymbolicRequest::Cancel(which) => AnyRequest::Cancel(Cancel(selectors(which, queue))),
            SymbolicRequest::Remove(which) => AnyRequest::Remove(Remove(selectors(which, queue))),
            SymbolicRequest::Clear(statuses) => AnyRequest::Clear(Clear(statuses.clone())),
            SymbolicRequest::Recover { runs, max_attempts } => {
                let runs = runs.iter().map(|run| run.get(&self.runs).clone()).collect();
                AnyRequest::Recover(RecoverRequest { runs, max_attempts: *max_attempts })
            }
        }
    }

    /// Records the current claims, so that later requests can settle stale claims.
    pub fn record_claims(&mut self, queue: &FileQueue) {
        self.tokens.extend(live_tokens(queue).map(|(token, _)| token));
    }

    fn settlements(&self, run: &RunId, symbolic: &[(TokenChoice, Verdict)], queue: &FileQueue) -> Vec<Settlement> {
        let found = symbolic.iter().filter_map(|(choice, verdict)| {
            let token = self.token(run, choice, queue)?;
            Some(Settlement { token, verdict: verdict.clone() })
        });
        found.collect()
    }

    fn token(&self, run: &RunId, choice: &TokenChoice, queue: &FileQueue) -> Option<ClaimToken> {
        let live = |is_wanted: &dyn Fn(&RunId) -> bool| -> Vec<_> {
            live_tokens(queue).filter(|(_, holder)| is_wanted(holder)).map(|(token, _)| token).collect()
        };
        match choice {
            TokenChoice::Own(index) => one_of(*index, &live(&|holder| holder == run)),
            TokenChoice::Live(index) => one_of(*index, &live(&|_| true)),
            TokenChoice::Past(index) => one_of(*index, &self.tokens.iter().copied().collect::<Vec<_>>()),
            TokenChoice::Invented(item, number) => {
                Some(ClaimToken { item: ItemId::new(*item), number: ClaimNumber::new(*number) })
            }
        }
    }

    fn scope(&mut self, choice: &ScopeChoice, queue: &FileQueue) -> Scope {
        match choice {
            ScopeChoice::Again(index) if !self.scopes.is_empty() => index.get(&self.scopes).clone(),
            ScopeChoice::Queue | ScopeChoice::Again(_) => Scope::Queue,
            ScopeChoice::Items(which) => {
                let ids = selectors(which, queue).into_iter().filter_map(|which| match which {
                    Selector::Id(id) => Some(queue.get(id).map_or(ItemId::new(NEVER + id.get()), |item| item.id)),
                    path @ Selector::Path(_) => queue.find(&path).map(|item| item.id),
                });
                let scope: Scope = ids.collect();
                self.scopes.push(scope.clone());
                scope
            }
        }
    }
}

fn live_tokens(queue: &FileQueue) -> impl Iterator<Item = (ClaimToken, &RunId)> {
    queue.processing().filter_map(|item| {
        let claim = item.claim.as_ref()?;
        Some((ClaimToken { item: item.id, number: claim.number }, &claim.run))
    })
}

fn selectors(which: &[ItemChoice], queue: &FileQueue) -> Vec<Selector> {
    which.iter().map(|which| selector(which, queue)).collect()
}

fn selector(which: &ItemChoice, queue: &FileQueue) -> Selector {
    match which {
        ItemChoice::Present(index) => {
            let ids: Vec<_> = queue.items().map(|item| item.id).collect();
            Selector::Id(one_of(*index, &ids).unwrap_or(ItemId::FIRST))
        }
        ItemChoice::Numbered(number) => Selector::Id(ItemId::new(*number)),
        ItemChoice::At(path) => Selector::Path(path.clone()),
    }
}

fn one_of<T: Copy>(index: Index, choices: &[T]) -> Option<T> {
    (!choices.is_empty()).then(|| *index.get(choices))
}
