//! Reading the form we write, a line at a time.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::sync_channel;

use super::{Builder, CHUNK_BYTES, Fingerprint, ITEMS_LINE, Snapshot, parse_head};
use crate::disk::{Disk, Reader, Stamp};
use crate::record::{self, ReadItem};

/// The bytes of an item's line, its path apart, are no fewer: every key that is always there, and its shortest value.
const SHORTEST_LINE: u64 = 128;
/// Room for more items than this is not asked for before they are seen: a file may lie about its length by having holes.
const MOST_ROOM: usize = 4_000_000;

/// A document of this length takes longer to read than a thread takes to start.
const LONG_BYTES: u64 = 1024 * 1024;
/// Items handed over together, so that the handing over costs nothing, and few enough that they stay in the cache.
const BATCH_ITEMS: usize = 512;
/// Neither thread waits for the other's every breath.
const BATCHES_AHEAD: usize = 4;

/// Reads the form we write; `None` where the document has any other, or anything is wrong with it.
pub(super) fn read<D: Disk>(disk: &D, file: &D::File, base: &Path, stamp: Stamp) -> io::Result<Option<Snapshot>> {
    // Room for all of a short document: every page more is one that the system hands out, cleared, for nothing.
    let room = usize::try_from(stamp.len).unwrap_or(CHUNK_BYTES).clamp(1, CHUNK_BYTES);
    let reader = BufReader::with_capacity(room, Reader::new(disk, file, 0));
    let mut lines = Lines { reader, print: Fingerprint::default(), line: Vec::new() };
    let mut head = Vec::new();
    while lines.next()? != ITEMS_LINE.as_bytes() {
        if lines.line.is_empty() || head.len() > CHUNK_BYTES {
            return Ok(None);
        }
        head.extend_from_slice(&lines.line);
    }
    head.extend_from_slice(b"\"items\": []}");
    let Ok((head, _)) = parse_head(&head) else { return Ok(None) };
    let mut builder = Builder::with_room(head.store.as_ref(), most_items(stamp.len));
    let is_ours = if stamp.len < LONG_BYTES {
        lines.items(base, |item| builder.push(item))?
    } else {
        build_beside(&mut builder, |take| lines.items(base, take))?
    };
    let is_whole = is_ours && lines.next()? == b"}\n" && lines.next()?.is_empty();
    Ok(is_whole.then(|| builder.finish(head, stamp, lines.print)))
}

/// Reading and parsing take about as long as putting a large queue together, so a second thread does the latter.
fn build_beside<T>(builder: &mut Builder, read: impl FnOnce(&mut dyn FnMut(ReadItem)) -> T) -> T {
    std::thread::scope(|scope| {
        let (sender, batches) = sync_channel::<Vec<ReadItem>>(BATCHES_AHEAD);
        scope.spawn(move || batches.into_iter().flatten().for_each(|item| builder.push(item)));
        let mut batch = Vec::with_capacity(BATCH_ITEMS);
        // The receiver is gone only where the other thread has panicked, which the scope hands on.
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

/// How many items a document of this length holds at the most, or a few more: a line of ours without its path is longer.
fn most_items(len: u64) -> usize {
    usize::try_from(len / SHORTEST_LINE).unwrap_or(0).min(MOST_ROOM)
}

struct Lines<R> {
    reader: BufReader<R>,
    print: Fingerprint,
    line: Vec<u8>,
}

impl<R: Read> Lines<R> {
    /// Hands out the items up to the end of their list; says no at the first that is in another form or damaged.
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

    /// The next line with its newline; empty at the end.
    fn next(&mut self) -> io::Result<&[u8]> {
        self.line.clear();
        self.reader.read_until(b'\n', &mut self.line)?;
        self.print.add(&self.line);
        Ok(&self.line)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::disk::Access;
    use crate::fuzzing::memory::MemoryDisk;
    use crate::layout::SNAPSHOT;

    /// As we write it, and so long that two threads read it.
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
        assert!(document.len() as u64 > LONG_BYTES);
        document
    }

    fn read_document(document: &str) -> Option<Snapshot> {
        let disk = MemoryDisk::default();
        disk.put(SNAPSHOT, document.as_bytes());
        let file = disk.open(SNAPSHOT, Access::Read).expect("it is there");
        let stamp = disk.stat_open(&file).expect("it is there");
        read(&disk, &file, Path::new("/"), stamp).expect("memory can be read")
    }

    #[test]
    fn two_threads_read_what_one_does() {
        // Not a multiple of what is handed over at once.
        let document = long_document(6_543);
        let snapshot = read_document(&document).expect("our own form");
        let ids: Vec<_> = snapshot.queue.items().map(|item| item.id.get()).collect();
        assert_eq!(ids, (1..=6_543).collect::<Vec<_>>());
        assert_eq!(snapshot.print.len, document.len() as u64);
        assert_eq!(snapshot.print.crc, crc32c::crc32c(document.as_bytes()));
    }

    #[test]
    fn a_damaged_line_far_inside_makes_it_another_form() {
        let document = long_document(6_543);
        assert!(read_document(&document.replacen("\"id\":6000,", "\"id\":6OOO,", 1)).is_none());
        assert!(read_document(&document[..document.len() - 2]).is_none());
    }
}
