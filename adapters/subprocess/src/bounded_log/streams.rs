//! Records which bytes of an output are standard output or standard error.
//!
//! # Format
//!
//! The file `<path>.streams` is called the *note* of the output at `<path>`. A note consists of
//! lines:
//!
//! - `stderr N` and `stdout N`: the bytes from position N on came from this stream.
//! - `unknown N`: the streams are unknown from position N on. The note has reached its size limit.
//! - `cut H N`: N bytes were omitted after the first H bytes. Only the last `cut` line counts.
//!
//! Positions include omitted bytes, but not the marker line. The bytes before the first noted
//! position are standard output. An output without standard error has no note. If a line cannot be
//! written, a NUL byte replaces the note. All streams are then unknown.
//!
//! A line is appended before the bytes that it describes become visible. A reader must read the
//! output first and the note second. The note then describes every byte. The lines are not synced.
//! After a power failure, the note may be shorter than the output.

mod writer;

use std::io;
use std::path::{Path, PathBuf};

use autoproc_regular_file::{self as regular_file, Links};

use super::files::{Parts, with_suffix};
pub(super) use writer::NoteWriter;

/// The minimum size limit of a note, in bytes. Enough for a few hundred changes of the stream.
const MIN_LIMIT: u64 = 4096;

/// The size limit of the head, divided by the size limit of a note.
const HEAD_SHARE: u64 = 8;

const UNKNOWN: &str = "unknown";
const CUT: &str = "cut";

/// The first byte of a note that was given up.
const FAILED: u8 = 0;

/// An output stream of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// The standard output.
    Stdout,
    /// The standard error.
    Stderr,
}

impl Stream {
    const fn word(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// The source of bytes in an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The process wrote the bytes to this stream. Lines that autoproc adds count as standard
    /// output.
    Stream(Stream),
    /// The stream of the bytes is unknown.
    Unknown,
    /// The bytes are the marker of omitted bytes, which may have come from both streams.
    Marker,
}

/// A gap of `omitted` bytes after the first `head` bytes of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) head: u64,
    pub(crate) omitted: u64,
}

pub(crate) fn streams_path(path: &Path) -> PathBuf {
    with_suffix(path, ".streams")
}

pub(super) const fn max_note(head: u64) -> u64 {
    let share = head / HEAD_SHARE;
    if share > MIN_LIMIT { share } else { MIN_LIMIT }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    changes: Vec<(u64, Source)>,
    pub(crate) cut: Option<Cut>,
    /// The length of the note without the final `cut` lines, in bytes.
    length_without_cut: u64,
}

impl Note {
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        match regular_file::read(Links::Refuse, &streams_path(path)) {
            Ok(text) => Ok(Some(Self::parse(&text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Parses a note. Ignores an incomplete last line. After an invalid line, the streams are
    /// unknown.
    fn parse(text: &[u8]) -> Self {
        let mut note = Self { changes: Vec::new(), cut: None, length_without_cut: 0 };
        let mut end = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            end += line.len() as u64;
            if note.add(line).is_none() {
                note.changes.push((note.last_position(), Source::Unknown));
                break;
            }
            if !line.starts_with(CUT.as_bytes()) {
                note.length_without_cut = end;
            }
        }
        if text.first() == Some(&FAILED) {
            note.changes = vec![(0, Source::Unknown)];
        }
        note
    }

    fn add(&mut self, line: &[u8]) -> Option<()> {
        let mut words = std::str::from_utf8(line).ok()?.strip_suffix('\n')?.split(' ');
        let (word, position) = (words.next()?, words.next()?.parse().ok()?);
        let source = match word {
            "stdout" => Source::Stream(Stream::Stdout),
            "stderr" => Source::Stream(Stream::Stderr),
            UNKNOWN => Source::Unknown,
            CUT => {
                self.cut = Some(Cut { head: position, omitted: words.next()?.parse().ok()? });
                return words.next().is_none().then_some(());
            }
            _ => return None,
        };
        let is_valid = words.next().is_none() && position >= self.last_position();
        is_valid.then(|| self.changes.push((position, source)))
    }

    fn is_failed(&self) -> bool {
        self.changes.first() == Some(&(0, Source::Unknown))
    }

    /// True if the note and the output have the same gap. A note without a `cut` line also fits a
    /// gap recorded in the `.tail` file.
    fn describes(&self, parts: &Parts) -> bool {
        match self.cut {
            Some(cut) => cut == Cut { head: parts.head, omitted: parts.omitted },
            None => parts.is_copied || parts.omitted == 0,
        }
    }

    fn last_position(&self) -> u64 {
        self.changes.last().map_or(0, |(position, _)| *position)
    }

    /// Returns the source of the byte at `position`, and the position of the next change.
    pub(crate) fn source_at(&self, position: u64) -> (Source, Option<u64>) {
        let next = self.changes.partition_point(|(from, _)| *from <= position);
        let source = next.checked_sub(1).map_or(Source::Stream(Stream::Stdout), |last| self.changes[last].1);
        (source, self.changes.get(next).map(|(from, _)| *from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUT: Source = Source::Stream(Stream::Stdout);
    const ERR: Source = Source::Stream(Stream::Stderr);

    fn sources(text: &[u8], positions: &[u64]) -> Vec<Source> {
        let note = Note::parse(text);
        positions.iter().map(|position| note.source_at(*position).0).collect()
    }

    #[test]
    fn a_line_holds_until_the_next_one() {
        assert_eq!(sources(b"stderr 3\nstdout 5\n", &[0, 2, 3, 4, 5, 900]), [OUT, OUT, ERR, ERR, OUT, OUT]);
        assert_eq!(sources(b"stderr 0\nunknown 7\n", &[0, 6, 7]), [ERR, ERR, Source::Unknown]);
        assert_eq!(sources(b"", &[0]), [OUT], "the note was just created");
        assert_eq!(Note::parse(b"stderr 3\ncut 8 100\ncut 8 120\n").cut, Some(Cut { head: 8, omitted: 120 }));
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        let unknown = Source::Unknown;
        assert_eq!(sources(b"\0", &[0, 9]), [unknown, unknown]);
        assert_eq!(sources(b"stderr 3\nstdout 5", &[2, 9]), [OUT, ERR], "a line that is being written");
        for bad in ["stdout 2\n", "stdout x\n", "stdaux 5\n", "stdout 5 6\n", "cut 8\n", "\n"] {
            assert_eq!(sources(format!("stderr 3\n{bad}").as_bytes(), &[2, 3]), [OUT, unknown], "{bad}");
        }
    }
}
