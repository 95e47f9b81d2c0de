//! The requests to the queue, one type per transaction; see
//! [`Transaction`](crate::queue::Transaction) for the effects.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::fingerprint::{Completion, Fingerprint, Recipe};
use crate::item::{ClaimToken, ItemId, Priority, RunId, Status};
use crate::path::FilePath;

/// Adds files, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Enqueue {
    /// The files; a path may occur more than once, and then counts as added again.
    pub items: Vec<NewItem>,
    /// Which ended items begin a new round.
    pub repeat: Repeat,
    /// What the caller does with the answer.
    pub answer: AnswerNeeded,
}

impl Enqueue {
    /// Adds these files, leaves completed ones alone if they are unchanged, and asks for the
    /// whole answer.
    #[must_use]
    pub fn new(items: Vec<NewItem>) -> Self {
        Self { items, ..Self::default() }
    }
}

/// A file to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewItem {
    /// The file.
    pub file_path: FilePath,
    /// Its urgency.
    pub priority: Priority,
    /// What the file looks like now; `None` if it is not there or was not looked at, which counts
    /// as unchanged.
    pub fingerprint: Option<Fingerprint>,
}

impl NewItem {
    /// A file of priority 0 that was not looked at.
    #[must_use]
    pub fn new(file_path: FilePath) -> Self {
        Self { file_path, priority: Priority::default(), fingerprint: None }
    }

    /// The same file with this priority.
    #[must_use]
    pub fn with_priority(self, priority: Priority) -> Self {
        Self { priority, ..self }
    }

    /// The same file, seen like this.
    #[must_use]
    pub fn with_fingerprint(self, fingerprint: Option<Fingerprint>) -> Self {
        Self { fingerprint, ..self }
    }
}

/// Which items that have ended begin a new round when they are added again. A failed item always
/// does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Repeat {
    /// A completed item only if its file changed since.
    #[default]
    IfChanged,
    /// Also a completed item that another recipe, or none, completed.
    IfOtherRecipe(Recipe),
    /// Every item that has ended.
    Always,
}

/// Whether an addition needs its whole answer now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum AnswerNeeded {
    /// The caller needs the outcome and the item of each file.
    #[default]
    Now,
    /// The store may answer [`EnqueueOutcome::Accepted`](crate::view::EnqueueOutcome::Accepted) in
    /// place of the outcome.
    Later,
}

/// Settles attempts that ended and claims new ones, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeRequest {
    /// The run that asks. It must be alive.
    pub run: RunId,
    /// Identifies this request among those of the run. A store that has carried out the run's
    /// latest request answers the same again if it is asked again.
    pub id: RequestId,
    /// The attempts that ended; may be empty.
    pub settlements: Vec<Settlement>,
    /// The most items to claim; may be 0.
    pub limit: usize,
    /// The items that the run may claim.
    pub scope: Scope,
}

/// Numbers the exchanges of one run, ascending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(u64);

impl RequestId {
    /// Wraps a number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The id of the next request.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The items that a run processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scope {
    /// All of the queue.
    #[default]
    Queue,
    /// These items and no others. Ids that are not in the queue count for nothing. Clones share
    /// the set; stores may keep an index for each set that they have seen, so a run passes the
    /// same one each time.
    Items(Arc<BTreeSet<ItemId>>),
}

impl Scope {
    /// True if the run may claim this item.
    #[must_use]
    pub fn contains(&self, id: ItemId) -> bool {
        match self {
            Self::Queue => true,
            Self::Items(ids) => ids.contains(&id),
        }
    }
}

impl FromIterator<ItemId> for Scope {
    fn from_iter<I: IntoIterator<Item = ItemId>>(ids: I) -> Self {
        Self::Items(Arc::new(ids.into_iter().collect()))
    }
}

/// What one claim came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The claim.
    pub token: ClaimToken,
    /// What its item becomes.
    pub verdict: Verdict,
}

/// What an item becomes after its attempt. [`RetryPolicy::judge`](crate::retry::RetryPolicy::judge)
/// decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The attempt succeeded.
    Complete(Completion),
    /// The attempt failed, and another one follows.
    Retry {
        /// How long to wait, from the moment of settling.
        backoff: Duration,
        /// What went wrong.
        error: Box<str>,
    },
    /// The attempt failed, and no other one follows.
    Fail {
        /// True if the attempt ran out of time.
        timed_out: bool,
        /// What went wrong.
        error: Box<str>,
    },
    /// The run gives the attempt back unfinished or not begun; it is not counted.
    Release,
}

impl Verdict {
    /// The same verdict with another error text, if it has one.
    #[must_use]
    pub fn with_error(self, error: Box<str>) -> Self {
        match self {
            Self::Retry { backoff, .. } => Self::Retry { backoff, error },
            Self::Fail { timed_out, .. } => Self::Fail { timed_out, error },
            Self::Complete(_) | Self::Release => self,
        }
    }
}

/// Begins a new round for ended items, at the end of their priority: one after the other, in the order
/// in which they stood in line or are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requeue {
    /// Every item that failed or timed out.
    AllFailed,
    /// These items. The request is rejected unless each of them failed or timed out.
    These(Vec<Selector>),
}

/// Changes the priority of a live item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reprioritise {
    /// The item.
    pub which: Selector,
    /// Its new priority.
    pub priority: Priority,
}

/// Sets pending items aside, or lets them be claimed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The items. The request is rejected unless each of them is pending.
    pub which: Vec<Selector>,
    /// True sets them aside.
    pub is_held: bool,
}

/// Ends live items as failed, with the error [`CANCELLED`](crate::failure::CANCELLED).
///
/// A pending item ends at once. The run that works on a processing one learns of it from its next
/// exchange and ends the attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancel(pub Vec<Selector>);

/// Takes items out of the queue. The request is rejected if one of them is being processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remove(pub Vec<Selector>);

/// Takes every item with one of these statuses out of the queue; items being processed stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clear(pub Vec<Status>);

/// Takes back the claims of dead runs. The attempts stay counted, and the items wait again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoverRequest {
    /// The dead runs.
    pub runs: Vec<RunId>,
    /// The attempt limit. An item that has reached it fails with [`run_died`](crate::failure::run_died)
    /// instead of returning to pending; this stops a file that kills its run from being retried for
    /// ever. A cancelled item fails in any case.
    pub max_attempts: u32,
}

/// How a person names one item.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selector {
    /// By path.
    Path(FilePath),
    /// By id.
    Id(ItemId),
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.fmt(f),
            Self::Id(id) => write!(f, "item {id}"),
        }
    }
}
