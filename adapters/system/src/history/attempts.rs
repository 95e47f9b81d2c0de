//! Collects attempts from the lines of a log that record the beginning or the end of an attempt.

use std::collections::{HashSet, VecDeque};

use autoproc_domain::item::AttemptNumber;
use autoproc_domain::ports::{AttemptRef, HistoryQuery, PastAttempt, PastEnd};
use autoproc_domain::{ItemId, RunId, Timestamp};

use super::line::Line;
use super::push_latest;

/// Identifies an attempt until it ends. After a release, the next attempt has the same key.
type Key = (ItemId, u32, AttemptNumber, RunId);

/// The attempts that match a query, in the order in which they began.
pub(super) struct Attempts<'q> {
    query: &'q HistoryQuery,
    matching: VecDeque<PastAttempt>,
    /// Unfinished attempts that are not in `matching`, because they do not match the query or
    /// because the entry limit evicted them. Without this set, the end of such an attempt would
    /// count as another attempt.
    others: HashSet<Key>,
    /// True if the entry limit evicted an attempt.
    has_evicted: bool,
}

impl<'q> Attempts<'q> {
    pub(super) fn new(query: &'q HistoryQuery) -> Self {
        Self { query, matching: VecDeque::new(), others: HashSet::new(), has_evicted: false }
    }

    /// True if there were more attempts than an answer contains, so that earlier ones do not matter.
    pub(super) fn is_full(&self) -> bool {
        self.has_evicted
    }

    pub(super) fn into_vec(self) -> Vec<PastAttempt> {
        self.matching.into()
    }

    pub(super) fn add(&mut self, line: &Line) {
        let end = match line.event() {
            "file_started" => None,
            "file_completed" => Some(PastEnd::Completed),
            "file_requeued" => Some(PastEnd::Requeued),
            "file_failed" => Some(PastEnd::Failed),
            "file_timeout" => Some(PastEnd::Timeout),
            "file_released" => Some(PastEnd::Released),
            "file_recovered" => Some(PastEnd::Died),
            "result_discarded" => Some(PastEnd::Discarded),
            _ => return,
        };
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

    /// Records the end of an attempt. If the log lacks the beginning of the attempt, the time of
    /// the end decides whether the attempt matches the query.
    fn end(&mut self, at: Timestamp, ended: PastAttempt) {
        let is_it = |attempt: &PastAttempt| attempt.end.is_none() && is_same(attempt, &ended);
        if let Some(index) = self.matching.iter().rposition(is_it) {
            let begun = &mut self.matching[index];
            let (started_at, size_bytes, recipe) = (begun.started_at, begun.size_bytes, begun.recipe);
            let of = AttemptRef { claim: begun.of.claim.or(ended.of.claim), ..ended.of };
            *begun = PastAttempt { of, started_at, size_bytes, recipe, ..ended };
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

/// True if a beginning and an end belong to the same attempt. Claim numbers are compared only if
/// both are known: recoveries and earlier versions of autoproc do not record them.
fn is_same(begun: &PastAttempt, ended: &PastAttempt) -> bool {
    let claims = begun.of.claim.zip(ended.of.claim);
    key(begun) == key(ended)
        && begun.of.file_path == ended.of.file_path
        && claims.is_none_or(|(begun, ended)| begun == ended)
}

fn key(attempt: &PastAttempt) -> Key {
    (attempt.of.id, attempt.of.round, attempt.of.attempt, attempt.run.clone())
}

/// Returns the attempt that a line reports, with the details in that line; `None` if the line names
/// no attempt.
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
