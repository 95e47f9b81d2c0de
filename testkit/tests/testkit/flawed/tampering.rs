use std::cmp::Reverse;
use std::collections::BTreeMap;

use autoproc_domain::event::Event;
use autoproc_domain::item::{ClaimNumber, ClaimToken, Sequence};
use autoproc_domain::queue::{Restore, Transaction};
use autoproc_domain::request::{ExchangeRequest, Verdict};
use autoproc_domain::view::{Claimed, Exchanged};
use autoproc_domain::{FilePath, FileQueue, ItemId, Priority, QueueItem, Status, Timestamp};

pub(crate) fn edit_items(queue: &mut FileQueue, edit: impl FnMut(&mut QueueItem)) {
    *queue = edited(queue, edit, queue.next_claim(), queue.next_number());
}

/// Makes the queue assign the ids of removed items and the claim numbers of ended claims again.
pub(crate) fn forget_numbers(queue: &mut FileQueue) {
    *queue = edited(queue, |_| {}, ClaimNumber::FIRST, ItemId::FIRST.get());
}

/// Makes the queue assign the claim numbers of ended claims again.
pub(crate) fn forget_claim_numbers(queue: &mut FileQueue) {
    *queue = edited(queue, |_| {}, ClaimNumber::FIRST, queue.next_number());
}

fn edited(
    queue: &FileQueue,
    mut edit: impl FnMut(&mut QueueItem),
    next_claim: ClaimNumber,
    next_number: u64,
) -> FileQueue {
    let mut items: Vec<_> = queue.items().cloned().collect();
    items.iter_mut().for_each(&mut edit);
    items.sort_by_key(|item| item.sequence);
    let mut restore = Restore::default();
    for item in items {
        restore.push(item).expect("the edits of these flaws leave a queue");
    }
    restore.finish(next_number, next_claim)
}

pub(crate) fn places(queue: &FileQueue) -> BTreeMap<FilePath, Sequence> {
    queue.items().map(|item| (item.file_path.clone(), item.sequence)).collect()
}

/// Performs a request without checking its run.
pub(crate) fn perform<T: Transaction>(queue: &mut FileQueue, request: &T, now: Timestamp) -> T::Reply {
    request.perform(queue, now).expect("this request is never rejected").reply
}

/// Settles correctly. Then claims the items that `is_claimable` accepts, sorted by `key`.
pub(crate) fn claim_by<K: Ord>(
    queue: &mut FileQueue,
    request: &ExchangeRequest,
    now: Timestamp,
    is_claimable: impl Fn(&QueueItem) -> bool,
    key: impl Fn(&QueueItem) -> K,
) -> Exchanged {
    let stale = perform(queue, &ExchangeRequest { limit: 0, ..request.clone() }, now).stale;
    let is_wanted = |item: &&QueueItem| is_claimable(item) && request.scope.contains(item.id);
    let mut chosen: Vec<_> = queue.items().filter(is_wanted).map(|item| (key(item), item.id)).collect();
    chosen.sort_unstable();
    chosen.truncate(request.limit);
    let claims = chosen.into_iter().map(|(_, id)| claim(queue, id, request, now)).collect();
    let again = ExchangeRequest { limit: 0, settlements: Vec::new(), ..request.clone() };
    Exchanged { claims, stale, ..perform(queue, &again, now) }
}

fn claim(queue: &mut FileQueue, id: ItemId, request: &ExchangeRequest, now: Timestamp) -> Claimed {
    let number = queue.next_claim();
    queue.apply(&Event::Claimed { id, run: request.run.clone(), at: now });
    let item = queue.get(id).expect("it was chosen from the queue").clone();
    (ClaimToken { item: id, number }, item)
}

/// Adds already claimed items to the answer.
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

/// Replaces each stale token with the current token of its item.
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

/// Settles the claims of other runs. Returns the tokens of these claims.
pub(crate) fn settle_for_others(queue: &mut FileQueue, request: &ExchangeRequest, now: Timestamp) -> Vec<ClaimToken> {
    let mut settled = Vec::new();
    for settlement in &request.settlements {
        let holder = queue.get(settlement.token.item).and_then(|item| Some(item.claim.as_ref()?.run.clone()));
        if let Some(run) = holder.filter(|run| *run != request.run) {
            let settlements = vec![settlement.clone()];
            perform(queue, &ExchangeRequest { run, settlements, limit: 0, ..request.clone() }, now);
            settled.push(settlement.token);
        }
    }
    settled
}

/// Returns the items that the request settles with a verdict that `matches` accepts.
pub(crate) fn settled_as(request: &ExchangeRequest, matches: impl Fn(&Verdict) -> bool) -> Vec<ItemId> {
    let settlements = request.settlements.iter().filter(|settlement| matches(&settlement.verdict));
    settlements.map(|settlement| settlement.token.item).collect()
}

pub(crate) fn last_in_first_out(item: &QueueItem) -> (Reverse<Priority>, Reverse<Sequence>) {
    (Reverse(item.priority), Reverse(item.sequence))
}

pub(crate) fn by_clock(item: &QueueItem) -> (Reverse<Priority>, Timestamp, ItemId) {
    (Reverse(item.priority), item.added_at, item.id)
}

/// A suffix that makes a known path look new.
const HIDDEN: char = '\u{1}';

pub(crate) fn hidden(queue: &FileQueue, path: &FilePath) -> FilePath {
    if queue.items().all(|item| item.file_path != *path) {
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

pub(crate) fn is_pending(item: &QueueItem) -> bool {
    item.status == Status::Pending
}
