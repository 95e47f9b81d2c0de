//! The only mutator of the queue. Total: an event that does not fit the state changes nothing, and `decide` never yields
//! one.

use crate::event::Event;
use crate::file_path::FilePath;
use crate::item::{Claim, ItemId, Priority, QueueItem, RunId, Status};
use crate::lifecycle::{self, Transition};
use crate::queue::{ClaimKey, FileQueue};
use crate::time::Timestamp;

impl FileQueue {
    /// Gives one event its effect.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Enqueued { file_path, priority, at } => self.enqueue(file_path, *priority, *at),
            Event::Reprioritised { id, priority } => self.change(*id, |item| item.priority = *priority),
            Event::Claimed { id, run, at } => self.claim(*id, run, *at),
            Event::Completed { id } => self.transit(*id, Transition::Complete, |_| {}),
            Event::RetryScheduled { id, not_before, error } => self.transit(*id, Transition::Retry, |item| {
                item.not_before = Some(*not_before);
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
            Event::BroughtForward { id, not_before } => self.change(*id, |item| {
                if item.status == Status::Pending {
                    item.not_before = Some(*not_before);
                }
            }),
            Event::Requeued { id } => self.transit(*id, Transition::Requeue, |item| item.attempts = 0),
            Event::Removed { id } => self.remove(*id),
            Event::Cleared { statuses } => self.clear(statuses),
        }
    }

    fn enqueue(&mut self, file_path: &FilePath, priority: Priority, at: Timestamp) {
        match self.latest(file_path) {
            Some(live) if live.status.is_live() => {
                let id = live.id;
                self.change(id, |item| item.priority = item.priority.max(priority));
                return;
            }
            Some(ended) => {
                let id = ended.id;
                self.remove(id);
            }
            None => {}
        }
        let item = QueueItem::added(self.next_id, file_path.clone(), priority, at);
        self.next_id = self.next_id.next();
        self.insert(item);
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
            item.claim = Some(Box::new(Claim { number, run: run.clone() }));
        });
        self.next_claim = number.next();
    }

    /// Moves a status along the lifecycle. Claim and backoff belong to the status that is left, so they go with it.
    fn transit(&mut self, id: ItemId, transition: Transition, update: impl FnOnce(&mut QueueItem)) {
        self.change(id, |item| {
            if let Some(status) = lifecycle::next(item.status, transition) {
                item.status = status;
                item.claim = None;
                item.not_before = None;
                update(item);
            }
        });
    }

    /// Changes one item and keeps the indexes true to it.
    fn change(&mut self, id: ItemId, update: impl FnOnce(&mut QueueItem)) {
        let Some(before) = self.items.get(id) else { return };
        let before = Place::of(before);
        self.unindex(before);
        if let Some(item) = self.items.get_mut(id) {
            update(item);
            let after = Place::of(item);
            self.index(after);
        }
    }

    /// Adds an item under a number above all others.
    fn insert(&mut self, item: QueueItem) {
        self.index(Place::of(&item));
        self.paths.name(&item, &self.items);
        self.items.push(item);
    }

    fn remove(&mut self, id: ItemId) {
        let Some(item) = self.items.get(id) else { return };
        let place = Place::of(item);
        self.paths.forget(item);
        self.unindex(place);
        self.items.remove(id);
    }

    fn clear(&mut self, statuses: &[Status]) {
        let gone: Vec<_> = self
            .items()
            .filter(|item| item.status != Status::Processing && statuses.contains(&item.status))
            .map(|item| item.id)
            .collect();
        for id in gone {
            self.remove(id);
        }
    }

    /// Lets what has fallen due by `now` be ready.
    fn promote(&mut self, now: Timestamp) {
        let until = self.promoted_until.max(now);
        let fell_due = self.due_after(self.promoted_until).take_while(|(due, _)| *due <= until);
        let keys: Vec<_> = fell_due.filter_map(|(_, id)| self.items.get(id)).map(ClaimKey::of).collect();
        self.promoted_until = until;
        for key in keys {
            self.ready.insert(key);
        }
    }

    pub(super) fn index(&mut self, place: Place) {
        *self.counts.of_mut(place.status) += 1;
        match place.status {
            Status::Pending => {
                self.backing_off.extend(place.not_before.map(|due| (due, place.key.id())));
                if place.not_before.is_none_or(|due| due <= self.promoted_until) {
                    self.ready.insert(place.key);
                }
            }
            Status::Processing => drop(self.processing.insert(place.key.id())),
            Status::Completed | Status::Failed | Status::Timeout => {}
        }
    }

    fn unindex(&mut self, place: Place) {
        *self.counts.of_mut(place.status) -= 1;
        match place.status {
            Status::Pending => {
                self.ready.remove(place.key);
                if let Some(due) = place.not_before {
                    self.backing_off.remove(&(due, place.key.id()));
                }
            }
            Status::Processing => drop(self.processing.remove(&place.key.id())),
            Status::Completed | Status::Failed | Status::Timeout => {}
        }
    }
}

/// What the indexes need to know of an item.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    key: ClaimKey,
    status: Status,
    not_before: Option<Timestamp>,
}

impl Place {
    pub(super) fn of(item: &QueueItem) -> Self {
        Self { key: ClaimKey::of(item), status: item.status, not_before: item.not_before }
    }
}
