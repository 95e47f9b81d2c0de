//! What can be asked of the queue. Vocabulary only: [`decide`](crate::queue::decide) says what comes of it.

use std::time::Duration;

use crate::file_path::FilePath;
use crate::item::{ClaimToken, ItemId, Priority, RunId, Status};

/// One transaction: it happens wholly or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Add files.
    Enqueue(Enqueue),
    /// Settle what has ended and claim what is due, together.
    Exchange(ExchangeRequest),
    /// Give ended items another round of attempts.
    Requeue(Selection),
    /// Change an item's urgency.
    Reprioritise(Reprioritise),
    /// Take items out.
    Remove(Remove),
    /// Take out items by status.
    Clear(Clear),
    /// Take back the claims of runs that are dead.
    Recover(RecoverRequest),
}

/// Files to add, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enqueue(pub Vec<NewItem>);

/// A live item and its new urgency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reprioritise {
    /// The item.
    pub which: Selector,
    /// Its new urgency.
    pub priority: Priority,
}

/// Items to take out; none of them may be processing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remove(pub Vec<Selector>);

/// Take out every item in one of these statuses; what is processing stays whatever is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clear(pub Vec<Status>);

/// A file to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewItem {
    /// The file.
    pub file_path: FilePath,
    /// Its urgency.
    pub priority: Priority,
}

/// Settlements of claims that ended, and a wish for new ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeRequest {
    /// Who asks.
    pub run: RunId,
    /// What has ended; may be empty.
    pub settlements: Vec<Settlement>,
    /// How many items to claim at the most; may be 0.
    pub limit: usize,
}

/// What became of one claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The claim.
    pub token: ClaimToken,
    /// What its item becomes.
    pub verdict: Verdict,
}

/// What an item becomes when its attempt has ended. [`RetryPolicy::judge`](crate::retry::RetryPolicy::judge) finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Ended well.
    Complete,
    /// To be tried again, not before `backoff` is over.
    Retry {
        /// How long to wait from the moment of settling.
        backoff: Duration,
        /// What went wrong.
        error: Box<str>,
    },
    /// Ended badly.
    Fail {
        /// Whether the last attempt ran out of time.
        timed_out: bool,
        /// What went wrong.
        error: Box<str>,
    },
    /// Given back unfinished, by our own doing: the attempt is not counted.
    Release,
}

impl Verdict {
    /// The same verdict with these words for what went wrong, where something did.
    #[must_use]
    pub fn saying(self, words: Box<str>) -> Self {
        match self {
            Self::Retry { backoff, .. } => Self::Retry { backoff, error: words },
            Self::Fail { timed_out, .. } => Self::Fail { timed_out, error: words },
            well @ (Self::Complete | Self::Release) => well,
        }
    }
}

/// Which ended items to requeue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Every item that failed or timed out.
    AllFailed,
    /// These, each of which must have failed or timed out.
    These(Vec<Selector>),
}

/// How a person names one item.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selector {
    /// By its path.
    Path(FilePath),
    /// By its sequence number.
    Id(ItemId),
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => path.fmt(f),
            Self::Id(id) => write!(f, "item {id}"),
        }
    }
}

/// The claims to take back, and the limits of the run that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoverRequest {
    /// The runs that are dead.
    pub runs: Vec<RunId>,
    /// An item with this many attempts behind it ends as failed, so that a file which kills its run cannot loop for ever.
    pub max_attempts: u32,
    /// The longest backoff anybody would order. An item due later than that from now was put off by a clock that has
    /// been set back since; it is brought forward to it.
    pub longest_backoff: Duration,
}
