//! What a store should answer: a pure queue, and who lives.

use std::collections::{BTreeMap, BTreeSet};

use autoproc_domain::command::{Command, RecoverRequest};
use autoproc_domain::ports::{RunInfo, Storage, StorageError};
use autoproc_domain::queue::{FileQueue, Transaction};
use autoproc_domain::rejection::Rejection;
use autoproc_domain::view::{Counts, EnqueueOutcome, Exchanged, RecoveredItem};
use autoproc_domain::{QueueItem, RunId, Timestamp};

/// The answer to any command.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Outcomes(Vec<EnqueueOutcome>),
    Exchanged(Exchanged),
    Number(usize),
    Item(Box<QueueItem>),
    Counts(Counts),
    Recovered(Vec<RecoveredItem>),
    Rejected(Rejection),
}

/// The rules, and nothing else.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) queue: FileQueue,
    pub(super) alive: BTreeMap<RunId, RunInfo>,
    /// Runs that were killed and not recovered since.
    killed: BTreeSet<RunId>,
}

impl Model {
    pub(super) fn answer(&mut self, command: &Command, now: Timestamp) -> Answer {
        let queue = &mut self.queue;
        let answer = match command {
            Command::Enqueue(request) => request.perform(queue, now).map(|done| Answer::Outcomes(done.reply)),
            Command::Exchange(request) => request.perform(queue, now).map(|done| Answer::Exchanged(done.reply)),
            Command::Requeue(request) => request.perform(queue, now).map(|done| Answer::Number(done.reply)),
            Command::Reprioritise(request) => {
                request.perform(queue, now).map(|done| Answer::Item(Box::new(done.reply)))
            }
            Command::Remove(request) => request.perform(queue, now).map(|done| Answer::Number(done.reply)),
            Command::Clear(request) => request.perform(queue, now).map(|done| Answer::Counts(done.reply)),
            Command::Recover(request) => self.recover(request.clone(), now).map(Answer::Recovered),
        };
        answer.unwrap_or_else(Answer::Rejected)
    }

    /// The living keep what they hold, whoever names them.
    fn recover(&mut self, mut request: RecoverRequest, now: Timestamp) -> Result<Vec<RecoveredItem>, Rejection> {
        request.runs.retain(|run| !self.alive.contains_key(run));
        self.killed.retain(|run| !request.runs.contains(run));
        Ok(request.perform(&mut self.queue, now)?.reply)
    }

    /// The answer names the others.
    pub(super) fn begin(&mut self, run: RunInfo) -> Vec<RunInfo> {
        let others = self.alive.values().cloned().collect();
        self.alive.insert(run.id.clone(), run);
        others
    }

    /// The answer names those who are left.
    pub(super) fn end(&mut self, run: &RunId) -> Vec<RunInfo> {
        self.alive.remove(run);
        self.alive.values().cloned().collect()
    }

    pub(super) fn kill(&mut self, run: &RunId) {
        self.alive.remove(run);
        self.killed.insert(run.clone());
    }

    /// Dead runs that hold claims: every store must name them.
    pub(super) fn dead_with_claims(&self) -> BTreeSet<RunId> {
        let holders = self.queue.processing().filter_map(|item| Some(item.claim.as_ref()?.run.clone()));
        holders.filter(|run| !self.alive.contains_key(run)).collect()
    }

    /// Dead runs that a store may name: a run killed without claims may have left a trace or not.
    pub(super) fn may_be_named_dead(&self) -> BTreeSet<RunId> {
        self.dead_with_claims().union(&self.killed).cloned().collect()
    }
}

/// Asks a store the same.
pub(super) async fn ask<S: Storage>(store: &S, command: Command, now: Timestamp) -> Result<Answer, StorageError> {
    let answer = match command {
        Command::Enqueue(request) => store.enqueue(request.0, now).await.map(Answer::Outcomes),
        Command::Exchange(request) => store.exchange(request, now).await.map(Answer::Exchanged),
        Command::Requeue(selection) => store.requeue(selection, now).await.map(Answer::Number),
        Command::Reprioritise(request) => {
            let item = store.reprioritise(request.which, request.priority, now).await;
            item.map(|item| Answer::Item(Box::new(item)))
        }
        Command::Remove(request) => store.remove(request.0, now).await.map(Answer::Number),
        Command::Clear(request) => store.clear(request.0, now).await.map(Answer::Counts),
        Command::Recover(request) => store.recover(request, now).await.map(Answer::Recovered),
    };
    match answer {
        Err(StorageError::Rejected(rejection)) => Ok(Answer::Rejected(rejection)),
        other => other,
    }
}
