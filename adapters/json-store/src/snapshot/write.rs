//! Writes snapshots in chunks.

use std::borrow::Cow;
use std::io;

use autoproc_domain::{FileQueue, QueueItem};

use super::{CHUNK_BYTES, Extra, ITEMS_LINE, SnapshotSum, StoreSection, VERSION};
use crate::disk::{Disk, write_all};
use crate::record::{ItemRecord, WithExtra};

pub(crate) fn write<D: Disk>(
    disk: &D,
    file: &D::File,
    queue: &FileQueue,
    extra: &Extra,
    store: &StoreSection,
) -> io::Result<SnapshotSum> {
    let mut sum = SnapshotSum::default();
    write_chunks(queue.items().map(Cow::Borrowed), extra, Some(store), |chunk| {
        sum.add(chunk);
        write_all(disk, file, chunk)
    })?;
    Ok(sum)
}

/// Writes a queue for another folder, without the claims of this folder.
pub(crate) fn write_export(out: &mut dyn io::Write, queue: &FileQueue, extra: &Extra) -> io::Result<()> {
    write_chunks(queue.items().map(without_claim), extra, None, |chunk| out.write_all(chunk))
}

fn without_claim(item: &QueueItem) -> Cow<'_, QueueItem> {
    if item.claim.is_none() { Cow::Borrowed(item) } else { Cow::Owned(item.clone().released()) }
}

fn write_chunks<'q>(
    items: impl Iterator<Item = Cow<'q, QueueItem>>,
    extra: &Extra,
    store: Option<&StoreSection>,
    mut write: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut chunk = Vec::new();
    write_head(&mut chunk, extra, store)?;
    let mut separator = "";
    for item in items {
        chunk.extend_from_slice(separator.as_bytes());
        separator = ",\n";
        write_item(&mut chunk, &item, extra)?;
        if chunk.len() >= CHUNK_BYTES {
            write(&chunk)?;
            chunk.clear();
        }
    }
    chunk.extend_from_slice(if separator.is_empty() { b"]\n}\n" } else { b"\n]\n}\n" });
    write(&chunk)
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
    out.extend_from_slice(ITEMS_LINE.as_bytes());
    Ok(())
}
