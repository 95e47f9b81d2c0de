//! Carries out requests on a queue in memory.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::Event;
use crate::item::{ClaimToken, ItemId, QueueItem, RunId, Status};
use crate::queue::{FileQueue, decide};
use crate::rejection::Rejection;
use crate::request::{
    Cancel, Clear, Enqueue, ExchangeRequest, Hold, RecoverRequest, Remove, Reprioritise, Requeue, Settlement, Verdict,
};
use crate::time::Timestamp;
use crate::view::{Cancelled, Claimed, Counts, Enqueued, Exchanged, RecoveredItem};

/// The result of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Performed<R> {
    /// The events to record; empty if nothing changed. The queue in memory already reflects them.
    pub events: Vec<Event>,
    /// The answer for the caller.
    pub reply: R,
}

/// A request to the queue. The trait lets a store handle all requests with one generic function.
pub trait Transaction: Clone + Send + 'static {
    /// The type of the answer.
    type Reply: Send + 'static;

    /// Changes the queue as requested. Returns the events that describe the change, and the answer.
    ///
    /// # Errors
    /// [`Rejection`] if the queue's rules do not allow the request. The queue is then unchanged.
    fn perform(&self, queue: &mut FileQueue, now: Timestamp) -> Result<Performed<Self::Reply>, Rejection>;
}

impl FileQueue {
    fn apply_all(&mut self, events: Vec<Event>) -> Vec<Event> {
        for event in &events {
            self.apply(event);
        }
        events
    }
}

impl Transaction for Enqueue {
    type Reply = Vec<Enqueued>;

    fn perform(&self, queue: &mut FileQueue, now: Timestamp) -> Result<Performed<Self::Reply>, Rejection> {
        queue.reserve(self.items.len());
        let mut events = Vec::with_capacity(self.items.len());
        let mut reply = Vec::with_capacity(self.items.len());
        for new in &self.items {
            let (enqueued, has_changed) =
                queue.enqueue(&new.file_path, new.depth, new.priority, new.fingerprint, self.repeat, now);
            if has_changed {
                events.push(self.event(new, now));
            }
            reply.push(enqueued);
        }
        Ok(Performed { events, reply })
    }
}

impl Enqueue {
    /// Returns the event that adds one file. A store may record this event without reading the
    /// queue.
    #[must_use]
    pub fn event(&self, new: &crate::request::NewItem, now: Timestamp) -> Event {
        Event::Enqueued {
            file_path: new.file_path.clone(),
            depth: new.depth,
            priority: new.priority,
            fingerprint: new.fingerprint,
            repeat: self.repeat,
            at: now,
        }
    }
}

impl Transaction for ExchangeRequest {
    type Reply = Exchanged;

    /// Precondition: the run is alive, and the request is not a repetition.
    fn perform(&self, queue: &mut FileQueue, now: Timestamp) -> Result<Performed<Exchanged>, Rejection> {
        queue.open_scope(&self.scope);
        let stale = stale_tokens(queue, self);
        let mut cancelled = cancelled_settlements(queue, self);
        let events = decide::exchange(queue, self, now);
        let events = queue.apply_all(events);
        let waiting = queue.waiting_in(&self.scope);
        cancelled.extend(cancelled_claims(queue, &self.run));
        let reply = Exchanged {
            claims: events.iter().filter_map(|event| claimed(queue, event)).collect(),
            stale,
            cancelled,
            next_due: waiting.next_due(now),
            has_waiting: !waiting.is_empty(),
        };
        Ok(Performed { events, reply })
    }
}

fn stale_tokens(queue: &FileQueue, request: &ExchangeRequest) -> Vec<ClaimToken> {
    let mut seen = BTreeSet::new();
    let stale = request.settlements.iter().filter(|settlement| {
        let item = queue.get(settlement.token.item);
        let is_current = item.is_some_and(|item| decide::is_settled_by(item, settlement, request));
        !is_current || !seen.insert(settlement.token)
    });
    stale.map(|settlement| settlement.token).collect()
}

/// A cancelled item fails, even if its verdict is a retry or a release.
fn cancelled_settlements(queue: &FileQueue, request: &ExchangeRequest) -> Vec<ClaimToken> {
    let mut seen = BTreeSet::new();
    let is_cancelled = |settlement: &&Settlement| {
        let is_first = seen.insert(settlement.token);
        let item = queue.get(settlement.token.item).filter(|item| decide::is_settled_by(item, settlement, request));
        let claim = item.and_then(|item| item.claim.as_ref());
        is_first
            && claim.is_some_and(|claim| claim.is_cancelled)
            && matches!(settlement.verdict, Verdict::Retry { .. } | Verdict::Release)
    };
    request.settlements.iter().filter(is_cancelled).map(|settlement| settlement.token).collect()
}

fn claimed(queue: &FileQueue, event: &Event) -> Option<Claimed> {
    let Event::Claimed { id, .. } = event else { return None };
    let item = queue.get(*id)?.clone();
    let token = ClaimToken { item: *id, number: item.claim.as_ref()?.number };
    Some((token, item))
}

fn cancelled_claims(queue: &FileQueue, run: &RunId) -> Vec<ClaimToken> {
    let claims = queue.processing().filter_map(|item| Some((item.id, item.claim.as_ref()?)));
    let cancelled = claims.filter(|(_, claim)| claim.is_cancelled && claim.run == *run);
    cancelled.map(|(item, claim)| ClaimToken { item, number: claim.number }).collect()
}

impl Transaction for Requeue {
    type Reply = usize;

    fn perform(&self, queue: &mut FileQueue, _: Timestamp) -> Result<Performed<usize>, Rejection> {
        let events = queue.apply_all(decide::requeue(queue, self)?);
        let reply = events.iter().filter(|event| matches!(event, Event::RoundBegun { .. })).count();
        Ok(Performed { events, reply })
    }
}

impl Transaction for Reprioritise {
    type Reply = QueueItem;

    fn perform(&self, queue: &mut FileQueue, _: Timestamp) -> Result<Performed<QueueItem>, Rejection> {
        let events = queue.apply_all(decide::reprioritise(queue, self)?);
        let item = queue.find(&self.which).cloned();
        let reply = item.ok_or_else(|| Rejection::NotQueued(self.which.clone()))?;
        Ok(Performed { events, reply })
    }
}

impl Transaction for Hold {
    type Reply = usize;

    fn perform(&self, queue: &mut FileQueue, _: Timestamp) -> Result<Performed<usize>, Rejection> {
        let events = queue.apply_all(decide::hold(queue, self)?);
        let reply = events.len();
        Ok(Performed { events, reply })
    }
}

impl Transaction for Cancel {
    type Reply = Cancelled;

    fn perform(&self, queue: &mut FileQueue, _: Timestamp) -> Result<Performed<Cancelled>, Rejection> {
        let events = queue.apply_all(decide::cancel(queue, self)?);
        let ended = events.iter().filter(|event| matches!(event, Event::Failed { .. })).count();
        let reply = Cancelled { ended, requested: events.len() - ended };
        Ok(Performed { events, reply })
    }
}

impl Transaction for Remove {
    type Reply = usize;

    fn perform(&self, queue: &mut FileQueue, _: Timestamp) -> Result<Performed<usize>, Rejection> {
        let events = queue.apply_all(decide::remove(queue, self)?);
        let reply = events.len();
        Ok(Performed { events, reply })
    }
}

impl Transaction for Clear {
    type Reply = Counts;

    fn perform(&self, queue: &mut FileQueue, _: Timestamp) -> Result<Performed<Counts>, Rejection> {
        let before = queue.counts();
        let events = queue.apply_all(decide::clear(queue, self));
        let mut reply = Counts { held: before.held - queue.counts().held, ..Counts::default() };
        for status in Status::ALL {
            *reply.of_mut(status) = before.of(status) - queue.counts().of(status);
        }
        Ok(Performed { events, reply })
    }
}

impl Transaction for RecoverRequest {
    type Reply = Vec<RecoveredItem>;

    /// Precondition: the runs are dead.
    fn perform(&self, queue: &mut FileQueue, now: Timestamp) -> Result<Performed<Self::Reply>, Rejection> {
        let events = decide::recover(queue, self, now);
        let holders: BTreeMap<ItemId, RunId> =
            queue.processing().filter_map(|item| Some((item.id, item.claim.as_ref()?.run.clone()))).collect();
        let events = queue.apply_all(events);
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
