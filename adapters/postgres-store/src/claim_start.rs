//! Decides where in the claim order a handle's next claim begins to search.
//!
//! While a transaction stays open elsewhere, such as a backup, PostgreSQL keeps the index entries
//! of all items claimed since it began. A claim that searches from the head of the claim order
//! reads all these entries. If that becomes slow, the handle's next searches start at its last
//! claimed item, for at most a second.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use autoproc_domain::Timestamp;
use autoproc_domain::queue::ClaimKey;
use autoproc_domain::view::Exchanged;

use crate::reading::position;

/// The longest time between two claims that search from the head of the claim order.
const MAX_AGE: Duration = Duration::from_secs(1);
/// If a search from the head takes longer than this, the next claims begin at the last claimed
/// item.
const SLOW_SEARCH_US: i64 = 5_000;
/// Until a queue has had this number of claims, every claim begins at the head. A slow search then
/// has another reason, such as a busy server.
const MIN_CLAIMS: u64 = 1_000;

/// The rank and the sequence number of an item.
pub(crate) type Position = (i64, i64);

pub(crate) const HEAD: Position = (i64::MIN, i64::MIN);

/// The position at which the next claim begins to search; `None` for the head of the claim order.
#[derive(Default)]
pub(crate) struct ClaimStart(Mutex<Option<Later>>);

pub(crate) struct Later {
    position: Position,
    /// The time of the last claim that began at the head.
    since: Instant,
    /// The value of `Companion::version` before the last claim.
    version: u64,
    /// The time at which the next backoff ends, on the caller's clock.
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
    /// Returns the position at which the next claim begins to search. This is the head after a
    /// notification, the end of a backoff, or [`MAX_AGE`], because an item before the last position
    /// may be claimable again.
    pub(crate) fn next(&self, version: u64, now: Timestamp) -> Position {
        let mut later = self.lock();
        let is_over = |later: &mut Later| {
            later.version != version || later.since.elapsed() >= MAX_AGE || later.next_due.is_some_and(|due| due <= now)
        };
        later.take_if(is_over);
        later.as_ref().map_or(HEAD, |later| later.position)
    }

    /// Makes the next claim begin at the head. Called when this handle returns items to the queue
    /// or changes the queue.
    pub(crate) fn forget(&self) {
        *self.lock() = None;
    }

    /// Moves the start to the last claimed item if the search was slow or did not begin at the
    /// head. If the search found fewer items than its limit, the next search begins at the head.
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

/// Returns the position of the last claimed item. Returns `None` if fewer items than the limit were
/// claimed, or if one of them does not follow the start of the search.
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
