//! Ways around the rules.

use std::cmp::Reverse;

use autoproc_domain::command::{ExchangeRequest, Verdict};
use autoproc_domain::event::Event;
use autoproc_domain::item::{ClaimNumber, ClaimToken};
use autoproc_domain::queue::{Restore, Transaction};
use autoproc_domain::view::Exchanged;
use autoproc_domain::{FilePath, FileQueue, ItemId, Priority, QueueItem, Status, Timestamp};

/// Changes items in ways that no event can.
pub(crate) fn edit_items(queue: &mut FileQueue, edit: impl Fn(&mut QueueItem)) {
    let mut restore = Restore::default();
    for item in queue.items() {
        let mut item = item.clone();
        edit(&mut item);
        restore.push(item).expect("the edits of these flaws leave a queue");
    }
    *queue = restore.finish(queue.next_id(), queue.next_claim());
}

/// The same items, numbered on from what they ask for.
pub(crate) fn forget_numbers(queue: &mut FileQueue) {
    let items: Vec<_> = queue.items().cloned().collect();
    let mut restore = Restore::default();
    for item in items {
        restore.push(item).expect("they came out of a queue");
    }
    *queue = restore.finish(ItemId::FIRST, ClaimNumber::FIRST);
}

/// Settles by the rules, then claims whatever `is_claimable` in the order of `key`.
pub(crate) fn claim_by<K: Ord>(
    queue: &mut FileQueue,
    request: &ExchangeRequest,
    now: Timestamp,
    is_claimable: impl Fn(&QueueItem) -> bool,
    key: impl Fn(&QueueItem) -> K,
) -> Exchanged {
    let settling = ExchangeRequest { limit: 0, ..request.clone() };
    let mut exchanged = settling.perform(queue, now).expect("an exchange is never rejected").reply;
    let mut chosen: Vec<_> = queue.items().filter(|item| is_claimable(item)).map(|item| (key(item), item.id)).collect();
    chosen.sort_unstable();
    for (_, id) in chosen.into_iter().take(request.limit) {
        exchanged.claims.push(claim(queue, id, request, now));
    }
    exchanged.next_due = queue.next_due(now);
    exchanged.counts = queue.counts();
    exchanged
}

fn claim(queue: &mut FileQueue, id: ItemId, request: &ExchangeRequest, now: Timestamp) -> (ClaimToken, QueueItem) {
    let number = queue.next_claim();
    queue.apply(&Event::Claimed { id, run: request.run.clone(), at: now });
    let item = queue.get(id).expect("it was chosen from the queue").clone();
    (ClaimToken { item: id, number }, item)
}

/// Adds to the claims those of others that are under way.
pub(crate) fn claim_twice(queue: &FileQueue, request: &ExchangeRequest, mut exchanged: Exchanged) -> Exchanged {
    let room = request.limit - exchanged.claims.len();
    let taken: Vec<_> = exchanged.claims.iter().map(|(token, _)| token.item).collect();
    let others = queue.processing().filter(|item| !taken.contains(&item.id));
    let with_token = others.filter_map(|item| {
        let number = item.claim.as_ref()?.number;
        Some((ClaimToken { item: item.id, number }, item.clone()))
    });
    exchanged.claims.extend(with_token.take(room));
    exchanged
}

/// Shows the current token in the place of a stale one.
pub(crate) fn freshen(queue: &FileQueue, mut request: ExchangeRequest) -> ExchangeRequest {
    for settlement in &mut request.settlements {
        let claim = queue.get(settlement.token.item).and_then(|item| item.claim.as_ref());
        if let Some(claim) = claim
            && settlement.token.number < claim.number
        {
            settlement.token.number = claim.number;
        }
    }
    request
}

/// The items whose claims the request settles so.
pub(crate) fn settled_as(request: &ExchangeRequest, matches: impl Fn(&Verdict) -> bool) -> Vec<ItemId> {
    let settlements = request.settlements.iter().filter(|settlement| matches(&settlement.verdict));
    settlements.map(|settlement| settlement.token.item).collect()
}

/// First in, last out, among equals in priority.
pub(crate) fn last_in_first_out(item: &QueueItem) -> (Reverse<Priority>, Reverse<ItemId>) {
    (Reverse(item.priority), Reverse(item.id))
}

/// First in by the clock, not by the number.
pub(crate) fn by_clock(item: &QueueItem) -> (Reverse<Priority>, Timestamp, ItemId) {
    (Reverse(item.priority), item.added_at, item.id)
}

/// A second entry of a path hides behind a byte that `unhidden` takes away.
const HIDDEN: char = '\u{1}';

pub(crate) fn hidden(queue: &FileQueue, path: &FilePath) -> FilePath {
    let is_live = |path: &FilePath| queue.items().any(|item| item.file_path == *path && item.status.is_live());
    if !is_live(path) {
        return path.clone();
    }
    let mut longer = path.as_os_str().to_owned();
    longer.push(String::from(HIDDEN));
    FilePath::new(longer).expect("one byte more fits")
}

pub(crate) fn unhidden(mut item: QueueItem) -> QueueItem {
    if let Some(path) = item.file_path.as_path().to_str() {
        item.file_path = FilePath::new(path.trim_end_matches(HIDDEN)).expect("it was a path before");
    }
    item
}

/// Pending, whenever it is due.
pub(crate) fn is_pending(item: &QueueItem) -> bool {
    item.status == Status::Pending
}
