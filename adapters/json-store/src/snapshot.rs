//! The snapshot: one JSON document, with one item a line in the form we write.
//!
//! That form is read a line at a time, so that a million files need no second copy of the document in memory. Any other
//! form of the same document, as a person or the original program writes it, is read whole.

mod salvage;

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use autoproc_domain::item::ClaimNumber;
use autoproc_domain::ports::StorageError;
use autoproc_domain::queue::{Inconsistent, Restore};
use autoproc_domain::{FileQueue, ItemId, QueueItem};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::disk::{Disk, Reader, Stamp, read_to_end, write_all};
use crate::error::{damaged, unreadable};
use crate::layout::SNAPSHOT;
use crate::record::{self, ItemRecord, ReadItem, WithExtra};

pub(crate) use salvage::remains;

/// The format's version. A file of any later one is refused: what it means is not known here.
const VERSION: &str = "1.0.0";

/// Written at once; large enough that the system call is not what a snapshot costs.
const CHUNK_BYTES: usize = 256 * 1024;

/// The store's own section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoreSection {
    /// The store's identity, given once.
    pub(crate) id: String,
    /// Grows by one with each snapshot.
    pub(crate) generation: u64,
    /// The number of the last transaction in it.
    pub(crate) seq: u64,
    /// The number the next new item gets.
    pub(crate) next_id: u64,
    /// The number the next claim gets.
    pub(crate) next_claim: u64,
    /// The file that holds what came after.
    pub(crate) journal: String,
}

/// Keys that are not ours: somebody put them there, so they stay.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Extra {
    document: Map<String, Value>,
    items: BTreeMap<ItemId, Map<String, Value>>,
}

/// A snapshot as it was read.
pub(crate) struct Snapshot {
    pub(crate) queue: FileQueue,
    pub(crate) extra: Extra,
    /// Absent in a file of the original program, or one that a person made.
    pub(crate) store: Option<StoreSection>,
    pub(crate) stamp: Stamp,
    pub(crate) print: Fingerprint,
    /// What was left out, for a person.
    pub(crate) notices: Vec<String>,
}

/// What a journal's header knows its snapshot by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) len: u64,
    pub(crate) crc: u32,
}

impl Fingerprint {
    fn take_in(&mut self, bytes: &[u8]) {
        self.len += bytes.len() as u64;
        self.crc = crc32c::crc32c_append(self.crc, bytes);
    }
}

/// Everything of the document but its items.
struct Head {
    store: Option<StoreSection>,
    rest: Map<String, Value>,
}

/// Writes the document to an empty file.
pub(crate) fn write<D: Disk>(
    disk: &D,
    file: &D::File,
    queue: &FileQueue,
    extra: &Extra,
    store: &StoreSection,
) -> io::Result<Fingerprint> {
    let mut sink = Sink { disk, file, print: Fingerprint::default(), buffer: Vec::with_capacity(CHUNK_BYTES) };
    sink.line(|line| write_head(line, extra, Some(store)))?;
    let mut separator: &[u8] = b"";
    for item in queue.items() {
        sink.line(|line| {
            line.extend_from_slice(separator);
            separator = b",\n";
            write_item(line, item, extra)
        })?;
    }
    sink.line(|line| {
        line.extend_from_slice(end_after(separator));
        Ok(())
    })?;
    sink.finish()
}

/// Writes the same document without the store's section to anything: as such it opens in any folder.
pub(crate) fn print(out: &mut dyn io::Write, queue: &FileQueue, extra: &Extra) -> io::Result<()> {
    let mut line = Vec::with_capacity(CHUNK_BYTES);
    write_head(&mut line, extra, None)?;
    let mut separator: &[u8] = b"";
    for item in queue.items() {
        line.extend_from_slice(separator);
        separator = b",\n";
        write_item(&mut line, item, extra)?;
        if line.len() >= CHUNK_BYTES {
            out.write_all(&line)?;
            line.clear();
        }
    }
    line.extend_from_slice(end_after(separator));
    out.write_all(&line)
}

fn end_after(separator: &[u8]) -> &'static [u8] {
    if separator.is_empty() { b"]\n}\n" } else { b"\n]\n}\n" }
}

fn write_item(out: &mut Vec<u8>, item: &QueueItem, extra: &Extra) -> serde_json::Result<()> {
    let record = ItemRecord::from(item);
    match extra.items.get(&item.id) {
        None => serde_json::to_writer(out, &record),
        Some(extra) => serde_json::to_writer(out, &WithExtra { record, extra }),
    }
}

fn write_head(out: &mut Vec<u8>, extra: &Extra, store: Option<&StoreSection>) -> serde_json::Result<()> {
    out.extend_from_slice(b"{\n\"version\": ");
    serde_json::to_writer(&mut *out, VERSION)?;
    if let Some(store) = store {
        out.extend_from_slice(b",\n\"store\": ");
        serde_json::to_writer(&mut *out, store)?;
    }
    for (key, value) in &extra.document {
        out.extend_from_slice(b",\n");
        serde_json::to_writer(&mut *out, key)?;
        out.extend_from_slice(b": ");
        serde_json::to_writer(&mut *out, value)?;
    }
    out.extend_from_slice(b",\n");
    out.extend_from_slice(ITEMS_LINE);
    Ok(())
}

/// The line that ends the head in the form we write.
const ITEMS_LINE: &[u8] = b"\"items\": [\n";

struct Sink<'a, D: Disk> {
    disk: &'a D,
    file: &'a D::File,
    print: Fingerprint,
    buffer: Vec<u8>,
}

impl<D: Disk> Sink<'_, D> {
    fn line(&mut self, write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>) -> io::Result<()> {
        write(&mut self.buffer)?;
        if self.buffer.len() >= CHUNK_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.print.take_in(&self.buffer);
        write_all(self.disk, self.file, &self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<Fingerprint> {
        self.flush()?;
        Ok(self.print)
    }
}

/// Reads the document. Paths that are not absolute, as the original program wrote them, are relative to `base`.
///
/// # Errors
/// [`StorageError::Damaged`] or [`StorageError::Unsupported`] where it cannot be understood.
pub(crate) fn read<D: Disk>(disk: &D, file: &D::File, base: &Path) -> Result<Snapshot, StorageError> {
    let stamp = disk.stat_open(file).map_err(unreadable(SNAPSHOT))?;
    if let Some(snapshot) = read_by_lines(disk, file, base, stamp).map_err(unreadable(SNAPSHOT))? {
        return Ok(snapshot);
    }
    let bytes = read_to_end(disk, file, 0).map_err(unreadable(SNAPSHOT))?;
    read_whole(&bytes, base, stamp)
}

/// Reads the form we write; `None` where the document has any other, or anything is wrong with it.
fn read_by_lines<D: Disk>(disk: &D, file: &D::File, base: &Path, stamp: Stamp) -> io::Result<Option<Snapshot>> {
    let reader = BufReader::with_capacity(CHUNK_BYTES, Reader::new(disk, file, 0));
    let mut lines = Lines { reader, print: Fingerprint::default(), line: Vec::new() };
    let mut head = Vec::new();
    while lines.next()? != ITEMS_LINE {
        if lines.line.is_empty() || head.len() > CHUNK_BYTES {
            return Ok(None);
        }
        head.extend_from_slice(&lines.line);
    }
    head.extend_from_slice(b"\"items\": []}");
    let Ok((head, _)) = parse_head(&head) else { return Ok(None) };
    let mut builder = Builder::new(head.store.as_ref());
    while lines.next()? != b"]\n" {
        let line = lines.line.strip_suffix(b"\n").unwrap_or(&lines.line);
        let item = line.strip_suffix(b",").unwrap_or(line);
        match record::read(item, base) {
            Ok(read) => builder.push(read),
            Err(_) => return Ok(None),
        }
    }
    let is_whole = lines.next()? == b"}\n" && lines.next()?.is_empty();
    Ok(is_whole.then(|| builder.finish(head, stamp, lines.print)))
}

struct Lines<R> {
    reader: BufReader<R>,
    print: Fingerprint,
    line: Vec<u8>,
}

impl<R: Read> Lines<R> {
    /// The next line with its newline; empty at the end.
    fn next(&mut self) -> io::Result<&[u8]> {
        self.line.clear();
        self.reader.read_until(b'\n', &mut self.line)?;
        self.print.take_in(&self.line);
        Ok(&self.line)
    }
}

fn read_whole(bytes: &[u8], base: &Path, stamp: Stamp) -> Result<Snapshot, StorageError> {
    let (head, items) = parse_head(bytes)?;
    let mut builder = Builder::new(head.store.as_ref());
    for (index, item) in items.iter().enumerate() {
        let read = record::read(item.get().as_bytes(), base)
            .map_err(|what| damaged(SNAPSHOT, format!("item {} of its list: {what}", index + 1)))?;
        builder.push(read);
    }
    let mut print = Fingerprint::default();
    print.take_in(bytes);
    Ok(builder.finish(head, stamp, print))
}

/// Everything but the items, and these unread.
fn parse_head(bytes: &[u8]) -> Result<(Head, Vec<&RawValue>), StorageError> {
    let wrong = |error: serde_json::Error| damaged(SNAPSHOT, error.to_string());
    let mut keys: BTreeMap<String, &RawValue> = serde_json::from_slice(bytes).map_err(wrong)?;
    let mut take = |key: &str| keys.remove(key).map(RawValue::get);
    // The version comes first: a newer format may differ in everything else.
    check_version(take("version"))?;
    let store = take("store").map(serde_json::from_str).transpose().map_err(wrong)?;
    let items = take("items").ok_or_else(|| damaged(SNAPSHOT, "it has no list of items"))?;
    let items = serde_json::from_str(items).map_err(wrong)?;
    let rest = keys.into_iter().map(|(key, value)| Ok((key, serde_json::from_str(value.get())?)));
    let rest = rest.collect::<Result<_, _>>().map_err(wrong)?;
    Ok((Head { store, rest }, items))
}

fn check_version(found: Option<&str>) -> Result<(), StorageError> {
    let found = found.and_then(|json| serde_json::from_str::<String>(json).ok());
    let found = found.ok_or_else(|| damaged(SNAPSHOT, "it does not say its version"))?;
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

/// Numbers the items and puts them into a queue. The order of the list is the order of the queue, so that a person may
/// reorder it by hand: from the first item that has no number, or one out of order, all get fresh ones.
struct Builder {
    restore: Restore,
    extra: Extra,
    fresh_from: Option<ItemId>,
    next_id: ItemId,
    next_claim: ClaimNumber,
    notices: Vec<String>,
}

impl Builder {
    fn new(store: Option<&StoreSection>) -> Self {
        Self {
            restore: Restore::default(),
            extra: Extra::default(),
            fresh_from: None,
            next_id: store.map_or(ItemId::FIRST, |store| ItemId::new(store.next_id)),
            next_claim: store.map_or(ClaimNumber::FIRST, |store| ClaimNumber::new(store.next_claim)),
            notices: Vec::new(),
        }
    }

    fn push(&mut self, read: ReadItem) {
        let ReadItem { mut item, extra } = read;
        if self.fresh_from.is_none() && item.id < self.restore.next_id() {
            self.fresh_from = Some(self.next_id);
        }
        if self.fresh_from.is_some() {
            item.id = self.restore.next_id().max(self.next_id);
        }
        let (id, path) = (item.id, item.file_path.clone());
        match self.restore.push(item) {
            Ok(()) if extra.is_empty() => {}
            Ok(()) => drop(self.extra.items.insert(id, extra)),
            Err(Inconsistent::Repeated { .. }) => {
                self.notices.push(format!("{path} stands in {SNAPSHOT} more than once; its first entry counts"));
            }
            Err(inconsistent) => self.notices.push(format!("{path} was left out of {SNAPSHOT}: {inconsistent}")),
        }
    }

    fn finish(mut self, head: Head, stamp: Stamp, print: Fingerprint) -> Snapshot {
        self.extra.document = head.rest;
        Snapshot {
            queue: self.restore.finish(self.next_id, self.next_claim),
            extra: self.extra,
            store: head.store,
            stamp,
            print,
            notices: self.notices,
        }
    }
}
