//! Deciding, applying and answering in one step, for stores that hold the queue in memory.
//!
//! Each request type knows what it is answered with, so that a store needs one generic path for all of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::command::{Clear, Command, Enqueue, ExchangeRequest, RecoverRequest, Remove, Reprioritise, Selection};
use crate::event::Event;
use crate::item::{ClaimToken, ItemId, QueueItem, RunId, Status};
use crate::queue::{FileQueue, decide};
use crate::rejection::Rejection;
use crate::time::Timestamp;
use crate::view::{Counts, EnqueueOutcome, Exchanged, RecoveredItem};

/// What a transaction did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Performed<R> {
    /// The facts to write down; none where nothing changed.
    pub events: Vec<Event>,
    /// The answer for the caller.
    pub reply: R,
}

/// A request that knows its answer.
pub trait Transaction: Clone + Into<Command> + Send + 'static {
    /// The answer.
    type Reply: Send + 'static;

    /// Decides, applies and answers. At a rejection the queue is as before.
    ///
    /// # Errors
    /// [`Rejection`] where the rules say no.
    fn perform(&self, queue: &mut FileQueue, now: Timestamp) -> Result<Performed<Self::Reply>, Rejection>;

    /// The same without a look at the queue, where that is possible: then a store may write the events down without
    /// having loaded what they will be applied to.
    fn perform_unseen(&self, now: Timestamp) -> Option<Performed<Self::Reply>> {
        let _ = now;
        None
    }
}

impl FileQueue {
    fn apply_all(&mut self, events: &[Event]) {
        for event in events {
            self.apply(event);
        }
    }

    /// For requests whose answer is how many facts they made.
    fn count_applied(&mut self, events: Vec<Event>) -> Performed<usize> {
        self.apply_all(&events);
        let reply = events.len();
        Performed { events, reply }
    }
}

impl Transaction for Enqueue {
    type Reply = Vec<EnqueueOutcome>;

    fn perform(&self, queue: &mut FileQueue, now: Timestamp) -> Result<Performed<Self::Reply>, Rejection> {
        let (events, reply) = decide::enqueue(queue, self, now);
        queue.reserve(events.len());
        queue.apply_all(&events);
        Ok(Performed { events, reply })
    }

    /// `apply` settles for each file whether it is new, known or to be raised.
    fn perform_unseen(&self, now: Timestamp) -> Option<Performed<Self::Reply>> {
        let events = self.0.iter().map(|new| Event::Enqueued {
            file_path: new.file_path.clone(),
            priority: new.priority,
            at: now,
        });
        Some(Performed { events: events.collect(), reply: vec![EnqueueOutcome::Accepted; self.0.len()] })
    }
}

impl Transaction for ExchangeRequest {
    type Reply = Exchanged;

    fn perform(&self, queue: &mut FileQueue, now: Timestamp) -> Result<Performed<Exchanged>, Rejection> {
        let stale = stale_tokens(queue, self);
        let events = decide::exchange(queue, self, now);
        queue.apply_all(&events);
        let reply = Exchanged {
            claims: events.iter().filter_map(|event| claimed(queue, event)).collect(),
            stale,
            next_due: queue.next_due(now),
            counts: queue.counts(),
        };
        Ok(Performed { events, reply })
    }
}

fn stale_tokens(queue: &FileQueue, request: &ExchangeRequest) -> Vec<ClaimToken> {
    let mut seen = BTreeSet::new();
    let tokens = request.settlements.iter().map(|settlement| settlement.token);
    tokens.filter(|token| !queue.is_current(*token) || !seen.insert(*token)).collect()
}

fn claimed(queue: &FileQueue, event: &Event) -> Option<(ClaimToken, QueueItem)> {
    let Event::Claimed { id, .. } = event else { return None };
    let item = queue.get(*id)?.clone();
    let token = ClaimToken { item: *id, number: item.claim.as_ref()?.number };
    Some((token, item))
}

impl Transaction for Selection {
    type Reply = usize;

    fn perform(&self, queue: &mut FileQueue, _: Timestamp) -> Result<Performed<usize>, Rejection> {
        let events = decide::requeue(queue, self)?;
        Ok(queue.count_applied(events))
    }
}

impl Transaction for Reprioritise {
    type Reply = QueueItem;

    fn perform(&self, queue: &mut FileQueue, _: Timestamp) -> Result<Performed<QueueItem>, Rejection> {
        let events = decide::reprioritise(queue, self)?;
        let found = queue.find(&self.which).cloned();
        let item = found.ok_or_else(|| Rejection::NotQueued(self.which.clone()))?;
        queue.apply_all(&events);
        let reply = QueueItem { priority: self.priority, ..item };
        Ok(Performed { events, reply })
    }
}

impl Transaction for Remove {
    type Reply = usize;

    fn perform(&self, queue: &mut FileQueue, _: Timestamp) -> Result<Performed<usize>, Rejection> {
        let events = decide::remove(queue, self)?;
        Ok(queue.count_applied(events))
    }
}

impl Transaction for Clear {
    type Reply = Counts;

    fn perform(&self, queue: &mut FileQueue, _: Timestamp) -> Result<Performed<Counts>, Rejection> {
        let before = queue.counts();
        let events = decide::clear(queue, self);
        queue.apply_all(&events);
        let mut reply = Counts::default();
        for status in Status::ALL {
            *reply.of_mut(status) = before.of(status) - queue.counts().of(status);
        }
        Ok(Performed { events, reply })
    }
}

impl Transaction for RecoverRequest {
    type Reply = Vec<RecoveredItem>;

    fn perform(&self, queue: &mut FileQueue, now: Timestamp) -> Result<Performed<Self::Reply>, Rejection> {
        let events = decide::recover(queue, self, now);
        let holders: BTreeMap<ItemId, RunId> =
            queue.processing().filter_map(|item| Some((item.id, item.claim.as_ref()?.run.clone()))).collect();
        queue.apply_all(&events);
        let reply = events.iter().filter_map(|event| recovered(queue, event, &holders)).collect();
        Ok(Performed { events, reply })
    }
}

fn recovered(queue: &FileQueue, event: &Event, holders: &BTreeMap<ItemId, RunId>) -> Option<RecoveredItem> {
    let (Event::Recovered { id } | Event::Failed { id, .. }) = event else {
        return None;
    };
    Some(RecoveredItem { item: queue.get(*id)?.clone(), dead_run: holders.get(id)?.clone() })
}

macro_rules! command_from {
    ($($request:ident => $variant:ident),* $(,)?) => {$(
        impl From<$request> for Command {
            fn from(request: $request) -> Self {
                Self::$variant(request)
            }
        }
    )*};
}

command_from! {
    Enqueue => Enqueue,
    ExchangeRequest => Exchange,
    Selection => Requeue,
    Reprioritise => Reprioritise,
    Remove => Remove,
    Clear => Clear,
    RecoverRequest => Recover,
}
