//! The queue and its transactions.
//!
//! A request is a [`Transaction`]. [`perform`](Transaction::perform) turns the request into events
//! and applies them to the queue. A durable store records the events before it answers. If
//! recording fails, the store must read the queue again. [`FileQueue::apply`] applies recorded
//! events.

mod apply;
mod collections;
mod decide;
mod exchanges;
mod restore;
mod specification;
mod transaction;
mod waiting;

use std::collections::BTreeSet;

use crate::item::{ClaimNumber, ItemId, QueueItem, Status};
use crate::request::{Scope, Selector};
use crate::time::Timestamp;
use crate::view::{Counts, Page, PageRequest};

pub use crate::claim_key::ClaimKey;
pub use exchanges::LatestExchanges;
pub use restore::{Inconsistent, Refused, Restore};
pub use specification::LOCAL_RUN;
pub use transaction::{Performed, Transaction};

use collections::{Items, PathIndex};
use waiting::{Scoped, Waiting};

/// A priority queue of files, as a plain value.
///
/// For n items, an addition or a settlement costs O(log n). An exchange costs an additional O(p)
/// for p processing items. Reading the counts costs O(1). A page of m items costs O(n + m log m).
///
/// The methods of the program's specification, such as `add` and `pop`, are thin wrappers around
/// transactions:
///
/// ```
/// use autoproc_domain::{FilePath, FileQueue, Priority, Timestamp};
///
/// let now = Timestamp::from_micros(0);
/// let (report, urgent) = (FilePath::new("/in/report.pdf")?, FilePath::new("/in/urgent.pdf")?);
/// let mut queue = FileQueue::new();
/// queue.add(&report, Priority::new(0), now);
/// queue.add(&urgent, Priority::new(5), now);
///
/// // The higher priority is popped first, and one file still waits.
/// assert_eq!(queue.pop(now).map(|item| item.file_path), Some(urgent.clone()));
/// assert_eq!(queue.size(), 1);
///
/// queue.mark_complete(&urgent, now)?;
/// assert_eq!(queue.peek(now).map(|item| &item.file_path), Some(&report));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct FileQueue {
    items: Items,
    /// The next id or sequence number.
    next_number: u64,
    next_claim: ClaimNumber,
    paths: PathIndex,
    counts: Counts,
    waiting: Waiting,
    /// One index of waiting items for each scope of listed items.
    scoped: Vec<Scoped>,
    processing: BTreeSet<ItemId>,
}

impl PartialEq for FileQueue {
    fn eq(&self, other: &Self) -> bool {
        (self.next_number, self.next_claim) == (other.next_number, other.next_claim)
            && self.items.iter().eq(other.items.iter())
    }
}

impl Eq for FileQueue {}

impl Default for FileQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl FileQueue {
    /// Creates an empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self {
            items: Items::default(),
            next_number: ItemId::FIRST.get(),
            next_claim: ClaimNumber::FIRST,
            paths: PathIndex::default(),
            counts: Counts::default(),
            waiting: Waiting::default(),
            scoped: Vec::new(),
            processing: BTreeSet::new(),
        }
    }

    /// Returns the item with this id.
    #[must_use]
    pub fn get(&self, id: ItemId) -> Option<&QueueItem> {
        self.items.get(id)
    }

    /// Returns the item that `which` refers to.
    #[must_use]
    pub fn find(&self, which: &Selector) -> Option<&QueueItem> {
        match which {
            Selector::Id(id) => self.get(*id),
            Selector::Path(path) => self.paths.find(path, &self.items),
        }
    }

    fn reserve(&mut self, additional: usize) {
        self.items.reserve(additional);
        self.paths.reserve(additional, &self.items);
    }

    /// Iterates over all items, by sequence number.
    pub fn items(&self) -> impl Iterator<Item = &QueueItem> {
        self.items.iter()
    }

    fn with_status(&self, statuses: &'static [Status]) -> impl Iterator<Item = &QueueItem> {
        self.items().filter(|item| statuses.contains(&item.status))
    }

    /// Returns the number of items in each status.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns the number of items of a scope in each status. The time is proportional to the
    /// number of ids in the scope.
    #[must_use]
    pub fn counts_in(&self, scope: &Scope) -> Counts {
        match scope {
            Scope::Queue => self.counts,
            Scope::Items(ids) => ids.iter().filter_map(|id| self.get(*id)).fold(Counts::default(), Counts::with),
        }
    }

    /// Returns the number that the next new item gets as its id.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.next_number
    }

    /// Returns the number that the next claim gets.
    #[must_use]
    pub fn next_claim(&self) -> ClaimNumber {
        self.next_claim
    }

    /// Iterates over the processing items, by id.
    pub fn processing(&self) -> impl Iterator<Item = &QueueItem> {
        self.processing.iter().filter_map(|id| self.get(*id))
    }

    /// Returns the earliest time after `now` at which a backoff ends; `None` if no waiting item is
    /// in backoff.
    #[must_use]
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        self.waiting.next_due(now)
    }

    /// Returns the waiting items of the scope. A scope of listed items needs `open_scope` first.
    fn waiting_in(&self, scope: &Scope) -> &Waiting {
        let scoped = match scope {
            Scope::Queue => None,
            Scope::Items(ids) => self.scoped.iter().find(|scoped| scoped.is_of(ids)),
        };
        scoped.map_or(&self.waiting, Scoped::waiting)
    }

    /// Creates the index of the scope unless it exists. Drops unused indexes.
    fn open_scope(&mut self, scope: &Scope) {
        let Scope::Items(ids) = scope else { return };
        if self.scoped.iter().any(|scoped| scoped.is_of(ids)) {
            return;
        }
        self.scoped.retain(Scoped::is_used);
        self.scoped.push(Scoped::new(ids.clone(), &self.items));
    }

    /// Returns one page of items, in claim order.
    #[must_use]
    pub fn page(&self, request: &PageRequest) -> Page {
        let mut keys: Vec<_> = self
            .items()
            .filter(|item| request.statuses.is_empty() || request.statuses.contains(&item.status))
            .map(ClaimKey::of)
            .filter(|key| request.after.is_none_or(|after| *key > after))
            .collect();
        let length = request.limit.unwrap_or(keys.len()).min(keys.len());
        let has_more = length < keys.len();
        if has_more {
            // Sort only the keys on the page.
            keys.select_nth_unstable(length);
            keys.truncate(length);
        }
        keys.sort_unstable();
        let next = keys.last().copied().filter(|_| has_more);
        let items = keys.iter().filter_map(|key| self.items.at(key.sequence()).cloned()).collect();
        Page { items, next }
    }
}
