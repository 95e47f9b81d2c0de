//! Translates the paths in a history.

use std::sync::Arc;

use async_trait::async_trait;
use autoproc_domain::RunId;
use autoproc_domain::ports::{
    AttemptRef, AttemptVisitor, EndedAttempt, History, HistoryError, HistoryQuery, PastAttempt, PastEvent, RunFilter,
    RunsSummary,
};

use super::items::to_here;
use crate::path_map::PathMap;

pub(in crate::wiring) struct MappedHistory {
    pub(in crate::wiring) inner: Arc<dyn History>,
    pub(in crate::wiring) map: Arc<PathMap>,
}

fn attempt_ref(of: AttemptRef, map: &PathMap) -> AttemptRef {
    AttemptRef { file_path: to_here(of.file_path, map), ..of }
}

fn attempt(attempt: PastAttempt, map: &PathMap) -> PastAttempt {
    PastAttempt { of: attempt_ref(attempt.of, map), ..attempt }
}

fn ended(ended: Vec<EndedAttempt>, map: &PathMap) -> Vec<EndedAttempt> {
    ended.into_iter().map(|ended| EndedAttempt { attempt: attempt(ended.attempt, map), ..ended }).collect()
}

#[async_trait]
impl History for MappedHistory {
    async fn attempts(&self, query: HistoryQuery) -> Result<Vec<PastAttempt>, HistoryError> {
        let attempts = self.inner.attempts(query).await?;
        Ok(attempts.into_iter().map(|past| attempt(past, &self.map)).collect())
    }

    async fn visit_attempts(&self, runs: Vec<RunId>, mut visit: AttemptVisitor) -> Result<(), HistoryError> {
        let map = Arc::clone(&self.map);
        self.inner.visit_attempts(runs, Box::new(move |past, at| visit(attempt(past, &map), at))).await
    }

    async fn events(&self, query: HistoryQuery) -> Result<Vec<PastEvent>, HistoryError> {
        let events = self.inner.events(query).await?;
        let here = |event: PastEvent| PastEvent { of: event.of.map(|of| attempt_ref(of, &self.map)), ..event };
        Ok(events.into_iter().map(here).collect())
    }

    async fn runs(&self, filter: RunFilter) -> Result<RunsSummary, HistoryError> {
        let summary = self.inner.runs(filter).await?;
        Ok(RunsSummary {
            failures: ended(summary.failures, &self.map),
            first_changed: summary.first_changed.map(|path| to_here(path, &self.map)),
            slowest: ended(summary.slowest, &self.map),
            ..summary
        })
    }
}
