//! Remembers the answer to each run's latest [`ExchangeRequest`].

use std::collections::BTreeMap;

use crate::item::RunId;
use crate::request::{ExchangeRequest, RequestId};
use crate::view::Exchanged;

/// The latest exchange of each run, with the answer. A store can use this type to answer repeated
/// requests from memory.
#[derive(Debug, Clone, Default)]
pub struct LatestExchanges(BTreeMap<RunId, (RequestId, Exchanged)>);

impl LatestExchanges {
    /// Returns the recorded answer if `request` repeats the run's latest exchange.
    #[must_use]
    pub fn answer(&self, request: &ExchangeRequest) -> Option<Exchanged> {
        let (id, answer) = self.0.get(&request.run)?;
        (*id == request.id).then(|| answer.clone())
    }

    /// Records a request and its answer.
    pub fn record(&mut self, request: &ExchangeRequest, answer: &Exchanged) {
        self.0.insert(request.run.clone(), (request.id, answer.clone()));
    }

    /// Removes the recorded exchange of a run that has ended.
    pub fn forget(&mut self, run: &RunId) {
        self.0.remove(run);
    }
}
