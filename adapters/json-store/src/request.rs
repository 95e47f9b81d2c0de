//! Performs the domain's transactions and sends the replies.

use autoproc_domain::event::Event;
use autoproc_domain::item::RunId;
use autoproc_domain::ports::StorageError;
use autoproc_domain::queue::{LatestExchanges, Performed, Transaction};
use autoproc_domain::request::{
    AnswerNeeded, Cancel, Clear, Enqueue, ExchangeRequest, Hold, Remove, Reprioritise, Requeue,
};
use autoproc_domain::view::{EnqueueOutcome, Enqueued};
use autoproc_domain::{FileQueue, Timestamp};
use tokio::sync::oneshot;

use crate::error::gone;

pub(crate) struct Target<'a> {
    pub(crate) queue: &'a mut FileQueue,
    /// True if this handle began the run and the run has not ended.
    pub(crate) is_own_run: &'a dyn Fn(&RunId) -> bool,
    pub(crate) latest: &'a mut LatestExchanges,
}

pub(crate) trait Request: Transaction {
    fn perform_on(&self, target: &mut Target<'_>, now: Timestamp) -> Result<Performed<Self::Reply>, StorageError> {
        Ok(self.perform(target.queue, now)?)
    }

    /// Performs the request without loading the queue, if possible.
    fn perform_blind(&self, _: Timestamp) -> Option<Performed<Self::Reply>> {
        None
    }
}

impl Request for Enqueue {
    fn perform_blind(&self, now: Timestamp) -> Option<Performed<Self::Reply>> {
        if self.answer == AnswerNeeded::Now {
            return None;
        }
        let accepted = Enqueued { outcome: EnqueueOutcome::Accepted, item: None };
        let events = self.items.iter().map(|new| self.event(new, now)).collect();
        Some(Performed { events, reply: vec![accepted; self.items.len()] })
    }
}

impl Request for ExchangeRequest {
    fn perform_on(&self, target: &mut Target<'_>, now: Timestamp) -> Result<Performed<Self::Reply>, StorageError> {
        if !(target.is_own_run)(&self.run) {
            return Err(StorageError::LeaseLost { run: self.run.clone() });
        }
        if let Some(reply) = target.latest.answer(self) {
            return Ok(Performed { events: Vec::new(), reply });
        }
        let performed = self.perform(target.queue, now)?;
        target.latest.record(self, &performed.reply);
        Ok(performed)
    }
}

impl Request for Requeue {}
impl Request for Reprioritise {}
impl Request for Hold {}
impl Request for Cancel {}
impl Request for Remove {}
impl Request for Clear {}

/// An [`ExchangeRequest`] for any run, for tests.
#[cfg(any(test, fuzzing))]
#[derive(Clone)]
pub(crate) struct Unfenced(pub(crate) ExchangeRequest);

#[cfg(any(test, fuzzing))]
impl Transaction for Unfenced {
    type Reply = autoproc_domain::view::Exchanged;

    fn perform(
        &self,
        queue: &mut FileQueue,
        now: Timestamp,
    ) -> Result<Performed<Self::Reply>, autoproc_domain::rejection::Rejection> {
        self.0.perform(queue, now)
    }
}

#[cfg(any(test, fuzzing))]
impl Request for Unfenced {}

/// A pending request of any type. Several may be committed in one write.
pub(crate) trait Change: Send {
    fn perform(&mut self, target: &mut Target<'_>) -> Vec<Event>;
    fn perform_blind(&mut self) -> Option<Vec<Event>>;
    fn answer(self: Box<Self>, committed: Result<(), StorageError>);
}

pub(crate) struct PendingRequest<T: Request> {
    request: T,
    now: Timestamp,
    reply: Option<Result<T::Reply, StorageError>>,
    sender: oneshot::Sender<Result<T::Reply, StorageError>>,
}

impl<T: Request> PendingRequest<T> {
    pub(crate) fn new(request: T, now: Timestamp) -> (Self, oneshot::Receiver<Result<T::Reply, StorageError>>) {
        let (sender, receiver) = oneshot::channel();
        (Self { request, now, reply: None, sender }, receiver)
    }
}

impl<T: Request> Change for PendingRequest<T> {
    fn perform(&mut self, target: &mut Target<'_>) -> Vec<Event> {
        match self.request.perform_on(target, self.now) {
            Ok(Performed { events, reply }) => {
                self.reply = Some(Ok(reply));
                events
            }
            Err(refusal) => {
                self.reply = Some(Err(refusal));
                Vec::new()
            }
        }
    }

    fn perform_blind(&mut self) -> Option<Vec<Event>> {
        let Performed { events, reply } = self.request.perform_blind(self.now)?;
        self.reply = Some(Ok(reply));
        Some(events)
    }

    fn answer(self: Box<Self>, committed: Result<(), StorageError>) {
        let reply = self.reply.unwrap_or_else(|| Err(gone()));
        // This fails if the caller no longer waits. The transaction stays committed.
        let _ = self.sender.send(committed.and(reply));
    }
}
