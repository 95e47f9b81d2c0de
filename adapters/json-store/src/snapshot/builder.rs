//! Building a queue from the items of a document.

use autoproc_domain::ItemId;
use autoproc_domain::item::{ClaimNumber, QueueItem, Sequence};
use autoproc_domain::queue::{Inconsistent, Refused, Restore};

use super::{Extra, Head, Numbering, Snapshot, SnapshotSum, StoreSection};
use crate::disk::Stamp;
use crate::layout::SNAPSHOT;
use crate::record::ReadItem;

/// Numbers the items and adds them to a queue. The order of the list is the order of the line, so
/// that a person may reorder it by hand.
pub(super) struct Builder {
    restore: Restore,
    extra: Extra,
    numbering: Numbering,
    next_number: u64,
    next_claim: ClaimNumber,
    last_sequence: u64,
    /// Whether the list is as this program writes it.
    is_canonical: bool,
    notices: Vec<String>,
}

impl Builder {
    /// For about this many items.
    pub(super) fn new(store: Option<&StoreSection>, numbering: Numbering, capacity: usize) -> Self {
        Self {
            restore: Restore::with_room(capacity),
            extra: Extra::default(),
            numbering,
            next_number: store.map_or(ItemId::FIRST.get(), |store| store.next_id),
            next_claim: store.map_or(ClaimNumber::FIRST, |store| ClaimNumber::new(store.next_claim)),
            last_sequence: 0,
            is_canonical: true,
            notices: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, read: ReadItem) {
        let ReadItem { mut item, extra } = read;
        let follows = item.id.get() > 0 && item.sequence.get() > self.last_sequence;
        self.is_canonical &= follows;
        if item.id.get() == 0 || (self.numbering == Numbering::Version1 && !self.is_canonical) {
            self.number(&mut item);
        }
        self.last_sequence = item.sequence.get();
        let mut id = item.id;
        let mut pushed = self.restore.push(item);
        if let Err(Refused { item, reason: Inconsistent::RepeatedId(_) }) = pushed {
            // A copied line: the copy is another item.
            self.is_canonical = false;
            let mut item = *item;
            self.number(&mut item);
            id = item.id;
            pushed = self.restore.push(item);
        }
        match pushed {
            Ok(()) if extra.is_empty() => {}
            Ok(()) => drop(self.extra.items.insert(id, extra)),
            Err(Refused { item, reason }) => {
                self.notices.push(format!("{} was left out of {SNAPSHOT}: {reason}", item.file_path));
            }
        }
    }

    /// Gives an item the next number, and the next place in line.
    fn number(&self, item: &mut QueueItem) {
        let number = self.restore.next_number().max(self.next_number);
        item.id = ItemId::new(number);
        item.sequence = Sequence::new(number);
    }

    pub(super) fn finish(mut self, head: Head, stamp: Stamp, sum: SnapshotSum) -> Snapshot {
        self.extra.document = head.rest;
        let folded = self.restore.folded();
        if folded > 0 {
            self.notices.push(format!("{folded} entries of {SNAPSHOT} were merged with others of the same path"));
        }
        Snapshot {
            queue: self.restore.finish(self.next_number, self.next_claim),
            extra: self.extra,
            store: head.store,
            stamp,
            sum,
            is_canonical: self.is_canonical && folded == 0,
            notices: self.notices,
        }
    }
}
