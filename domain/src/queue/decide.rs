//! What comes of a command: events, or a refusal. Nothing here changes anything.

use std::collections::BTreeSet;

use hashbrown::HashTable;

use crate::command::{
    Clear, Command, Enqueue, ExchangeRequest, NewItem, RecoverRequest, Remove, Reprioritise, Selection, Selector,
    Settlement, Verdict,
};
use crate::event::Event;
use crate::file_path::FilePath;
use crate::item::{ItemId, Priority, QueueItem, Status};
use crate::queue::{ClaimKey, FileQueue};
use crate::rejection::Rejection;
use crate::time::Timestamp;
use crate::view::EnqueueOutcome;

/// Decides a command at a point in time. Total: the same queue, command and time give the same answer, always.
///
/// # Errors
/// [`Rejection`] where the rules say no to the whole of it.
pub fn decide(queue: &FileQueue, command: &Command, now: Timestamp) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::Enqueue(request) => Ok(enqueue(queue, request, now).0),
        Command::Exchange(request) => Ok(exchange(queue, request, now)),
        Command::Requeue(request) => requeue(queue, request),
        Command::Reprioritise(request) => reprioritise(queue, request),
        Command::Remove(request) => remove(queue, request),
        Command::Clear(request) => Ok(clear(queue, request)),
        Command::Recover(request) => Ok(recover(queue, request, now)),
    }
}

/// One live entry a path: a path that is there already, in the queue or earlier in the batch, can only be raised.
pub(super) fn enqueue(queue: &FileQueue, request: &Enqueue, now: Timestamp) -> (Vec<Event>, Vec<EnqueueOutcome>) {
    let length = request.0.len();
    let mut batch = Batch { queue, events: Vec::with_capacity(length), by_path: HashTable::with_capacity(length) };
    let outcomes = request.0.iter().map(|new| batch.take_in(new, now)).collect();
    (batch.events, outcomes)
}

/// What a batch comes to so far.
struct Batch<'a> {
    queue: &'a FileQueue,
    events: Vec<Event>,
    /// Which event speaks of a path.
    by_path: HashTable<usize>,
}

impl Batch<'_> {
    fn take_in(&mut self, new: &NewItem, now: Timestamp) -> EnqueueOutcome {
        let NewItem { file_path, priority } = new;
        let hash = self.queue.paths.hash(file_path);
        let earlier = self.by_path.find(hash, |index| self.path_of(*index) == Some(file_path)).copied();
        if let Some(standing) = earlier.and_then(|index| urgency_in(&mut self.events[index])) {
            return raise(standing, *priority);
        }
        match live(self.queue, file_path) {
            None => {
                self.push(hash, Event::Enqueued { file_path: file_path.clone(), priority: *priority, at: now });
                EnqueueOutcome::Added
            }
            Some(item) if *priority > item.priority => {
                self.push(hash, Event::Reprioritised { id: item.id, priority: *priority });
                EnqueueOutcome::Raised
            }
            Some(_) => EnqueueOutcome::Unchanged,
        }
    }

    fn push(&mut self, hash: u64, event: Event) {
        let index = self.events.len();
        self.events.push(event);
        let paths = &self.queue.paths;
        let rehash = |index: &usize| path_of(self.queue, &self.events, *index).map_or(0, |path| paths.hash(path));
        self.by_path.insert_unique(hash, index, rehash);
    }

    fn path_of(&self, index: usize) -> Option<&FilePath> {
        path_of(self.queue, &self.events, index)
    }
}

fn path_of<'a>(queue: &'a FileQueue, events: &'a [Event], index: usize) -> Option<&'a FilePath> {
    match events.get(index)? {
        Event::Enqueued { file_path, .. } => Some(file_path),
        Event::Reprioritised { id, .. } => queue.get(*id).map(|item| &item.file_path),
        _ => None,
    }
}

fn urgency_in(event: &mut Event) -> Option<&mut Priority> {
    match event {
        Event::Enqueued { priority, .. } | Event::Reprioritised { priority, .. } => Some(priority),
        _ => None,
    }
}

fn raise(standing: &mut Priority, offered: Priority) -> EnqueueOutcome {
    if offered <= *standing {
        return EnqueueOutcome::Unchanged;
    }
    *standing = offered;
    EnqueueOutcome::Raised
}

fn live<'a>(queue: &'a FileQueue, path: &FilePath) -> Option<&'a QueueItem> {
    queue.latest(path).filter(|item| item.status.is_live())
}

pub(super) fn exchange(queue: &FileQueue, request: &ExchangeRequest, now: Timestamp) -> Vec<Event> {
    let mut events = Vec::with_capacity(request.settlements.len() + request.limit.min(queue.size()));
    let mut settled = BTreeSet::new();
    let mut due_again = Vec::new();
    for settlement in &request.settlements {
        let token = settlement.token;
        let Some(item) = queue.get(token.item).filter(|_| queue.is_current(token)) else {
            continue;
        };
        if settled.insert(token.item) {
            let event = settle(settlement, now);
            if is_due_after(&event, now) {
                due_again.push(ClaimKey::of(item));
            }
            events.push(event);
        }
    }
    let mut keys = queue.claimable(now, request.limit);
    keys.extend(due_again);
    keys.sort_unstable();
    keys.truncate(request.limit);
    events.extend(keys.into_iter().map(|key| Event::Claimed { id: key.id(), run: request.run.clone(), at: now }));
    events
}

fn settle(settlement: &Settlement, now: Timestamp) -> Event {
    let id = settlement.token.item;
    match &settlement.verdict {
        Verdict::Complete => Event::Completed { id },
        Verdict::Release => Event::Released { id },
        Verdict::Retry { backoff, error } => {
            Event::RetryScheduled { id, not_before: now.saturating_add(*backoff), error: error.clone() }
        }
        Verdict::Fail { timed_out, error } => Event::Failed { id, timed_out: *timed_out, error: error.clone() },
    }
}

fn is_due_after(event: &Event, now: Timestamp) -> bool {
    match event {
        Event::Released { .. } => true,
        Event::RetryScheduled { not_before, .. } => *not_before <= now,
        _ => false,
    }
}

pub(super) fn requeue(queue: &FileQueue, request: &Selection) -> Result<Vec<Event>, Rejection> {
    let chosen: BTreeSet<ItemId> = match request {
        Selection::AllFailed => queue
            .failed()
            // A file added again after it had failed is live under a later number; the failed entry is history.
            .filter(|item| queue.is_latest(item))
            .map(|item| item.id)
            .collect(),
        Selection::These(selectors) => {
            selectors.iter().map(|selector| failed_item(queue, selector)).collect::<Result<_, _>>()?
        }
    };
    Ok(chosen.into_iter().map(|id| Event::Requeued { id }).collect())
}

fn failed_item(queue: &FileQueue, selector: &Selector) -> Result<ItemId, Rejection> {
    let item = named(queue, selector)?;
    match item.status {
        Status::Failed | Status::Timeout if queue.is_latest(item) => Ok(item.id),
        status => Err(Rejection::NotFailed { selector: selector.clone(), status }),
    }
}

fn named<'a>(queue: &'a FileQueue, selector: &Selector) -> Result<&'a QueueItem, Rejection> {
    queue.find(selector).ok_or_else(|| Rejection::NotQueued(selector.clone()))
}

pub(super) fn reprioritise(queue: &FileQueue, request: &Reprioritise) -> Result<Vec<Event>, Rejection> {
    let item = named(queue, &request.which)?;
    if !item.status.is_live() {
        return Err(Rejection::Ended { selector: request.which.clone(), status: item.status });
    }
    let changed = item.priority != request.priority;
    Ok(changed.then_some(Event::Reprioritised { id: item.id, priority: request.priority }).into_iter().collect())
}

pub(super) fn remove(queue: &FileQueue, request: &Remove) -> Result<Vec<Event>, Rejection> {
    let chosen = request.0.iter().map(|selector| match named(queue, selector)? {
        item if item.status == Status::Processing => Err(Rejection::Processing(selector.clone())),
        item => Ok(item.id),
    });
    let chosen: BTreeSet<ItemId> = chosen.collect::<Result<_, _>>()?;
    Ok(chosen.into_iter().map(|id| Event::Removed { id }).collect())
}

pub(super) fn clear(queue: &FileQueue, request: &Clear) -> Vec<Event> {
    let statuses: BTreeSet<Status> = request
        .0
        .iter()
        .copied()
        .filter(|status| *status != Status::Processing && queue.counts().of(*status) > 0)
        .collect();
    if statuses.is_empty() {
        return Vec::new();
    }
    vec![Event::Cleared { statuses: statuses.into_iter().collect() }]
}

pub(super) fn recover(queue: &FileQueue, request: &RecoverRequest, now: Timestamp) -> Vec<Event> {
    let taken_back = queue
        .processing()
        .filter(|item| item.claim.as_ref().is_some_and(|claim| request.runs.contains(&claim.run)))
        .map(|item| take_back(item, request.max_attempts));
    let latest = now.saturating_add(request.longest_backoff);
    let beyond: BTreeSet<_> = queue.due_after(latest).map(|(_, id)| id).collect();
    let brought_forward = beyond.into_iter().map(|id| Event::BroughtForward { id, not_before: latest });
    taken_back.chain(brought_forward).collect()
}

fn take_back(item: &QueueItem, max_attempts: u32) -> Event {
    if item.attempts < max_attempts {
        return Event::Recovered { id: item.id };
    }
    Event::Failed {
        id: item.id,
        timed_out: false,
        error: format!("its run died during attempt {}, the last it had", item.attempts).into(),
    }
}
