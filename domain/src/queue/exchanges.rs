//! Records the latest exchange of each run, so that repeating it is harmless.

use std::collections::BTreeMap;

use crate::item::RunId;
use crate::request::{ExchangeRequest, RequestId};
use crate::view::Exchanged;

/// The latest exchange of each run and its answer. A store that keeps them in the memory of its
/// process uses this type to answer a repeated exchange.
#[derive(Debug, Clone, Default)]
pub struct LatestExchanges(BTreeMap<RunId, (RequestId, Exchanged)>);

impl LatestExchanges {
    /// Returns the recorded answer if `request` repeats the run's latest exchange.
    #[must_use]
    pub fn answer(&self, request: &ExchangeRequest) -> Option<Exchanged> {
        let (id, answer) = self.0.get(&request.run)?;
        (*id == request.id).then(|| answer.clone())
    }

    /// Records a request that was carried out, with its answer.
    pub fn record(&mut self, request: &ExchangeRequest, answer: &Exchanged) {
        self.0.insert(request.run.clone(), (request.id, answer.clone()));
    }

    /// Removes the recorded exchange of a run that has ended.
    pub fn forget(&mut self, run: &RunId) {
        self.0.remove(run);
    }
}
