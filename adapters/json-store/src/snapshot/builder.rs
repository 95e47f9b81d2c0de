//! Building a queue from the items of a document.

use autoproc_domain::ItemId;
use autoproc_domain::item::ClaimNumber;
use autoproc_domain::queue::{Inconsistent, Refused, Restore};

use super::{Extra, Head, Snapshot, SnapshotSum, StoreSection};
use crate::disk::Stamp;
use crate::layout::SNAPSHOT;
use crate::record::ReadItem;

/// Numbers the items and adds them to a queue. The order of the list is the order of the queue, so that a person may reorder
/// it by hand: from the first item without a number, or with one out of order, all items get fresh numbers.
pub(super) struct Builder {
    restore: Restore,
    extra: Extra,
    fresh_from: Option<ItemId>,
    next_id: ItemId,
    next_claim: ClaimNumber,
    notices: Vec<String>,
}

impl Builder {
    pub(super) fn new(store: Option<&StoreSection>) -> Self {
        Self::with_capacity(store, 0)
    }

    /// For about this many items.
    pub(super) fn with_capacity(store: Option<&StoreSection>, items: usize) -> Self {
        Self {
            restore: Restore::with_room(items),
            extra: Extra::default(),
            fresh_from: None,
            next_id: store.map_or(ItemId::FIRST, |store| ItemId::new(store.next_id)),
            next_claim: store.map_or(ClaimNumber::FIRST, |store| ClaimNumber::new(store.next_claim)),
            notices: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, read: ReadItem) {
        let ReadItem { mut item, extra } = read;
        if self.fresh_from.is_none() && item.id < self.restore.next_id() {
            self.fresh_from = Some(self.next_id);
        }
        if self.fresh_from.is_some() {
            item.id = self.restore.next_id().max(self.next_id);
        }
        let id = item.id;
        match self.restore.push(item) {
            Ok(()) if extra.is_empty() => {}
            Ok(()) => drop(self.extra.items.insert(id, extra)),
            Err(refused) => self.notices.push(notice(&refused)),
        }
    }

    pub(super) fn finish(mut self, head: Head, stamp: Stamp, sum: SnapshotSum) -> Snapshot {
        self.extra.document = head.rest;
        Snapshot {
            queue: self.restore.finish(self.next_id, self.next_claim),
            extra: self.extra,
            store: head.store,
            stamp,
            sum,
            notices: self.notices,
        }
    }
}

fn notice(Refused { item, reason }: &Refused) -> String {
    let path = &item.file_path;
    match reason {
        Inconsistent::Repeated { .. } => format!("{path} stands in {SNAPSHOT} more than once; its first entry counts"),
        reason => format!("{path} was left out of {SNAPSHOT}: {reason}"),
    }
}
