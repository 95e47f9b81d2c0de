//! A model that computes the expected answers of a store.

use std::collections::{BTreeMap, BTreeSet};

use autoproc_domain::ports::RunInfo;
use autoproc_domain::queue::{FileQueue, LatestExchanges};
use autoproc_domain::{RunId, Timestamp};

use crate::{Answer, AnyRequest};

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) queue: FileQueue,
    pub(super) alive: BTreeMap<RunId, RunInfo>,
    pub(super) begun: BTreeMap<RunId, RunInfo>,
    killed: BTreeSet<RunId>,
    latest: LatestExchanges,
}

impl Model {
    /// Returns the expected answer to `request`. The run of an exchange must be alive.
    pub(super) fn answer(&mut self, request: &AnyRequest, now: Timestamp) -> Answer {
        match request {
            AnyRequest::Exchange(exchange) => {
                if let Some(answer) = self.latest.answer(exchange) {
                    return Answer::Exchanged(answer);
                }
                let (_, answer) = request.perform(&mut self.queue, now);
                if let Answer::Exchanged(exchanged) = &answer {
                    self.latest.record(exchange, exchanged);
                }
                answer
            }
            AnyRequest::Recover(recover) => {
                let mut recover = recover.clone();
                recover.runs.retain(|run| !self.alive.contains_key(run));
                self.killed.retain(|run| !recover.runs.contains(run));
                AnyRequest::Recover(recover).perform(&mut self.queue, now).1
            }
            request => request.perform(&mut self.queue, now).1,
        }
    }

    pub(super) fn begin(&mut self, run: RunInfo) -> Vec<RunInfo> {
        let others = self.alive.values().cloned().collect();
        self.begun.insert(run.id.clone(), run.clone());
        self.alive.insert(run.id.clone(), run);
        others
    }

    pub(super) fn end(&mut self, run: &RunId) -> Vec<RunInfo> {
        self.alive.remove(run);
        self.alive.values().cloned().collect()
    }

    pub(super) fn kill(&mut self, run: &RunId) {
        self.alive.remove(run);
        self.killed.insert(run.clone());
    }

    pub(super) fn dead_with_claims(&self) -> BTreeSet<RunId> {
        let holders = self.queue.processing().filter_map(|item| Some(item.claim.as_ref()?.run.clone()));
        holders.filter(|run| !self.alive.contains_key(run)).collect()
    }

    /// Returns the runs that a store may report as dead.
    pub(super) fn may_be_named_dead(&self) -> BTreeSet<RunId> {
        self.dead_with_claims().union(&self.killed).cloned().collect()
    }
}
