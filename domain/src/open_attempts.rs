//! Pairs the beginning of each attempt with its end.

use std::collections::{BTreeMap, HashMap};

use crate::attempt::AttemptRef;
use crate::item::{AttemptNumber, ItemId, RunId};
use crate::ports::{AttemptVisitor, PastAttempt};
use crate::time::Timestamp;

/// Identifies an attempt that has begun and not ended, by item, round, attempt number and run.
/// After a release, the next attempt of the same run has the same key.
pub type Key = (ItemId, u32, AttemptNumber, RunId);

/// Returns the key of an attempt.
#[must_use]
pub fn key(attempt: &PastAttempt) -> Key {
    (attempt.of.id, attempt.of.round, attempt.of.attempt, attempt.run.clone())
}

/// True if `begun` and `ended` belong to the same attempt: their keys, files and claim numbers are
/// equal. An unknown claim number matches any other. Recoveries and older versions of autoproc
/// record no claim number.
#[must_use]
pub fn is_same(begun: &PastAttempt, ended: &PastAttempt) -> bool {
    let claims = begun.of.claim.zip(ended.of.claim);
    key(begun) == key(ended)
        && begun.of.file_path == ended.of.file_path
        && claims.is_none_or(|(begun, ended)| begun == ended)
}

/// Combines the recorded beginning and end of an attempt.
#[must_use]
pub fn joined(begun: &PastAttempt, ended: PastAttempt) -> PastAttempt {
    let (started_at, size_bytes, recipe) = (begun.started_at, begun.size_bytes, begun.recipe);
    let of = AttemptRef { claim: begun.of.claim.or(ended.of.claim), ..ended.of };
    PastAttempt { of, started_at, size_bytes, recipe, ..ended }
}

/// Passes attempts to a visitor in the order that [`History::visit_attempts`] promises. The caller
/// adds beginnings and ends in the order in which they were recorded. Only attempts that have not
/// ended are kept in memory.
///
/// [`History::visit_attempts`]: crate::ports::History::visit_attempts
pub struct OpenAttempts {
    /// The attempts without an end, numbered in order of their beginnings.
    open: BTreeMap<u64, PastAttempt>,
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

    /// Adds the beginning of an attempt. If an earlier attempt with the same key is still open, the
    /// end of that attempt was not recorded. The visitor then receives that attempt.
    pub fn begin(&mut self, attempt: PastAttempt) {
        let earlier = self.numbers.insert(key(&attempt), self.next);
        if let Some(earlier) = earlier.and_then(|earlier| self.open.remove(&earlier)) {
            (self.visit)(earlier, None);
        }
        self.open.insert(self.next, attempt);
        self.next += 1;
    }

    /// Adds the end of an attempt, recorded at `at`, and passes the attempt to the visitor. Without
    /// a matching beginning, the visitor receives only what the end records. If another attempt
    /// with the same key is open, the visitor receives that attempt first.
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

    /// Passes the attempts that have not ended to the visitor, in the order in which they began.
    pub fn finish(mut self) {
        for attempt in std::mem::take(&mut self.open).into_values() {
            (self.visit)(attempt, None);
        }
    }
}
