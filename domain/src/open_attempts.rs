//! Joins the beginnings of attempts with their ends, for histories that record the two separately.

use std::collections::{BTreeMap, HashMap};

use crate::attempt::AttemptRef;
use crate::item::{AttemptNumber, ItemId, RunId};
use crate::ports::{AttemptVisitor, PastAttempt};
use crate::time::Timestamp;

/// Identifies an attempt until it ends: item, round, attempt number and run. After a release, the
/// next attempt has the same key if the same run makes it.
pub type Key = (ItemId, u32, AttemptNumber, RunId);

/// Returns the key of an attempt.
#[must_use]
pub fn key(attempt: &PastAttempt) -> Key {
    (attempt.of.id, attempt.of.round, attempt.of.attempt, attempt.run.clone())
}

/// True if a beginning and an end belong to the same attempt: their keys and files are equal.
/// Claim numbers are compared only if both are known: recoveries and earlier versions of autoproc
/// do not record them.
#[must_use]
pub fn is_same(begun: &PastAttempt, ended: &PastAttempt) -> bool {
    let claims = begun.of.claim.zip(ended.of.claim);
    key(begun) == key(ended)
        && begun.of.file_path == ended.of.file_path
        && claims.is_none_or(|(begun, ended)| begun == ended)
}

/// Returns an attempt with the details of its beginning and of its end.
#[must_use]
pub fn joined(begun: &PastAttempt, ended: PastAttempt) -> PastAttempt {
    let (started_at, size_bytes, recipe) = (begun.started_at, begun.size_bytes, begun.recipe);
    let of = AttemptRef { claim: begun.of.claim.or(ended.of.claim), ..ended.of };
    PastAttempt { of, started_at, size_bytes, recipe, ..ended }
}

/// Passes attempts to a visitor, in the order that [`History::visit_attempts`] promises. The caller
/// adds the beginnings and ends of attempts in the order in which they were recorded. Only the
/// attempts without an end are kept in memory.
///
/// [`History::visit_attempts`]: crate::ports::History::visit_attempts
pub struct OpenAttempts {
    /// The open attempts by their number. Attempts are numbered in the order in which they begin.
    open: BTreeMap<u64, PastAttempt>,
    /// For each open attempt, its number in `open`.
    numbers: HashMap<Key, u64>,
    next: u64,
    visit: AttemptVisitor,
}

impl OpenAttempts {
    /// Creates an instance without open attempts.
    #[must_use]
    pub fn new(visit: AttemptVisitor) -> Self {
        Self { open: BTreeMap::new(), numbers: HashMap::new(), next: 0, visit }
    }

    /// Adds the beginning of an attempt. If an earlier attempt with the same key is open, its end
    /// was not recorded, and the visitor receives it now.
    pub fn begin(&mut self, attempt: PastAttempt) {
        let earlier = self.numbers.insert(key(&attempt), self.next);
        if let Some(earlier) = earlier.and_then(|earlier| self.open.remove(&earlier)) {
            (self.visit)(earlier, None);
        }
        self.open.insert(self.next, attempt);
        self.next += 1;
    }

    /// Adds the end of an attempt, recorded at `at`, and passes the attempt to the visitor. If no
    /// beginning belongs to the end, the attempt consists of the end alone. If another attempt with
    /// the same key is open, its end was not recorded, and the visitor receives it first.
    pub fn end(&mut self, ended: PastAttempt, at: Timestamp) {
        let begun = self.numbers.remove(&key(&ended)).and_then(|number| self.open.remove(&number));
        let ended = match begun {
            Some(begun) if is_same(&begun, &ended) => joined(&begun, ended),
            Some(other) => {
                (self.visit)(other, None);
                ended
            }
            None => ended,
        };
        (self.visit)(ended, Some(at));
    }

    /// Passes the attempts without an end to the visitor, in the order in which they began.
    pub fn finish(mut self) {
        for attempt in std::mem::take(&mut self.open).into_values() {
            (self.visit)(attempt, None);
        }
    }
}
