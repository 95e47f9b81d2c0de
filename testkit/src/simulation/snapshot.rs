//! Snapshots of the queue for the checks.

use autoproc_domain::item::{Backoff, ClaimNumber, ClaimToken};
use autoproc_domain::queue::ClaimKey;
use autoproc_domain::{FileQueue, ItemId, RunId, Status, Timestamp};

#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) id: ItemId,
    pub(super) key: ClaimKey,
    pub(super) status: Status,
    pub(super) is_held: bool,
    pub(super) round: u32,
    pub(super) backoff: Option<Backoff>,
    pub(super) claim: Option<(ClaimNumber, RunId, bool)>,
}

impl Seen {
    /// True if the item may be claimed. Ignores scopes.
    pub(super) fn is_claimable(&self, now: Timestamp) -> bool {
        self.is_waiting() && self.backoff.is_none_or(|backoff| backoff.capped(now).not_before <= now)
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.status == Status::Pending && !self.is_held
    }

    pub(super) fn is_claimed_by(&self, token: ClaimToken, run: &RunId) -> bool {
        let is_current =
            self.claim.as_ref().is_some_and(|(number, holder, _)| *number == token.number && holder == run);
        self.id == token.item && is_current
    }

    pub(super) fn token(&self) -> Option<ClaimToken> {
        self.claim.as_ref().map(|(number, _, _)| ClaimToken { item: self.id, number: *number })
    }
}

pub(super) fn snapshot(queue: &FileQueue) -> Vec<Seen> {
    let seen = queue.items().map(|item| Seen {
        id: item.id,
        key: ClaimKey::of(item),
        status: item.status,
        is_held: item.is_held,
        round: item.round,
        backoff: item.backoff,
        claim: item.claim.as_ref().map(|claim| (claim.number, claim.run.clone(), claim.is_cancelled)),
    });
    seen.collect()
}
