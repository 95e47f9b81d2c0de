//! Putting items behind those of a document that we wrote, without reading these: most of its text goes into the new
//! document as it stands, some pages at a time.

use std::io::{self, Read};

use autoproc_domain::item::ClaimNumber;
use autoproc_domain::queue::Restore;
use autoproc_domain::{FilePath, FileQueue, ItemId};

use super::write::{END_AFTER_ITEM, END_OF_NONE, SEPARATOR, STORE_KEY, Sink, write_item, write_start, write_version};
use super::{Extra, Fingerprint, ITEMS_LINE, StoreSection};
use crate::disk::{Access, Disk, Reader};
use crate::layout::SNAPSHOT;

/// Long enough that the system calls are not what it costs, and short enough that the system need not hand out, cleared,
/// memory for all of a document.
pub(crate) const BLOCK_BYTES: usize = 64 * 1024;
/// The standard library looks for texts of up to this length with the processor's wide registers.
const QUICK_BYTES: usize = 32;

/// The text of a document that this program wrote and nobody touched since.
pub(crate) struct Written<D: Disk> {
    file: D::File,
    len: u64,
    /// The bytes after those in the block.
    unread: u64,
    /// A part of the document, at first its beginning.
    block: Vec<u8>,
    section: StoreSection,
    /// Where the store's section ends in its beginning.
    rest_at: usize,
}

/// Begins to read the document of this length; `None` where it has a form that we do not write.
pub(crate) fn written<D: Disk>(disk: &D, len: u64) -> io::Result<Option<Written<D>>> {
    let file = disk.open(SNAPSHOT, Access::Read)?;
    let mut block = vec![0; usize::try_from(len).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES)];
    Reader::new(disk, &file, 0).read_exact(&mut block)?;
    let found = section_in(&block);
    let unread = len - block.len() as u64;
    Ok(found.map(|(section, rest_at)| Written { file, len, unread, block, section, rest_at }))
}

/// The store's section, and where it ends.
fn section_in(block: &[u8]) -> Option<(StoreSection, usize)> {
    let mut version = Vec::new();
    write_version(&mut version).ok()?;
    let rest = block.strip_prefix(version.as_slice())?.strip_prefix(STORE_KEY.as_bytes())?;
    let length = rest.iter().position(|byte| *byte == b'\n')?.checked_sub(1)?;
    Some((serde_json::from_slice(&rest[..length]).ok()?, block.len() - rest.len() + length))
}

impl<D: Disk> Written<D> {
    /// A queue that numbers what it is given as the document's own would, and has nothing in it.
    pub(crate) fn emptied(&self) -> FileQueue {
        let StoreSection { next_id, next_claim, .. } = self.section;
        Restore::with_room(0).finish(ItemId::new(next_id), ClaimNumber::new(next_claim))
    }

    /// What the document says of its store.
    pub(crate) fn section(&self) -> &StoreSection {
        &self.section
    }

    /// Writes the document with this section, and the items of this queue behind its own, to an empty file. An error where
    /// one of the paths is in it, or may be, and then with half of it written.
    pub(crate) fn write_with(
        mut self,
        disk: &D,
        file: &D::File,
        items: &FileQueue,
        section: &StoreSection,
    ) -> io::Result<Fingerprint> {
        let paths: Vec<_> = items.items().map(|item| Sought::new(&item.file_path)).collect::<Result<_, _>>()?;
        let mut sink = Sink::new(disk, file);
        sink.line(|line| write_start(line, section))?;
        let mut separator = self.copy_rest(disk, &paths, &mut sink)?;
        for item in items.items() {
            sink.line(|line| {
                line.extend_from_slice(separator.as_bytes());
                separator = SEPARATOR;
                write_item(line, item, &Extra::default())
            })?;
        }
        sink.end(separator)
    }

    /// Copies everything up to the end of the last item, and returns what goes before the next.
    fn copy_rest(&mut self, disk: &D, without: &[Sought], sink: &mut Sink<'_, D>) -> io::Result<&'static str> {
        let mut from = self.rest_at;
        loop {
            let rest = &self.block[from..];
            let is_last = self.unread == 0;
            let (end, separator) = if is_last { end_of_items(rest)? } else { (end_before_more(rest)?, SEPARATOR) };
            if without.iter().any(|path| path.may_be_in(&rest[..end])) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            sink.through(&rest[..end])?;
            if is_last {
                return Ok(separator);
            }
            self.read_on(disk, from + end)?;
            from = 0;
        }
    }

    /// Puts what follows in the place of so many bytes of the block.
    fn read_on(&mut self, disk: &D, done: usize) -> io::Result<()> {
        let offset = self.len - self.unread;
        self.block.drain(..done);
        let kept = self.block.len();
        let more = self.unread.min((BLOCK_BYTES - kept) as u64);
        self.block.extend(std::iter::repeat_n(0, usize::try_from(more).unwrap_or(0)));
        Reader::new(disk, &self.file, offset).read_exact(&mut self.block[kept..])?;
        self.unread -= more;
        Ok(())
    }
}

/// Where the last item ends in the end of the document, and what goes before the next.
fn end_of_items(text: &[u8]) -> io::Result<(usize, &'static str)> {
    let none = text.strip_suffix(END_OF_NONE.as_bytes()).filter(|before| before.ends_with(ITEMS_LINE.as_bytes()));
    let some = || text.strip_suffix(END_AFTER_ITEM.as_bytes()).map(|before| (before.len(), SEPARATOR));
    none.map(|before| (before.len(), "")).or_else(some).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Where the last item ends of which it is certain that another follows.
fn end_before_more(text: &[u8]) -> io::Result<usize> {
    let separator = SEPARATOR.as_bytes();
    let end = text.windows(separator.len()).rposition(|bytes| bytes == separator).filter(|end| *end > 0);
    end.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// A path as it stands in an item.
struct Sought {
    /// With what is before and after it in every item. Within a text, these quotes would stand behind a backslash.
    text: String,
    /// Its end, to be looked for first.
    quick_at: usize,
}

impl Sought {
    fn new(path: &FilePath) -> serde_json::Result<Self> {
        let text = format!("\"file_path\":{},", serde_json::to_string(&path.text())?);
        let quick_at = text.ceil_char_boundary(text.len().saturating_sub(QUICK_BYTES));
        Ok(Self { text, quick_at })
    }

    fn may_be_in(&self, lines: &[u8]) -> bool {
        let is_in = |lines: &str| lines.contains(&self.text[self.quick_at..]) && lines.contains(&self.text);
        str::from_utf8(lines).map_or(true, is_in)
    }
}
