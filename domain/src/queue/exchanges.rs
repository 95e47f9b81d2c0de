//! The memory of exchanges that makes asking again harmless.

use std::collections::BTreeMap;

use crate::item::RunId;
use crate::request::{ExchangeRequest, RequestId};
use crate::view::Exchanged;

/// The latest exchange of each run and its answer: what a store in memory needs to answer an exchange
/// that is asked again.
#[derive(Debug, Clone, Default)]
pub struct LatestExchanges(BTreeMap<RunId, (RequestId, Exchanged)>);

impl LatestExchanges {
    /// The stored answer, if the request repeats the run's latest exchange.
    #[must_use]
    pub fn answer(&self, request: &ExchangeRequest) -> Option<Exchanged> {
        let (id, answer) = self.0.get(&request.run)?;
        (*id == request.id).then(|| answer.clone())
    }

    /// Records a request that was carried out.
    pub fn record(&mut self, request: &ExchangeRequest, answer: &Exchanged) {
        self.0.insert(request.run.clone(), (request.id, answer.clone()));
    }

    /// Forgets a run that has ended.
    pub fn forget(&mut self, run: &RunId) {
        self.0.remove(run);
    }
}
