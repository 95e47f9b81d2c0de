//! Reads snapshots with one item per line.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::sync_channel;

use super::{Builder, CHUNK_BYTES, ITEMS_LINE, Numbering, Snapshot, SnapshotSum, parse_head};
use crate::disk::{Disk, Reader, Stamp};
use crate::record::{self, ReadItem};

const MIN_LINE_BYTES: u64 = 128;
/// The maximum number of items for which memory is allocated in advance. A sparse file may have a
/// huge length.
const MAX_CAPACITY: usize = 4_000_000;

/// Shorter snapshots are read by one thread.
const THREADED_READ_BYTES: u64 = 1024 * 1024;
const BATCH_ITEMS: usize = 512;
const CHANNEL_BATCHES: usize = 4;

/// Reads a snapshot. Returns `None` if the snapshot must be read as a whole.
pub(super) fn read<D: Disk>(
    disk: &D,
    file: &D::File,
    base: &Path,
    numbering: Numbering,
    stamp: Stamp,
) -> io::Result<Option<Snapshot>> {
    // A short document gets a short buffer, because the system must clear every page of the buffer.
    let capacity = usize::try_from(stamp.len).unwrap_or(CHUNK_BYTES).clamp(1, CHUNK_BYTES);
    let reader = BufReader::with_capacity(capacity, Reader::new(disk, file, 0));
    let mut lines = Lines { reader, sum: SnapshotSum::default(), line: Vec::new() };
    let mut head = Vec::new();
    while lines.next()? != ITEMS_LINE.as_bytes() {
        if lines.line.is_empty() || head.len() > CHUNK_BYTES {
            return Ok(None);
        }
        head.extend_from_slice(&lines.line);
    }
    head.extend_from_slice(b"\"items\": []}");
    let Ok((head, _)) = parse_head(&head) else { return Ok(None) };
    let mut builder = Builder::new(head.store.as_ref(), numbering, max_items(stamp.len));
    let is_list = if stamp.len < THREADED_READ_BYTES {
        lines.items(base, |item| builder.push(item))?
    } else {
        build_concurrently(&mut builder, |take| lines.items(base, take))?
    };
    let is_whole = is_list && lines.next()? == b"}\n" && lines.next()?.is_empty();
    Ok((is_whole && builder.has_certain_ids()).then(|| builder.finish(head, stamp, lines.sum)))
}

/// Builds the queue on a second thread while this thread parses.
fn build_concurrently<T>(builder: &mut Builder, read: impl FnOnce(&mut dyn FnMut(ReadItem)) -> T) -> T {
    std::thread::scope(|scope| {
        let (sender, batches) = sync_channel::<Vec<ReadItem>>(CHANNEL_BATCHES);
        scope.spawn(move || batches.into_iter().flatten().for_each(|item| builder.push(item)));
        let mut batch = Vec::with_capacity(BATCH_ITEMS);
        // Sending fails only if the building thread has panicked; then the scope panics too.
        let read = read(&mut |item| {
            batch.push(item);
            if batch.len() == BATCH_ITEMS {
                let _ = sender.send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH_ITEMS)));
            }
        });
        let _ = sender.send(batch);
        read
    })
}

fn max_items(len: u64) -> usize {
    usize::try_from(len / MIN_LINE_BYTES).unwrap_or(0).min(MAX_CAPACITY)
}

struct Lines<R> {
    reader: BufReader<R>,
    sum: SnapshotSum,
    line: Vec<u8>,
}

impl<R: Read> Lines<R> {
    /// Passes each item to `take`. Returns `false` at the first unreadable line.
    fn items(&mut self, base: &Path, mut take: impl FnMut(ReadItem)) -> io::Result<bool> {
        while self.next()? != b"]\n" {
            let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
            match record::read(line.strip_suffix(b",").unwrap_or(line), base) {
                Ok(item) => take(item),
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    fn next(&mut self) -> io::Result<&[u8]> {
        self.line.clear();
        self.reader.read_until(b'\n', &mut self.line)?;
        self.sum.add(&self.line);
        Ok(&self.line)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::disk::Access;
    use crate::disk::fake::FakeDisk;
    use crate::layout::SNAPSHOT;

    fn long_document(items: u64) -> String {
        let mut document = String::from("{\n\"version\": \"1.0.0\",\n\"items\": [\n");
        for id in 1..=items {
            let end = if id == items { "" } else { "," };
            let at = "2026-11-22T13:16:00.000000Z";
            let item =
                format!(r#"{{"id":{id},"file_path":"/srv/{id:099}","priority":0,"added_at":"{at}","attempts":0}}"#);
            writeln!(document, "{item}{end}").expect("a string takes everything");
        }
        document.push_str("]\n}\n");
        assert!(document.len() as u64 > THREADED_READ_BYTES);
        document
    }

    fn read_document(document: &str) -> Option<Snapshot> {
        let disk = FakeDisk::default();
        disk.put(SNAPSHOT, document.as_bytes());
        let file = disk.open(SNAPSHOT, Access::Read).expect("it is there");
        let stamp = disk.stat_open(&file).expect("it is there");
        read(&disk, &file, Path::new("/"), Numbering::Kept, stamp).expect("memory can be read")
    }

    #[test]
    fn two_threads_read_what_one_does() {
        // The number of items is not a multiple of the batch size.
        let document = long_document(6_543);
        let snapshot = read_document(&document).expect("this program's layout");
        let ids: Vec<_> = snapshot.queue.items().map(|item| item.id.get()).collect();
        assert_eq!(ids, (1..=6_543).collect::<Vec<_>>());
        assert_eq!(snapshot.sum.len, document.len() as u64);
        assert_eq!(snapshot.sum.crc, crc32c::crc32c(document.as_bytes()));
    }

    #[test]
    fn a_damaged_line_far_inside_is_noticed() {
        let document = long_document(6_543);
        assert!(read_document(&document.replacen("\"id\":6000,", "\"id\":6OOO,", 1)).is_none());
        assert!(read_document(&document[..document.len() - 2]).is_none());
    }
}
