//! Decides where a claim begins to search the queue.
//!
//! PostgreSQL keeps old index entries while any transaction stays open, such as a backup. A search
//! from the head of the queue must then read the entries of all claimed items. If this search is
//! slow, the next searches begin at the last claimed item, for at most a second.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use autoproc_domain::Timestamp;
use autoproc_domain::queue::ClaimKey;
use autoproc_domain::view::Exchanged;

use crate::reading::position;

/// The maximum time between two searches from the head of the queue.
const MAX_AGE: Duration = Duration::from_secs(1);
/// A search is slow if it takes longer than this.
const SLOW_SEARCH_US: i64 = 5_000;
/// If the queue has had at most this number of claims, a slow search has another reason than old
/// index entries.
const MIN_CLAIMS: u64 = 1_000;

/// The rank and the sequence number of an item.
pub(crate) type Position = (i64, i64);

pub(crate) const HEAD: Position = (i64::MIN, i64::MIN);

/// The start of the next search; `None` for the head of the queue.
#[derive(Default)]
pub(crate) struct ClaimStart(Mutex<Option<Later>>);

pub(crate) struct Later {
    position: Position,
    since: Instant,
    version: u64,
    /// The end of the next backoff, on the caller's clock.
    next_due: Option<Timestamp>,
}

pub(crate) struct Search {
    pub(crate) start: Position,
    /// The value of `Companion::version` before the search.
    pub(crate) version: u64,
    pub(crate) limit: usize,
    pub(crate) duration_us: i64,
}

impl ClaimStart {
    /// Returns the start of the next search. An earlier item may be claimable again after a
    /// notification, a backoff or [`MAX_AGE`]. The search then starts at the head.
    pub(crate) fn next(&self, version: u64, now: Timestamp) -> Position {
        let mut later = self.lock();
        let is_over = |later: &mut Later| {
            later.version != version || later.since.elapsed() >= MAX_AGE || later.next_due.is_some_and(|due| due <= now)
        };
        later.take_if(is_over);
        later.as_ref().map_or(HEAD, |later| later.position)
    }

    /// Makes the next search begin at the head.
    pub(crate) fn forget(&self) {
        *self.lock() = None;
    }

    /// Sets the next start from the result of a search.
    pub(crate) fn advance(&self, search: &Search, found: &Exchanged) {
        let mut later = self.lock();
        let since = match later.take() {
            Some(later) if search.start != HEAD => Some(later.since),
            _ => is_slow(search, found).then(Instant::now),
        };
        let last = last_of(search, found);
        *later = since.zip(last).map(|(since, position)| Later {
            position,
            since,
            version: search.version,
            next_due: found.next_due,
        });
    }

    fn lock(&self) -> MutexGuard<'_, Option<Later>> {
        // A poisoned lock is safe to use: without a start, the next claim begins at the head.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_slow(search: &Search, found: &Exchanged) -> bool {
    let claims = found.claims.iter().map(|(token, _)| token.number.get()).max().unwrap_or(0);
    search.duration_us > SLOW_SEARCH_US && claims > MIN_CLAIMS
}

/// Returns the position of the last claimed item. Returns `None` if the next search must begin at
/// the head.
fn last_of(search: &Search, found: &Exchanged) -> Option<Position> {
    let positions = || found.claims.iter().map(|(_, item)| position(ClaimKey::of(item)));
    let is_full = found.claims.len() == search.limit && positions().all(|position| position > search.start);
    positions().max().filter(|_| is_full)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
    const POSITION: Position = (0, 7);

    fn start(age: Duration, next_due: Option<Timestamp>) -> ClaimStart {
        let since = Instant::now().checked_sub(age).expect("the machine has been running for a second");
        ClaimStart(Mutex::new(Some(Later { position: POSITION, since, version: 1, next_due })))
    }

    #[test]
    fn the_start_is_kept_while_nothing_has_come_back() {
        let later = NOW.saturating_add(Duration::from_secs(1));
        assert_eq!(start(Duration::ZERO, Some(later)).next(1, NOW), POSITION);
    }

    #[test]
    fn the_start_is_dropped_after_a_notification_the_end_of_a_backoff_and_a_second() {
        assert_eq!(start(Duration::ZERO, None).next(2, NOW), HEAD);
        assert_eq!(start(Duration::ZERO, Some(NOW)).next(1, NOW), HEAD);
        assert_eq!(start(MAX_AGE, None).next(1, NOW), HEAD);
    }
}
