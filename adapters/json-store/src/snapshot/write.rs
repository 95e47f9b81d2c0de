//! Writing the document, in chunks: the whole of it is never in memory.

use std::io;

use autoproc_domain::{FileQueue, QueueItem};

use super::{CHUNK_BYTES, Extra, Fingerprint, ITEMS_LINE, StoreSection, VERSION};
use crate::disk::{Disk, write_all};
use crate::record::{ItemRecord, WithExtra};

/// What stands before the store's section.
pub(super) const STORE_KEY: &str = ",\n\"store\": ";
/// What stands between two items.
pub(super) const SEPARATOR: &str = ",\n";
/// What stands after the last item.
pub(super) const END_AFTER_ITEM: &str = "\n]\n}\n";
/// What stands after the beginning of an empty list.
pub(super) const END_OF_NONE: &str = "]\n}\n";

/// Writes the document to an empty file.
pub(crate) fn write<D: Disk>(
    disk: &D,
    file: &D::File,
    queue: &FileQueue,
    extra: &Extra,
    store: &StoreSection,
) -> io::Result<Fingerprint> {
    let mut sink = Sink::new(disk, file);
    sink.line(|line| write_head(line, extra, Some(store)))?;
    let mut separator = "";
    for item in queue.items() {
        sink.line(|line| {
            line.extend_from_slice(separator.as_bytes());
            separator = SEPARATOR;
            write_item(line, item, extra)
        })?;
    }
    sink.end(separator)
}

/// Writes the same document without the store's section to anything: as such it opens in any folder.
pub(crate) fn print(out: &mut dyn io::Write, queue: &FileQueue, extra: &Extra) -> io::Result<()> {
    let mut line = Vec::with_capacity(CHUNK_BYTES);
    write_head(&mut line, extra, None)?;
    let mut separator = "";
    for item in queue.items() {
        line.extend_from_slice(separator.as_bytes());
        separator = SEPARATOR;
        write_item(&mut line, item, extra)?;
        if line.len() >= CHUNK_BYTES {
            out.write_all(&line)?;
            line.clear();
        }
    }
    line.extend_from_slice(end_after(separator).as_bytes());
    out.write_all(&line)
}

/// What the next item would have been separated by tells whether there was one.
fn end_after(separator: &str) -> &'static str {
    if separator.is_empty() { END_OF_NONE } else { END_AFTER_ITEM }
}

pub(super) fn write_item(out: &mut Vec<u8>, item: &QueueItem, extra: &Extra) -> serde_json::Result<()> {
    let record = ItemRecord::from(item);
    match extra.items.get(&item.id) {
        None => serde_json::to_writer(out, &record),
        Some(extra) => serde_json::to_writer(out, &WithExtra { record, extra }),
    }
}

fn write_head(out: &mut Vec<u8>, extra: &Extra, store: Option<&StoreSection>) -> serde_json::Result<()> {
    match store {
        Some(store) => write_start(out, store)?,
        None => write_version(out)?,
    }
    for (key, value) in &extra.document {
        out.extend_from_slice(b",\n");
        serde_json::to_writer(&mut *out, key)?;
        out.extend_from_slice(b": ");
        serde_json::to_writer(&mut *out, value)?;
    }
    out.extend_from_slice(b",\n");
    out.extend_from_slice(ITEMS_LINE.as_bytes());
    Ok(())
}

/// The document up to the end of its store's section.
pub(super) fn write_start(out: &mut Vec<u8>, store: &StoreSection) -> serde_json::Result<()> {
    write_version(out)?;
    out.extend_from_slice(STORE_KEY.as_bytes());
    serde_json::to_writer(out, store)
}

/// The document up to its version.
pub(super) fn write_version(out: &mut Vec<u8>) -> serde_json::Result<()> {
    out.extend_from_slice(b"{\n\"version\": ");
    serde_json::to_writer(out, VERSION)
}

pub(super) struct Sink<'a, D: Disk> {
    disk: &'a D,
    file: &'a D::File,
    print: Fingerprint,
    buffer: Vec<u8>,
}

impl<'a, D: Disk> Sink<'a, D> {
    pub(super) fn new(disk: &'a D, file: &'a D::File) -> Self {
        Self { disk, file, print: Fingerprint::default(), buffer: Vec::new() }
    }

    pub(super) fn line(&mut self, write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>) -> io::Result<()> {
        write(&mut self.buffer)?;
        if self.buffer.len() >= CHUNK_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes long bytes without a copy of them.
    pub(super) fn through(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.flush()?;
        self.print.take_in(bytes);
        write_all(self.disk, self.file, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.print.take_in(&self.buffer);
        write_all(self.disk, self.file, &self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// Ends the document after the items.
    pub(super) fn end(mut self, separator: &str) -> io::Result<Fingerprint> {
        self.buffer.extend_from_slice(end_after(separator).as_bytes());
        self.flush()?;
        Ok(self.print)
    }
}
