//! What can be read of a damaged snapshot: in the form we write, an item is a line, and each line stands by itself.

use std::path::Path;

use autoproc_domain::ItemId;
use autoproc_domain::item::ClaimNumber;
use autoproc_domain::ports::StorageError;
use serde_json::{Map, Value};

use super::{BEYOND_COUNTING, Builder, Fingerprint, Head, ITEMS_LINE, Snapshot, StoreSection, check_version};
use crate::disk::Stamp;
use crate::layout;
use crate::record::{self, ReadItem};

/// What is left of a snapshot.
pub(crate) struct Remains {
    pub(crate) snapshot: Snapshot,
    /// Lines that cannot be read; most of them were an item each.
    pub(crate) lost_lines: usize,
    pub(crate) lost_bytes: u64,
}

/// Reads what can be read; `None` where that is nothing, as in any form but ours.
///
/// # Errors
/// [`StorageError::Unsupported`] where a line says that a newer version wrote it.
pub(crate) fn remains(bytes: &[u8], base: &Path, stamp: Stamp) -> Result<Option<Remains>, StorageError> {
    let mut found = Found::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        found.add(line, base)?;
    }
    let is_ours = found.has_list || !found.items.is_empty();
    Ok(is_ours.then(|| found.into_remains(stamp)))
}

#[derive(Default)]
struct Found {
    store: Option<StoreSection>,
    rest: Map<String, Value>,
    items: Vec<ReadItem>,
    has_list: bool,
    lost_lines: usize,
    lost_bytes: u64,
}

impl Found {
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
            return self.take_entry(entry);
        }
        self.lost_lines += 1;
        self.lost_bytes += line.len() as u64;
        Ok(())
    }

    fn take_entry(&mut self, (key, value): (String, Value)) -> Result<(), StorageError> {
        match key.as_str() {
            // A version that cannot be read is a part of the damage; one that is newer is not ours to mend.
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

    fn into_remains(self, stamp: Stamp) -> Remains {
        let mut builder = Builder::new(self.store.as_ref());
        self.items.into_iter().for_each(|item| builder.push(item));
        let head = Head { store: self.store, rest: self.rest };
        let snapshot = builder.finish(head, stamp, Fingerprint::default());
        Remains { snapshot, lost_lines: self.lost_lines, lost_bytes: self.lost_bytes }
    }
}

/// The same item, without numbers that nobody can go on from.
fn countable(mut read: ReadItem) -> ReadItem {
    if read.item.id.get() > BEYOND_COUNTING {
        read.item.id = ItemId::new(0);
    }
    if let Some(claim) = read.item.claim.as_mut().filter(|claim| claim.number.get() > BEYOND_COUNTING) {
        claim.number = ClaimNumber::new(0);
    }
    read
}

fn is_countable(store: &StoreSection) -> bool {
    let numbers = [store.generation, store.seq, store.next_id, store.next_claim];
    numbers.iter().all(|number| *number <= BEYOND_COUNTING) && layout::is_journal_name(&store.journal)
}

/// A line of the head: one key and its value.
fn entry(text: &[u8]) -> Option<(String, Value)> {
    let object = [b"{", text, b"}"].concat();
    let entries: Map<String, Value> = serde_json::from_slice(&object).ok()?;
    let mut entries = entries.into_iter();
    entries.next().filter(|_| entries.next().is_none())
}
