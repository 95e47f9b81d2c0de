//! Reads and writes snapshots of the queue as JSON.

mod builder;
mod lines;
mod salvage;
mod write;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use autoproc_domain::ports::StorageError;
use autoproc_domain::{FileQueue, ItemId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::checksum;
use crate::disk::{Disk, Stamp, read_to_end};
use crate::error::{damaged, unreadable, without_position};
use crate::layout::SNAPSHOT;
use crate::{record, unique_keys};

pub(crate) use salvage::salvage;
pub(crate) use write::{write, write_export};

use builder::Builder;

const VERSION: &str = "1.0.0";

/// The highest number accepted from a file. Incrementing an accepted number cannot overflow.
pub(crate) const MAX_NUMBER: u64 = u64::MAX / 2;

const CHUNK_BYTES: usize = 256 * 1024;

const ITEMS_LINE: &str = "\"items\": [\n";

/// The `store` section ends within this number of bytes. The section has at most 400 bytes. Only
/// the version precedes the section.
const HEAD_BYTES: usize = 1024;

const STORE_KEY: &[u8] = b"\"store\": ";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoreSection {
    pub(crate) id: String,
    /// Incremented by each new snapshot.
    pub(crate) generation: u64,
    /// The number of the last transaction in the snapshot.
    pub(crate) seq: u64,
    /// The next id or sequence number to assign.
    pub(crate) next_id: u64,
    pub(crate) next_claim: u64,
    pub(crate) journal: String,
}

/// Keys of the document that this program does not know; each rewrite keeps them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Extra {
    document: Map<String, Value>,
    items: BTreeMap<ItemId, Map<String, Value>>,
}

impl Extra {
    pub(crate) fn is_empty(&self) -> bool {
        self.document.is_empty() && self.items.is_empty()
    }
}

pub(crate) struct Snapshot {
    pub(crate) queue: FileQueue,
    pub(crate) extra: Extra,
    /// `None` if a user or the original Python program wrote the file.
    pub(crate) store: Option<StoreSection>,
    pub(crate) stamp: Stamp,
    pub(crate) sum: SnapshotSum,
    /// True if a rewrite would change neither the items nor their order.
    pub(crate) is_canonical: bool,
    pub(crate) notices: Vec<String>,
}

/// How ids are assigned when a snapshot is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Numbering {
    /// An item keeps its id. An item without an id, or with the id of an earlier item of another
    /// path, gets a new id above all ids of the list.
    Kept,
    /// The rule of version 1. The first item without an id or out of order gets a new id, and so do
    /// all later items. Journals that name no rule refer to these ids.
    #[default]
    Version1,
}

impl Numbering {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(crate) fn is_version_1(&self) -> bool {
        *self == Self::Version1
    }
}

/// Identifies a snapshot in the header of its journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SnapshotSum {
    pub(crate) len: u64,
    pub(crate) crc: u32,
}

impl SnapshotSum {
    fn add(&mut self, bytes: &[u8]) {
        self.len += bytes.len() as u64;
        self.crc = checksum::extended(self.crc, bytes);
    }
}

/// The document without its items.
struct Head {
    store: Option<StoreSection>,
    rest: Map<String, Value>,
}

/// Reads only the `store` section at the beginning of a snapshot. Returns `None` if the section is
/// missing or in another layout.
pub(crate) fn store_of<D: Disk>(disk: &D, file: &D::File) -> io::Result<Option<StoreSection>> {
    let mut beginning = vec![0; HEAD_BYTES];
    let read = disk.read_at(file, 0, &mut beginning)?;
    let mut lines = beginning[..read].split(|byte| *byte == b'\n');
    let section = lines.find_map(|line| line.strip_prefix(STORE_KEY)?.strip_suffix(b","));
    Ok(section.and_then(|section| serde_json::from_slice(section).ok()))
}

/// Reads a snapshot. Relative paths are resolved against `base`.
///
/// # Errors
/// [`StorageError::Damaged`] if the document is invalid; [`StorageError::Unsupported`] if a later
/// version wrote it.
pub(crate) fn read<D: Disk>(
    disk: &D,
    file: &D::File,
    base: &Path,
    numbering: Numbering,
) -> Result<Snapshot, StorageError> {
    let stamp = disk.stat_open(file).map_err(unreadable(SNAPSHOT))?;
    if let Some(snapshot) = lines::read(disk, file, base, numbering, stamp).map_err(unreadable(SNAPSHOT))? {
        return Ok(snapshot);
    }
    let bytes = read_to_end(disk, file, 0).map_err(unreadable(SNAPSHOT))?;
    read_whole(&bytes, base, numbering, stamp)
}

fn read_whole(bytes: &[u8], base: &Path, numbering: Numbering, stamp: Stamp) -> Result<Snapshot, StorageError> {
    let (head, items) = parse_head(bytes)?;
    let highest = items.iter().map(|item| record::id(item.get().as_bytes())).max().unwrap_or(0);
    let mut builder = Builder::new(head.store.as_ref(), numbering, items.len()).numbering_above(highest);
    for (index, item) in items.iter().enumerate() {
        let read = record::read(item.get().as_bytes(), base)
            .map_err(|detail| damaged(SNAPSHOT, format!("item {} of its list: {detail}", index + 1)))?;
        builder.push(read);
    }
    let mut sum = SnapshotSum::default();
    sum.add(bytes);
    Ok(builder.finish(head, stamp, sum))
}

fn parse_head(bytes: &[u8]) -> Result<(Head, Vec<&RawValue>), StorageError> {
    // Column 0 is not a position: the parser failed before it read a character.
    let wrong = |error: serde_json::Error| {
        let detail = if error.column() == 0 { without_position(&error) } else { error.to_string() };
        damaged(SNAPSHOT, detail)
    };
    let wrong_part = |error: serde_json::Error| damaged(SNAPSHOT, without_position(&error));
    unique_keys::check(bytes).map_err(wrong)?;
    let mut keys: BTreeMap<String, &RawValue> = serde_json::from_slice(bytes).map_err(wrong)?;
    let mut take = |key: &str| keys.remove(key).map(RawValue::get);
    // The version is checked first, because a newer format may differ in everything else.
    check_version(take("version"))?;
    let store = take("store").map(serde_json::from_str).transpose().map_err(wrong_part)?;
    let items = take("items").ok_or_else(|| damaged(SNAPSHOT, "the list of items is missing"))?;
    let items = serde_json::from_str(items).map_err(wrong_part)?;
    let rest = keys.into_iter().map(|(key, value)| Ok((key, serde_json::from_str(value.get())?)));
    let rest = rest.collect::<Result<_, _>>().map_err(wrong_part)?;
    Ok((Head { store, rest }, items))
}

fn check_version(found: Option<&str>) -> Result<(), StorageError> {
    let found = found.and_then(|json| serde_json::from_str::<String>(json).ok());
    let found = found.ok_or_else(|| damaged(SNAPSHOT, "the version is missing or not a string"))?;
    match numbers(&found) {
        Some(version) if Some(version) <= numbers(VERSION) => Ok(()),
        Some(_) => Err(StorageError::Unsupported { place: SNAPSHOT.into(), found, known: VERSION.into() }),
        None => Err(damaged(SNAPSHOT, format!("{found:?} is not a version"))),
    }
}

fn numbers(version: &str) -> Option<[u64; 3]> {
    let numbers: Result<Vec<u64>, _> = version.split('.').map(str::parse).collect();
    numbers.ok()?.try_into().ok()
}
