//! Builds a queue from the items of a snapshot.

use autoproc_domain::ItemId;
use autoproc_domain::item::{ClaimNumber, QueueItem, Sequence};
use autoproc_domain::queue::{Inconsistent, Refused, Restore};

use super::{Extra, Head, Numbering, Snapshot, SnapshotSum, StoreSection};
use crate::disk::Stamp;
use crate::layout::SNAPSHOT;
use crate::record::ReadItem;

const SECOND_LIVE: &str = "left out, because an earlier entry of the same path has not ended";

pub(super) struct Builder {
    restore: Restore,
    extra: Extra,
    numbering: Numbering,
    next_number: u64,
    /// True if a new id cannot repeat a later id of the list.
    knows_highest: bool,
    /// True if a new id may repeat a later id.
    has_guessed: bool,
    next_claim: ClaimNumber,
    last_sequence: u64,
    left_out: usize,
    is_canonical: bool,
    notices: Vec<String>,
}

impl Builder {
    pub(super) fn new(store: Option<&StoreSection>, numbering: Numbering, capacity: usize) -> Self {
        Self {
            restore: Restore::with_room(capacity),
            extra: Extra::default(),
            numbering,
            next_number: store.map_or(ItemId::FIRST.get(), |store| store.next_id),
            knows_highest: numbering == Numbering::Version1,
            has_guessed: false,
            next_claim: store.map_or(ClaimNumber::FIRST, |store| ClaimNumber::new(store.next_claim)),
            last_sequence: 0,
            left_out: 0,
            is_canonical: true,
            notices: Vec::new(),
        }
    }

    /// Makes new ids start above `highest`. Has no effect for [`Numbering::Version1`].
    pub(super) fn numbering_above(self, highest: u64) -> Self {
        match self.numbering {
            Numbering::Kept => {
                let next_number = self.next_number.max(highest.saturating_add(1));
                Self { next_number, knows_highest: true, ..self }
            }
            Numbering::Version1 => self,
        }
    }

    /// True if no new id can repeat a later id.
    pub(super) fn has_certain_ids(&self) -> bool {
        !self.has_guessed
    }

    pub(super) fn push(&mut self, read: ReadItem) {
        let ReadItem { mut item, extra } = read;
        match self.numbering {
            Numbering::Kept => self.keep_number(&mut item),
            Numbering::Version1 => {
                self.number_as_version_1(&mut item);
                if self.is_second_live(&item) {
                    self.left_out += 1;
                    return;
                }
            }
        }
        self.last_sequence = item.sequence.get();
        let mut id = item.id;
        let mut pushed = self.restore.push(item);
        if let Err(Refused { item, reason: Inconsistent::RepeatedId(_) }) = pushed {
            // The id is repeated because a user copied a line and changed the path.
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
                self.notices.push(format!("{} in {SNAPSHOT} was left out of the queue: {reason}", item.file_path));
            }
        }
    }

    fn keep_number(&mut self, item: &mut QueueItem) {
        self.is_canonical &= item.id.get() > 0 && item.sequence.get() > self.last_sequence;
        if item.id.get() == 0 {
            self.number(item);
        }
    }

    /// Version 1 had no sequence numbers. The ids determined the order.
    fn number_as_version_1(&mut self, item: &mut QueueItem) {
        item.sequence = Sequence::new(item.id.get());
        self.is_canonical &= item.id.get() >= self.restore.next_number();
        if !self.is_canonical {
            self.number(item);
        }
    }

    fn is_second_live(&self, item: &QueueItem) -> bool {
        item.status.is_live() && self.restore.find(&item.file_path).is_some_and(|first| first.status.is_live())
    }

    fn number(&mut self, item: &mut QueueItem) {
        self.has_guessed |= !self.knows_highest;
        let number = self.restore.next_number().max(self.next_number);
        item.id = ItemId::new(number);
        item.sequence = Sequence::new(number);
    }

    pub(super) fn finish(mut self, head: Head, stamp: Stamp, sum: SnapshotSum) -> Snapshot {
        self.extra.document = head.rest;
        let (merged, left_out) = (self.restore.folded(), self.left_out);
        for (count, fate) in [(merged, "merged with another of the same path"), (left_out, SECOND_LIVE)] {
            match count {
                0 => {}
                1 => self.notices.push(format!("1 entry of {SNAPSHOT} was {fate}")),
                _ => self.notices.push(format!("{count} entries of {SNAPSHOT} were each {fate}")),
            }
        }
        Snapshot {
            queue: self.restore.finish(self.next_number, self.next_claim),
            extra: self.extra,
            store: head.store,
            stamp,
            sum,
            is_canonical: self.is_canonical && merged == 0 && left_out == 0,
            notices: self.notices,
        }
    }
}
