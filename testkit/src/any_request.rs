//! Enums over all requests and all answers.

use autoproc_domain::event::Event;
use autoproc_domain::ports::{Storage, StorageError};
use autoproc_domain::queue::{Performed, Transaction};
use autoproc_domain::rejection::Rejection;
use autoproc_domain::request::{
    Cancel, Clear, Enqueue, ExchangeRequest, Hold, RecoverRequest, Remove, Reprioritise, Requeue,
};
use autoproc_domain::view::{Cancelled, Counts, Enqueued, Exchanged, RecoveredItem};
use autoproc_domain::{FileQueue, QueueItem, Timestamp};

/// A request of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnyRequest {
    /// Adds files.
    Enqueue(Enqueue),
    /// Settles claims, then claims items.
    Exchange(ExchangeRequest),
    /// Begins a new round for failed items.
    Requeue(Requeue),
    /// Changes the priority of an item.
    Reprioritise(Reprioritise),
    /// Holds items, or ends their hold.
    Hold(Hold),
    /// Cancels items.
    Cancel(Cancel),
    /// Removes items.
    Remove(Remove),
    /// Removes items by status.
    Clear(Clear),
    /// Recovers the claims of dead runs.
    Recover(RecoverRequest),
}

/// An answer of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The answer to an addition.
    Enqueued(Vec<Enqueued>),
    /// The answer to an exchange.
    Exchanged(Exchanged),
    /// The number of changed items.
    Number(usize),
    /// The changed item.
    Item(Box<QueueItem>),
    /// The answer to a cancellation.
    Cancelled(Cancelled),
    /// The number of removed items, by status.
    Counts(Counts),
    /// The answer to a recovery.
    Recovered(Vec<RecoveredItem>),
    /// The refusal of a request by the rules.
    Rejected(Rejection),
}

impl AnyRequest {
    /// Performs the request on a queue in memory. Returns the events and the answer. A rejected
    /// request has no events.
    pub fn perform(&self, queue: &mut FileQueue, now: Timestamp) -> (Vec<Event>, Answer) {
        match self {
            Self::Enqueue(request) => answer(request.perform(queue, now), Answer::Enqueued),
            Self::Exchange(request) => answer(request.perform(queue, now), Answer::Exchanged),
            Self::Requeue(request) => answer(request.perform(queue, now), Answer::Number),
            Self::Reprioritise(request) => answer(request.perform(queue, now), |item| Answer::Item(Box::new(item))),
            Self::Hold(request) => answer(request.perform(queue, now), Answer::Number),
            Self::Cancel(request) => answer(request.perform(queue, now), Answer::Cancelled),
            Self::Remove(request) => answer(request.perform(queue, now), Answer::Number),
            Self::Clear(request) => answer(request.perform(queue, now), Answer::Counts),
            Self::Recover(request) => answer(request.perform(queue, now), Answer::Recovered),
        }
    }

    /// Sends the request to a store. A rejection is returned as an answer, not as an error.
    ///
    /// # Errors
    /// Any [`StorageError`] other than a rejection.
    pub async fn ask<S: Storage + ?Sized>(self, store: &S, now: Timestamp) -> Result<Answer, StorageError> {
        let answer = match self {
            Self::Enqueue(request) => store.enqueue(request, now).await.map(Answer::Enqueued),
            Self::Exchange(request) => store.exchange(request, now).await.map(Answer::Exchanged),
            Self::Requeue(request) => store.requeue(request, now).await.map(Answer::Number),
            Self::Reprioritise(request) => {
                store.reprioritise(request, now).await.map(|item| Answer::Item(Box::new(item)))
            }
            Self::Hold(request) => store.hold(request, now).await.map(Answer::Number),
            Self::Cancel(request) => store.cancel(request, now).await.map(Answer::Cancelled),
            Self::Remove(request) => store.remove(request, now).await.map(Answer::Number),
            Self::Clear(request) => store.clear(request, now).await.map(Answer::Counts),
            Self::Recover(request) => store.recover(request, now).await.map(Answer::Recovered),
        };
        match answer {
            Err(StorageError::Rejected(rejection)) => Ok(Answer::Rejected(rejection)),
            other => other,
        }
    }
}

fn answer<R>(performed: Result<Performed<R>, Rejection>, of_reply: impl FnOnce(R) -> Answer) -> (Vec<Event>, Answer) {
    match performed {
        Ok(Performed { events, reply }) => (events, of_reply(reply)),
        Err(rejection) => (Vec::new(), Answer::Rejected(rejection)),
    }
}
