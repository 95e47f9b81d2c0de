//! Writing the document, in chunks: the whole of it is never in memory.

use std::io;

use autoproc_domain::{FileQueue, QueueItem};

use super::{CHUNK_BYTES, Extra, Fingerprint, ITEMS_LINE, StoreSection, VERSION};
use crate::disk::{Disk, write_all};
use crate::record::{ItemRecord, WithExtra};

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
