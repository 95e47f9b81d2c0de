//! Decides which events a request causes. Never changes the queue.

use std::collections::BTreeSet;

use crate::event::Event;
use crate::failure::{CANCELLED, run_died};
use crate::item::{Backoff, ItemId, QueueItem, Status};
use crate::queue::{ClaimKey, FileQueue};
use crate::rejection::Rejection;
use crate::request::{
    Cancel, Clear, ExchangeRequest, Hold, RecoverRequest, Remove, Reprioritise, Requeue, Selector, Settlement, Verdict,
};
use crate::time::Timestamp;

/// The request's scope must already be indexed by `FileQueue::open_scope`.
pub(super) fn exchange(queue: &FileQueue, request: &ExchangeRequest, now: Timestamp) -> Vec<Event> {
    let mut events = bring_forward(queue, now);
    let mut due_again: Vec<_> = brought_forward_to(&events, queue, now).collect();
    due_again.retain(|(_, id)| request.scope.contains(*id));
    let mut settled = BTreeSet::new();
    for settlement in &request.settlements {
        let Some(item) = queue.get(settlement.token.item).filter(|item| is_settled_by(item, settlement, request))
        else {
            continue;
        };
        if settled.insert(item.id) {
            let event = settle(item, settlement, now);
            if is_due_after(&event, now) && request.scope.contains(item.id) {
                due_again.push((ClaimKey::of(item), item.id));
            }
            events.push(event);
        }
    }
    let ready = queue.waiting_in(&request.scope).claimable(now, request.limit, &queue.items);
    let ready = ready.into_iter().filter_map(|key| Some((key, queue.items.at(key.sequence())?.id)));
    let mut claimable: Vec<_> = ready.chain(due_again).collect();
    claimable.sort_unstable();
    claimable.dedup();
    claimable.truncate(request.limit);
    events.extend(claimable.into_iter().map(|(_, id)| Event::Claimed { id, run: request.run.clone(), at: now }));
    events
}

pub(super) fn next_claim(queue: &FileQueue, now: Timestamp) -> Option<&QueueItem> {
    let ready = queue.waiting.claimable(now, 1, &queue.items).first().copied();
    let brought_forward = brought_forward_to(&bring_forward(queue, now), queue, now).map(|(key, _)| key).min();
    let key = ready.into_iter().chain(brought_forward).min()?;
    queue.items.at(key.sequence())
}

/// Returns the items that `events` make due at `now`.
fn brought_forward_to(events: &[Event], queue: &FileQueue, now: Timestamp) -> impl Iterator<Item = (ClaimKey, ItemId)> {
    events.iter().filter_map(move |event| match event {
        Event::BroughtForward { id, backoff } if backoff.not_before <= now => {
            Some((ClaimKey::of(queue.get(*id)?), *id))
        }
        _ => None,
    })
}

pub(super) fn is_settled_by(item: &QueueItem, settlement: &Settlement, request: &ExchangeRequest) -> bool {
    let token = settlement.token;
    item.claim.as_ref().is_some_and(|claim| claim.number == token.number && claim.run == request.run)
}

fn settle(item: &QueueItem, settlement: &Settlement, now: Timestamp) -> Event {
    let id = item.id;
    let is_cancelled = item.claim.as_ref().is_some_and(|claim| claim.is_cancelled);
    match &settlement.verdict {
        Verdict::Complete(completion) => Event::Completed { id, completion: *completion },
        Verdict::Retry { .. } | Verdict::Release if is_cancelled => cancelled(id),
        Verdict::Release => Event::Released { id },
        Verdict::Retry { backoff, error } => {
            let backoff = Backoff { not_before: now.saturating_add(*backoff), ordered_at: now };
            Event::RetryScheduled { id, backoff, error: error.clone() }
        }
        Verdict::Fail { timed_out, error } => Event::Failed { id, timed_out: *timed_out, error: error.clone() },
    }
}

fn cancelled(id: ItemId) -> Event {
    Event::Failed { id, timed_out: false, error: CANCELLED.into() }
}

fn is_due_after(event: &Event, now: Timestamp) -> bool {
    match event {
        Event::Released { .. } => true,
        Event::RetryScheduled { backoff, .. } => backoff.not_before <= now,
        _ => false,
    }
}

/// Returns the events that shorten backoffs after the clock was set back.
fn bring_forward(queue: &FileQueue, now: Timestamp) -> Vec<Event> {
    let items = queue.waiting.ordered_after(now).filter_map(|sequence| queue.items.at(sequence));
    let too_long = items.filter_map(|item| {
        let capped = item.backoff?.capped(now);
        (Some(capped) != item.backoff).then_some(Event::BroughtForward { id: item.id, backoff: capped })
    });
    too_long.collect()
}

pub(super) fn requeue(queue: &FileQueue, request: &Requeue) -> Result<Vec<Event>, Rejection> {
    let chosen: Vec<&QueueItem> = match request {
        Requeue::AllFailed => queue.items().filter(|item| item.status.has_failed()).collect(),
        Requeue::These(selectors) => {
            let chosen = selectors.iter().map(|selector| failed_item(queue, selector));
            let chosen = chosen.collect::<Result<Vec<_>, _>>()?;
            let mut seen = BTreeSet::new();
            chosen.into_iter().filter(|item| seen.insert(item.id)).collect()
        }
    };
    let new_round = |item: &QueueItem| [Event::RoundBegun { id: item.id }, Event::MovedToEnd { id: item.id }];
    Ok(chosen.into_iter().flat_map(new_round).collect())
}

fn failed_item<'a>(queue: &'a FileQueue, selector: &Selector) -> Result<&'a QueueItem, Rejection> {
    let item = named(queue, selector)?;
    if item.status.has_failed() {
        return Ok(item);
    }
    Err(Rejection::NotFailed { selector: selector.clone(), status: item.status })
}

fn named<'a>(queue: &'a FileQueue, selector: &Selector) -> Result<&'a QueueItem, Rejection> {
    queue.find(selector).ok_or_else(|| Rejection::NotQueued(selector.clone()))
}

fn live<'a>(queue: &'a FileQueue, selector: &Selector) -> Result<&'a QueueItem, Rejection> {
    match named(queue, selector)? {
        item if item.status.is_live() => Ok(item),
        item => Err(Rejection::Ended { selector: selector.clone(), status: item.status }),
    }
}

fn distinct<'a>(
    selectors: &[Selector],
    find: impl Fn(&Selector) -> Result<&'a QueueItem, Rejection>,
) -> Result<Vec<&'a QueueItem>, Rejection> {
    let mut items = selectors.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    items.sort_unstable_by_key(|item| item.id);
    items.dedup_by_key(|item| item.id);
    Ok(items)
}

pub(super) fn reprioritise(queue: &FileQueue, request: &Reprioritise) -> Result<Vec<Event>, Rejection> {
    let item = live(queue, &request.which)?;
    let event = Event::Reprioritised { id: item.id, priority: request.priority };
    Ok((item.priority != request.priority).then_some(event).into_iter().collect())
}

pub(super) fn hold(queue: &FileQueue, request: &Hold) -> Result<Vec<Event>, Rejection> {
    let items = distinct(&request.which, |selector| not_processing(live(queue, selector)?, selector))?;
    let changed = items.into_iter().filter(|item| item.is_held != request.is_held);
    Ok(changed.map(|item| Event::Held { id: item.id, is_held: request.is_held }).collect())
}

pub(super) fn cancel(queue: &FileQueue, request: &Cancel) -> Result<Vec<Event>, Rejection> {
    let items = distinct(&request.0, |selector| live(queue, selector))?;
    let events = items.into_iter().filter_map(|item| match &item.claim {
        None => Some(cancelled(item.id)),
        Some(claim) if !claim.is_cancelled => Some(Event::CancelRequested { id: item.id }),
        Some(_) => None,
    });
    Ok(events.collect())
}

fn not_processing<'a>(item: &'a QueueItem, selector: &Selector) -> Result<&'a QueueItem, Rejection> {
    if item.status == Status::Processing { Err(Rejection::Processing(selector.clone())) } else { Ok(item) }
}

pub(super) fn remove(queue: &FileQueue, request: &Remove) -> Result<Vec<Event>, Rejection> {
    let items = distinct(&request.0, |selector| not_processing(named(queue, selector)?, selector))?;
    Ok(items.into_iter().map(|item| Event::Removed { id: item.id }).collect())
}

pub(super) fn clear(queue: &FileQueue, request: &Clear) -> Vec<Event> {
    let is_there = |status: &Status| *status != Status::Processing && queue.counts().of(*status) > 0;
    let statuses: BTreeSet<Status> = request.0.iter().copied().filter(is_there).collect();
    if statuses.is_empty() {
        return Vec::new();
    }
    vec![Event::Cleared { statuses: statuses.into_iter().collect() }]
}

pub(super) fn recover(queue: &FileQueue, request: &RecoverRequest, now: Timestamp) -> Vec<Event> {
    let is_dead = |item: &&QueueItem| item.claim.as_ref().is_some_and(|claim| request.runs.contains(&claim.run));
    let taken_back = queue.processing().filter(is_dead).map(|item| take_back(item, request.max_attempts));
    taken_back.chain(bring_forward(queue, now)).collect()
}

fn take_back(item: &QueueItem, max_attempts: u32) -> Event {
    if item.claim.as_ref().is_some_and(|claim| claim.is_cancelled) {
        return cancelled(item.id);
    }
    if item.attempts < max_attempts {
        return Event::Recovered { id: item.id };
    }
    Event::Failed { id: item.id, timed_out: false, error: run_died(item.attempts) }
}
