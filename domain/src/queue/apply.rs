//! Applies events to the queue. Only this module and `restore` change items.

use crate::event::Event;
use crate::fingerprint::{Completion, Fingerprint, has_changed};
use crate::item::{Claim, ItemId, Priority, QueueItem, RunId, Sequence, Status};
use crate::lifecycle::{self, Transition};
use crate::path::FilePath;
use crate::queue::FileQueue;
use crate::queue::waiting::Entry;
use crate::request::Repeat;
use crate::time::Timestamp;
use crate::view::{EnqueueOutcome, Enqueued};

impl FileQueue {
    /// Applies one event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Enqueued { file_path, depth, priority, fingerprint, repeat, at } => {
                self.enqueue(file_path, *depth, *priority, *fingerprint, *repeat, *at);
            }
            Event::Reprioritised { id, priority } => self.change(*id, |item| item.priority = *priority),
            Event::Held { id, is_held } => self.change(*id, |item| {
                item.is_held = *is_held && item.status == Status::Pending;
            }),
            Event::Claimed { id, run, at } => self.claim(*id, run, *at),
            Event::Completed { id, completion } => self.transit(*id, Transition::Complete, |item| {
                item.completion = Some(Box::new(*completion));
            }),
            Event::RetryScheduled { id, backoff, error } => self.transit(*id, Transition::Retry, |item| {
                item.backoff = Some(*backoff);
                item.last_error = Some(error.clone());
            }),
            Event::Failed { id, timed_out, error } => {
                let transition = if *timed_out { Transition::TimeOut } else { Transition::Fail };
                self.transit(*id, transition, |item| item.last_error = Some(error.clone()));
            }
            Event::Released { id } => self.transit(*id, Transition::Release, |item| {
                item.attempts = item.attempts.saturating_sub(1);
            }),
            Event::Recovered { id } => self.transit(*id, Transition::Recover, |_| {}),
            Event::CancelRequested { id } => self.change(*id, |item| {
                item.claim.iter_mut().for_each(|claim| claim.is_cancelled = true);
            }),
            Event::BroughtForward { id, backoff } => self.change(*id, |item| {
                if item.status == Status::Pending {
                    item.backoff = Some(*backoff);
                }
            }),
            Event::RoundBegun { id } => self.begin_round(*id),
            Event::MovedToEnd { id } => self.move_to_end(*id),
            Event::Removed { id } => self.remove(*id),
            Event::Cleared { statuses } => self.clear_statuses(statuses),
        }
    }

    /// Adds a file. Returns the outcome, and true if the queue has changed.
    pub(super) fn enqueue(
        &mut self,
        file_path: &FilePath,
        depth: u8,
        priority: Priority,
        fingerprint: Option<Fingerprint>,
        repeat: Repeat,
        at: Timestamp,
    ) -> (Enqueued, bool) {
        let Some(item) = self.paths.find(file_path, &self.items) else {
            let id = self.insert_new(file_path.clone(), depth, priority, at);
            return (Enqueued { outcome: EnqueueOutcome::Added, item: Some(id) }, true);
        };
        let is_other_folder = depth != 0 && depth != item.depth;
        let (id, outcome) = (item.id, added_again(item, priority, fingerprint, repeat));
        if outcome.is_new_work() {
            self.begin_round(id);
            self.change(id, |item| item.priority = priority);
            self.move_to_end(id);
        } else if outcome == EnqueueOutcome::Raised {
            self.change(id, |item| item.priority = priority);
        }
        let has_moved = is_other_folder && outcome != EnqueueOutcome::AlreadyCompleted;
        if has_moved {
            self.change(id, |item| item.depth = depth);
        }
        let has_changed = has_moved || outcome.is_new_work() || outcome == EnqueueOutcome::Raised;
        (Enqueued { outcome, item: Some(id) }, has_changed)
    }

    fn insert_new(&mut self, file_path: FilePath, depth: u8, priority: Priority, at: Timestamp) -> ItemId {
        let item = QueueItem::added(ItemId::new(self.take_number()), file_path, priority, at);
        let item = QueueItem { depth, ..item };
        let id = item.id;
        self.index(Entry::of(&item));
        self.items.push(item);
        if let Some(item) = self.items.get(id) {
            self.paths.insert(item, &self.items);
        }
        id
    }

    fn take_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number = number.saturating_add(1);
        number
    }

    fn claim(&mut self, id: ItemId, run: &RunId, at: Timestamp) {
        if self.get(id).is_none_or(|item| item.status != Status::Pending) {
            return;
        }
        self.promote(at);
        let number = self.next_claim;
        self.transit(id, Transition::Claim, |item| {
            item.attempts = item.attempts.saturating_add(1);
            item.last_attempt = Some(at);
            item.claim = Some(Box::new(Claim { number, run: run.clone(), is_cancelled: false }));
        });
        self.next_claim = number.next();
    }

    fn begin_round(&mut self, id: ItemId) {
        let follows_completion = self.get(id).is_some_and(|item| item.status == Status::Completed);
        self.transit(id, Transition::BeginRound, |item| {
            item.round = item.round.saturating_add(1);
            item.follows_completion = follows_completion;
            item.attempts = 0;
        });
    }

    fn move_to_end(&mut self, id: ItemId) {
        let Some(item) = self.items.get(id) else { return };
        self.unindex(Entry::of(item));
        let sequence = Sequence::new(self.take_number());
        if let Some(item) = self.items.remove(id) {
            let item = QueueItem { sequence, ..item };
            self.index(Entry::of(&item));
            self.items.push(item);
        }
    }

    /// Does nothing if the lifecycle does not allow the transition.
    fn transit(&mut self, id: ItemId, transition: Transition, update: impl FnOnce(&mut QueueItem)) {
        self.change(id, |item| {
            if let Some(status) = lifecycle::next(item.status, transition) {
                item.status = status;
                item.claim = None;
                item.backoff = None;
                item.is_held = false;
                item.completion = None;
                update(item);
            }
        });
    }

    fn change(&mut self, id: ItemId, update: impl FnOnce(&mut QueueItem)) {
        let Some(before) = self.items.get(id) else { return };
        let before = Entry::of(before);
        self.unindex(before);
        if let Some(item) = self.items.get_mut(id) {
            update(item);
            let after = Entry::of(item);
            self.index(after);
        }
    }

    pub(super) fn remove_item(&mut self, id: ItemId) -> Option<QueueItem> {
        let item = self.items.get(id)?;
        let entry = Entry::of(item);
        self.paths.remove(item);
        self.unindex(entry);
        self.items.remove(id)
    }

    fn remove(&mut self, id: ItemId) {
        drop(self.remove_item(id));
    }

    fn clear_statuses(&mut self, statuses: &[Status]) {
        let cleared = |item: &&QueueItem| item.status != Status::Processing && statuses.contains(&item.status);
        let gone: Vec<_> = self.items().filter(cleared).map(|item| item.id).collect();
        for id in gone {
            self.remove(id);
        }
    }

    fn promote(&mut self, now: Timestamp) {
        self.waiting.promote(now, &self.items);
        self.scoped.iter_mut().for_each(|scoped| scoped.promote(now, &self.items));
    }

    pub(super) fn index(&mut self, entry: Entry) {
        *self.counts.of_mut(entry.status) += 1;
        self.counts.held += usize::from(entry.is_held);
        self.waiting.insert(entry);
        for scoped in &mut self.scoped {
            scoped.waiting_of(entry.id).into_iter().for_each(|waiting| waiting.insert(entry));
        }
        if entry.status == Status::Processing {
            self.processing.insert(entry.id);
        }
    }

    fn unindex(&mut self, entry: Entry) {
        *self.counts.of_mut(entry.status) -= 1;
        self.counts.held -= usize::from(entry.is_held);
        self.waiting.remove(entry);
        for scoped in &mut self.scoped {
            scoped.waiting_of(entry.id).into_iter().for_each(|waiting| waiting.remove(entry));
        }
        if entry.status == Status::Processing {
            self.processing.remove(&entry.id);
        }
    }
}

fn added_again(
    item: &QueueItem,
    priority: Priority,
    fingerprint: Option<Fingerprint>,
    repeat: Repeat,
) -> EnqueueOutcome {
    match item.status {
        Status::Pending | Status::Processing if priority > item.priority => EnqueueOutcome::Raised,
        Status::Pending | Status::Processing => EnqueueOutcome::Unchanged,
        Status::Failed | Status::Timeout => EnqueueOutcome::FailedBefore,
        Status::Completed => completed_again(item.completion.as_deref(), fingerprint, repeat),
    }
}

/// A file with an unknown fingerprint counts as unchanged.
fn completed_again(
    completion: Option<&Completion>,
    fingerprint: Option<Fingerprint>,
    repeat: Repeat,
) -> EnqueueOutcome {
    let completion = completion.copied().unwrap_or_default();
    let has_changed = has_changed(completion.fingerprint, fingerprint);
    match repeat {
        _ if has_changed => EnqueueOutcome::Changed,
        Repeat::Always => EnqueueOutcome::Repeated,
        Repeat::IfOtherRecipe(recipe) if completion.recipe != Some(recipe) => EnqueueOutcome::Repeated,
        Repeat::IfChanged | Repeat::IfOtherRecipe(_) => EnqueueOutcome::AlreadyCompleted,
    }
}
