//! Putting items behind those of a document that we wrote, without reading these: most of its text goes into the new
//! document as it stands.

use std::io;

use autoproc_domain::item::ClaimNumber;
use autoproc_domain::queue::Restore;
use autoproc_domain::{FilePath, FileQueue, ItemId};

use super::write::{END_AFTER_ITEM, END_OF_NONE, SEPARATOR, STORE_KEY, Sink, write_item, write_start, write_version};
use super::{Extra, Fingerprint, ITEMS_LINE, StoreSection};
use crate::disk::{Access, Disk, Reader};
use crate::layout::SNAPSHOT;

/// The text of a document that this program wrote and nobody touched since.
pub(crate) struct Written {
    text: String,
    section: StoreSection,
    /// Where the store's section ends.
    rest_at: usize,
    /// Where the last item ends.
    end_at: usize,
    is_empty: bool,
}

/// Reads the document where it has this print; `None` where it has another, or a form that we do not write.
pub(crate) fn written<D: Disk>(disk: &D, print: Fingerprint) -> io::Result<Option<Written>> {
    let file = disk.open(SNAPSHOT, Access::Read)?;
    let mut bytes = vec![0; usize::try_from(print.len).map_err(io::Error::other)?];
    io::Read::read_exact(&mut Reader::new(disk, &file, 0), &mut bytes)?;
    let mut found = Fingerprint::default();
    found.take_in(&bytes);
    Ok(String::from_utf8(bytes).ok().filter(|_| found == print).and_then(Written::new))
}

impl Written {
    fn new(text: String) -> Option<Self> {
        let section_at = section_at(&text)?;
        let rest_at = section_at + text[section_at..].find(",\n")?;
        let section = serde_json::from_str(&text[section_at..rest_at]).ok()?;
        let before = text.strip_suffix(END_OF_NONE)?;
        let is_empty = before.ends_with(ITEMS_LINE);
        let end_at = if is_empty { before.len() } else { text.strip_suffix(END_AFTER_ITEM)?.len() };
        Some(Self { text, section, rest_at, end_at, is_empty })
    }

    /// Whether no item in it has this path, ended ones among them. Where it is not certain, the answer is no.
    pub(crate) fn lacks(&self, path: &FilePath) -> bool {
        let Ok(path) = serde_json::to_string(&path.text()) else { return false };
        // Every item has its path between these; in a text, quotes would stand behind a backslash.
        !self.text.contains(&format!("\"file_path\":{path},"))
    }

    /// A queue that numbers what it is given as the document's own would, and has nothing in it.
    pub(crate) fn emptied(&self) -> FileQueue {
        let StoreSection { next_id, next_claim, .. } = self.section;
        Restore::with_room(0).finish(ItemId::new(next_id), ClaimNumber::new(next_claim))
    }

    /// What the document says of its store.
    pub(crate) fn section(&self) -> &StoreSection {
        &self.section
    }

    /// Writes the document with this section, and the items of this queue behind its own, to an empty file.
    pub(crate) fn write_with<D: Disk>(
        &self,
        disk: &D,
        file: &D::File,
        items: &FileQueue,
        section: &StoreSection,
    ) -> io::Result<Fingerprint> {
        let mut sink = Sink::new(disk, file);
        sink.line(|line| write_start(line, section))?;
        sink.through(&self.text.as_bytes()[self.rest_at..self.end_at])?;
        let mut separator = if self.is_empty { "" } else { SEPARATOR };
        for item in items.items() {
            sink.line(|line| {
                line.extend_from_slice(separator.as_bytes());
                separator = SEPARATOR;
                write_item(line, item, &Extra::default())
            })?;
        }
        sink.end(separator)
    }
}

/// Where the store's section begins.
fn section_at(text: &str) -> Option<usize> {
    let mut version = Vec::new();
    write_version(&mut version).ok()?;
    let rest = text.as_bytes().strip_prefix(version.as_slice())?.strip_prefix(STORE_KEY.as_bytes())?;
    Some(text.len() - rest.len())
}
