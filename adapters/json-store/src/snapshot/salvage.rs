//! Recovers the readable items of a damaged snapshot.

use std::path::Path;

use autoproc_domain::ItemId;
use autoproc_domain::item::ClaimNumber;
use autoproc_domain::ports::StorageError;
use serde_json::{Map, Value};

use super::{Builder, Head, ITEMS_LINE, MAX_NUMBER, Numbering, Snapshot, SnapshotSum, StoreSection, check_version};
use crate::disk::Stamp;
use crate::layout;
use crate::record::{self, ReadItem};

pub(crate) struct SalvagedSnapshot {
    pub(crate) snapshot: Snapshot,
    pub(crate) lost_lines: usize,
    pub(crate) lost_bytes: u64,
}

/// Recovers every readable line. Returns `None` if neither an item nor the beginning of the list is
/// readable.
///
/// # Errors
/// [`StorageError::Unsupported`] if a line names a later version.
pub(crate) fn salvage(bytes: &[u8], base: &Path, stamp: Stamp) -> Result<Option<SalvagedSnapshot>, StorageError> {
    let mut salvaged = Readable::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        salvaged.add(line, base)?;
    }
    let is_readable = salvaged.has_list || !salvaged.items.is_empty();
    Ok(is_readable.then(|| salvaged.finish(stamp)))
}

#[derive(Default)]
struct Readable {
    store: Option<StoreSection>,
    rest: Map<String, Value>,
    items: Vec<ReadItem>,
    has_list: bool,
    lost_lines: usize,
    lost_bytes: u64,
}

impl Readable {
    fn add(&mut self, line: &[u8], base: &Path) -> Result<(), StorageError> {
        if ITEMS_LINE.trim_end().as_bytes() == line {
            self.has_list = true;
            return Ok(());
        }
        let text = line.strip_suffix(b",").unwrap_or(line);
        if matches!(text, b"" | b"{" | b"}" | b"]") {
            return Ok(());
        }
        if let Ok(item) = record::read(text, base) {
            self.items.push(countable(item));
            return Ok(());
        }
        if let Some(entry) = entry(text) {
            return self.add_entry(entry);
        }
        self.lost_lines += 1;
        self.lost_bytes += line.len() as u64;
        Ok(())
    }

    fn add_entry(&mut self, (key, value): (String, Value)) -> Result<(), StorageError> {
        match key.as_str() {
            // An unreadable version counts as damage. A later version must repair its own
            // snapshots.
            "version" => {
                if let Err(error @ StorageError::Unsupported { .. }) = check_version(Some(&value.to_string())) {
                    return Err(error);
                }
            }
            "store" => self.store = serde_json::from_value(value).ok().filter(is_countable),
            _ => drop(self.rest.insert(key, value)),
        }
        Ok(())
    }

    fn finish(self, stamp: Stamp) -> SalvagedSnapshot {
        let highest = self.items.iter().map(|read| read.item.id.get()).max().unwrap_or(0);
        let builder = Builder::new(self.store.as_ref(), Numbering::Kept, self.items.len());
        let mut builder = builder.numbering_above(highest);
        self.items.into_iter().for_each(|item| builder.push(item));
        let head = Head { store: self.store, rest: self.rest };
        let snapshot = builder.finish(head, stamp, SnapshotSum::default());
        SalvagedSnapshot { snapshot, lost_lines: self.lost_lines, lost_bytes: self.lost_bytes }
    }
}

fn countable(mut read: ReadItem) -> ReadItem {
    if read.item.id.get().max(read.item.sequence.get()) > MAX_NUMBER {
        read.item.id = ItemId::new(0);
    }
    if let Some(claim) = read.item.claim.as_mut().filter(|claim| claim.number.get() > MAX_NUMBER) {
        claim.number = ClaimNumber::new(0);
    }
    read
}

fn is_countable(store: &StoreSection) -> bool {
    let numbers = [store.generation, store.seq, store.next_id, store.next_claim];
    numbers.iter().all(|number| *number <= MAX_NUMBER) && layout::is_journal_name(&store.journal)
}

fn entry(text: &[u8]) -> Option<(String, Value)> {
    let object = [b"{", text, b"}"].concat();
    let entries: Map<String, Value> = serde_json::from_slice(&object).ok()?;
    let mut entries = entries.into_iter();
    entries.next().filter(|_| entries.next().is_none())
}
