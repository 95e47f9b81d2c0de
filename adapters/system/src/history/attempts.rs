//! Collects attempts from the lines of a log.

use std::collections::{HashSet, VecDeque};

use autoproc_domain::Timestamp;
use autoproc_domain::open_attempts::{Key, is_same, joined, key};
use autoproc_domain::ports::{HistoryQuery, PastAttempt, PastEnd};

use super::line::Line;
use super::push_latest;

/// The attempts that match a query, ordered by their beginnings.
pub(super) struct Attempts<'q> {
    query: &'q HistoryQuery,
    matching: VecDeque<PastAttempt>,
    /// Unfinished attempts outside `matching`. Otherwise, their ends would count as further
    /// attempts.
    others: HashSet<Key>,
    has_evicted: bool,
}

impl<'q> Attempts<'q> {
    pub(super) fn new(query: &'q HistoryQuery) -> Self {
        Self { query, matching: VecDeque::new(), others: HashSet::new(), has_evicted: false }
    }

    /// True if more attempts match than an answer can contain.
    pub(super) fn is_full(&self) -> bool {
        self.has_evicted
    }

    pub(super) fn into_vec(self) -> Vec<PastAttempt> {
        self.matching.into()
    }

    pub(super) fn add(&mut self, line: &Line) {
        let end = end_of(line.event());
        if end.is_none() && line.event() != STARTED {
            return;
        }
        let Some(attempt) = attempt(line, end) else { return };
        match end {
            None => self.begin(line.at, attempt),
            Some(_) => self.end(line.at, attempt),
        }
    }

    fn begin(&mut self, at: Timestamp, attempt: PastAttempt) {
        if self.matches(at, &attempt) {
            self.push(attempt);
        } else {
            self.others.insert(key(&attempt));
        }
    }

    fn end(&mut self, at: Timestamp, ended: PastAttempt) {
        let is_it = |attempt: &PastAttempt| attempt.end.is_none() && is_same(attempt, &ended);
        if let Some(index) = self.matching.iter().rposition(is_it) {
            let begun = &mut self.matching[index];
            *begun = joined(begun, ended);
        } else if !self.others.remove(&key(&ended)) && self.matches(at, &ended) {
            self.push(ended);
        }
    }

    fn matches(&self, at: Timestamp, attempt: &PastAttempt) -> bool {
        self.query.matches(at, &attempt.run, Some(attempt.of.id))
    }

    fn push(&mut self, attempt: PastAttempt) {
        let Some(evicted) = push_latest(&mut self.matching, attempt) else { return };
        self.has_evicted = true;
        if evicted.end.is_none() {
            self.others.insert(key(&evicted));
        }
    }
}

pub(super) const STARTED: &str = "file_started";

pub(super) fn end_of(event: &str) -> Option<PastEnd> {
    Some(match event {
        "file_completed" => PastEnd::Completed,
        "file_requeued" => PastEnd::Requeued,
        "file_failed" => PastEnd::Failed,
        "file_timeout" => PastEnd::Timeout,
        "file_released" => PastEnd::Released,
        "file_recovered" => PastEnd::Died,
        "result_discarded" => PastEnd::Discarded,
        _ => return None,
    })
}

/// Returns the attempt that a line reports, if any.
pub(super) fn attempt(line: &Line, end: Option<PastEnd>) -> Option<PastAttempt> {
    Some(PastAttempt {
        of: line.of.clone()?,
        run: line.attempt_run(),
        started_at: end.is_none().then_some(line.at),
        end,
        elapsed: line.elapsed(),
        usage: line.usage(),
        error: line.error(),
        size_bytes: line.size_bytes(),
        recipe: line.recipe(),
        input_changed: line.input_changed(),
    })
}
