//! Indexes the waiting items by claim order and by due time.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::item::{Backoff, ItemId, QueueItem, Sequence, Status};
use crate::queue::ClaimKey;
use crate::queue::collections::{Items, Ready};
use crate::time::Timestamp;

#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) id: ItemId,
    pub(super) key: ClaimKey,
    pub(super) status: Status,
    pub(super) is_held: bool,
    backoff: Option<Backoff>,
}

impl Entry {
    pub(super) fn of(item: &QueueItem) -> Self {
        let QueueItem { id, status, is_held, backoff, .. } = *item;
        Self { id, key: ClaimKey::of(item), status, is_held, backoff }
    }

    fn is_waiting(self) -> bool {
        self.status == Status::Pending && !self.is_held
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Waiting {
    /// The items that were due at `promoted_until`.
    ready: Ready,
    /// The waiting items with a backoff, even an ended one, ordered by the end of the backoff. Held
    /// items do not wait.
    backing_off: BTreeSet<(Timestamp, Sequence)>,
    /// The same items, ordered by `Backoff::ordered_at`.
    ordered: BTreeSet<(Timestamp, Sequence)>,
    count: usize,
    /// The latest time of a claim so far.
    promoted_until: Option<Timestamp>,
}

impl Waiting {
    pub(super) fn insert(&mut self, entry: Entry) {
        if !entry.is_waiting() {
            return;
        }
        self.count += 1;
        let sequence = entry.key.sequence();
        self.backing_off.extend(entry.backoff.map(|backoff| (backoff.not_before, sequence)));
        self.ordered.extend(entry.backoff.map(|backoff| (backoff.ordered_at, sequence)));
        if entry.backoff.is_none_or(|backoff| Some(backoff.not_before) <= self.promoted_until) {
            self.ready.insert(entry.key);
        }
    }

    pub(super) fn remove(&mut self, entry: Entry) {
        if !entry.is_waiting() {
            return;
        }
        self.count -= 1;
        self.ready.remove(entry.key);
        if let Some(Backoff { not_before, ordered_at }) = entry.backoff {
            self.backing_off.remove(&(not_before, entry.key.sequence()));
            self.ordered.remove(&(ordered_at, entry.key.sequence()));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        self.due_after(Some(now)).next().map(|(due, _)| due)
    }

    pub(super) fn due_after(&self, point: Option<Timestamp>) -> impl Iterator<Item = (Timestamp, Sequence)> {
        let from = point.map_or((Timestamp::MIN, Sequence::new(0)), |point| (point, Sequence::new(u64::MAX)));
        self.backing_off.range(from..).copied()
    }

    /// Returns the items whose backoff was set after `now`. Such items exist only if the clock was
    /// set back.
    pub(super) fn ordered_after(&self, now: Timestamp) -> impl Iterator<Item = Sequence> {
        self.ordered.range((now, Sequence::new(u64::MAX))..).map(|(_, sequence)| *sequence)
    }

    pub(super) fn claimable(&self, now: Timestamp, limit: usize, items: &Items) -> Vec<ClaimKey> {
        let is_due = |key: &ClaimKey| items.at(key.sequence()).is_some_and(|item| item.is_due(now));
        let fell_due = self.due_after(self.promoted_until).take_while(|(due, _)| *due <= now);
        let fell_due = fell_due.filter_map(|(_, sequence)| items.at(sequence)).map(ClaimKey::of);
        let mut keys: Vec<_> = self.ready.iter().filter(is_due).take(limit).chain(fell_due).collect();
        keys.sort_unstable();
        keys.truncate(limit);
        keys
    }

    pub(super) fn promote(&mut self, now: Timestamp, items: &Items) {
        let until = self.promoted_until.max(Some(now));
        let fell_due = self.due_after(self.promoted_until).take_while(|(due, _)| Some(*due) <= until);
        let keys: Vec<_> = fell_due.filter_map(|(_, sequence)| items.at(sequence)).map(ClaimKey::of).collect();
        self.promoted_until = until;
        for key in keys {
            self.ready.insert(key);
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Scoped {
    ids: Arc<BTreeSet<ItemId>>,
    waiting: Waiting,
}

impl Scoped {
    pub(super) fn new(ids: Arc<BTreeSet<ItemId>>, items: &Items) -> Self {
        let mut waiting = Waiting::default();
        for item in ids.iter().filter_map(|id| items.get(*id)) {
            waiting.insert(Entry::of(item));
        }
        Self { ids, waiting }
    }

    pub(super) fn is_of(&self, ids: &Arc<BTreeSet<ItemId>>) -> bool {
        Arc::ptr_eq(&self.ids, ids)
    }

    /// True while a run or a request still uses the scope's set of ids.
    pub(super) fn is_used(&self) -> bool {
        Arc::strong_count(&self.ids) > 1
    }

    pub(super) fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    pub(super) fn waiting_of(&mut self, id: ItemId) -> Option<&mut Waiting> {
        self.ids.contains(&id).then_some(&mut self.waiting)
    }

    pub(super) fn promote(&mut self, now: Timestamp, items: &Items) {
        self.waiting.promote(now, items);
    }
}
