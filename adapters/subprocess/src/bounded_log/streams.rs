//! The note of the streams of an output: which bytes are standard output and which are standard
//! error.
//!
//! The note of the file at `<path>` is `<path>.streams`. It consists of lines:
//!
//! - `stderr N` and `stdout N`: the bytes from position N on came from this stream.
//! - `unknown N`: from position N on, the streams were not kept apart, because the note has reached
//!   its limit.
//! - `cut H N`: N bytes were omitted after the first H bytes. The last such line counts.
//!
//! Positions count all bytes of the output, including omitted ones; the marker of the omission does
//! not count. The bytes before the first line are standard output. An output without standard error
//! has no note. A note that begins with a NUL byte could not be written: the streams are unknown.
//!
//! A line is appended before the first byte that it describes becomes visible. So a reader that
//! reads first the output and then the note finds every byte described. The lines are not synced:
//! after a loss of power, the note may be shorter than the output.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use autoproc_regular_file::{self as regular_file, Links};
use rustix::fs::OFlags;

use super::files::{FILE_MODE, Parts, with_suffix};

/// The minimum size limit of a note, in bytes: some hundred changes of the stream.
const MIN_LIMIT: u64 = 4096;

/// The share of a note in the head: with the default limits, a note has room for about 60,000
/// changes of the stream.
const HEAD_SHARE: u64 = 8;

/// Bytes of a note that are reserved for a last `unknown` line and a `cut` line: the words, three
/// numbers of at most 20 digits, the blanks and the line ends.
const RESERVED_BYTES: u64 = 80;

const UNKNOWN: &str = "unknown";
const CUT: &str = "cut";

/// The first byte of a note that could not be written.
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
    /// The streams were not kept apart.
    Unknown,
    /// The bytes are the marker of omitted bytes, which may have come from both streams.
    Marker,
}

/// A gap in an output: `omitted` bytes after the first `head` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) head: u64,
    pub(crate) omitted: u64,
}

/// Returns the path of the note of the file at `path`.
pub(crate) fn streams_path(path: &Path) -> PathBuf {
    with_suffix(path, ".streams")
}

/// Returns the maximum size of the note of an output with this head, in bytes.
pub(super) const fn max_note(head: u64) -> u64 {
    let share = head / HEAD_SHARE;
    if share > MIN_LIMIT { share } else { MIN_LIMIT }
}

/// The contents of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    /// The positions at which the source changes, in ascending order.
    changes: Vec<(u64, Source)>,
    pub(crate) cut: Option<Cut>,
    /// The length of the note without a `cut` line at its end.
    length_without_cut: u64,
}

impl Note {
    /// Reads the note of the file at `path`; `None` if there is no note.
    ///
    /// # Errors
    /// If the note cannot be read.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        match regular_file::read(Links::Refuse, &streams_path(path)) {
            Ok(text) => Ok(Some(Self::parse(&text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Parses a note. Ignores an incomplete last line. From the first line of another form on, the
    /// streams are unknown.
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

    /// Adds a line; `None` if it has another form.
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

    /// True if the note could not be written.
    fn is_failed(&self) -> bool {
        self.changes.first() == Some(&(0, Source::Unknown))
    }

    /// True if positions in the note refer to the output in `parts`. False if the output was split
    /// at another byte than before, for instance because the disk was full before. If the output
    /// comes from a `.tail`, the note need not tell the gap.
    fn describes(&self, parts: &Parts) -> bool {
        match self.cut {
            Some(cut) => cut == Cut { head: parts.head, omitted: parts.omitted },
            None => parts.is_copied || parts.omitted == 0,
        }
    }

    fn last_position(&self) -> u64 {
        self.changes.last().map_or(0, |(position, _)| *position)
    }

    /// Returns the source of the byte at `position`, and the position of the next change; `None` if
    /// no change follows.
    pub(crate) fn source_at(&self, position: u64) -> (Source, Option<u64>) {
        let next = self.changes.partition_point(|(from, _)| *from <= position);
        let source = next.checked_sub(1).map_or(Source::Stream(Stream::Stdout), |last| self.changes[last].1);
        (source, self.changes.get(next).map(|(from, _)| *from))
    }
}

/// The writer of a note. The file is created at the first byte of standard error.
#[derive(Debug)]
pub(super) struct NoteWriter {
    path: PathBuf,
    limit: u64,
    file: Option<File>,
    length: u64,
    /// The length without a `cut` line at the end of the note.
    length_without_cut: u64,
    /// The source of the latest byte of the output.
    source: Source,
}

impl NoteWriter {
    /// Prepares the note of the output at `path`, whose head has this limit.
    pub(super) fn new(path: &Path, head: u64) -> Self {
        Self {
            path: streams_path(path),
            limit: max_note(head),
            file: None,
            length: 0,
            length_without_cut: 0,
            source: Source::Stream(Stream::Stdout),
        }
    }

    /// Notes that the bytes from `position` on come from `stream`.
    pub(super) fn change(&mut self, stream: Stream, position: u64) -> io::Result<()> {
        if self.source == Source::Unknown || self.source == Source::Stream(stream) {
            return Ok(());
        }
        let line = format!("{} {position}\n", stream.word());
        if self.length + line.len() as u64 + RESERVED_BYTES <= self.limit {
            self.source = Source::Stream(stream);
            self.append(&line)
        } else {
            self.source = Source::Unknown;
            self.append(&format!("{UNKNOWN} {position}\n"))
        }
    }

    /// Notes the gap of the complete output. Does nothing if there is no note.
    pub(super) fn cut(&mut self, Cut { head, omitted }: Cut) -> io::Result<()> {
        if self.file.is_none() || omitted == 0 {
            return Ok(());
        }
        self.append(&format!("{CUT} {head} {omitted}\n"))
    }

    /// Continues the note that an earlier step left for the output in `parts`. Forgets changes after
    /// the end of the output, which were noted for bytes that a killed writer lost.
    pub(super) fn resume(&mut self, parts: &Parts) -> io::Result<()> {
        let Some(mut file) = reopen(&self.path)? else { return Ok(()) };
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        self.file = Some(file);
        let end = parts.head + parts.omitted + parts.tail.len() as u64;
        let mut note = Note::parse(&text);
        self.source = note.source_at(end).0;
        if !note.describes(parts) || note.is_failed() {
            return self.give_up(Ok(()));
        }
        let length = if self.source == Source::Unknown { text.len() } else { length_until(&text, end) };
        note = Note::parse(&text[..length]);
        self.truncate(length as u64)?;
        self.length_without_cut = note.length_without_cut;
        Ok(())
    }

    /// Removes the `cut` line from the end of the note.
    pub(super) fn forget_cut(&mut self) -> io::Result<()> {
        if self.length == self.length_without_cut { Ok(()) } else { self.truncate(self.length_without_cut) }
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        (self.length, self.length_without_cut) = (length, length);
        file.set_len(length)?;
        file.seek(SeekFrom::Start(length)).map(drop)
    }

    fn append(&mut self, line: &str) -> io::Result<()> {
        let written = self.open().and_then(|file| file.write_all(line.as_bytes()));
        if written.is_err() {
            return self.give_up(written);
        }
        self.length += line.len() as u64;
        if !line.starts_with(CUT) {
            self.length_without_cut = self.length;
        }
        Ok(())
    }

    fn open(&mut self) -> io::Result<&mut File> {
        match &mut self.file {
            Some(file) => Ok(file),
            empty @ None => Ok(empty
                .insert(OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(&self.path)?)),
        }
    }

    /// Replaces the contents of the note by a NUL byte, which needs no space on a full disk: the
    /// byte is a hole. Returns `outcome`.
    fn give_up(&mut self, outcome: io::Result<()>) -> io::Result<()> {
        self.source = Source::Unknown;
        if let Some(file) = self.file.take() {
            file.set_len(0).and_then(|()| file.set_len(1))?;
        }
        outcome
    }
}

fn reopen(path: &Path) -> io::Result<Option<File>> {
    let no_follow = OFlags::NOFOLLOW.bits().cast_signed();
    match OpenOptions::new().read(true).write(true).custom_flags(no_follow).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the length of the complete lines about positions up to `end`.
fn length_until(text: &[u8], end: u64) -> usize {
    let mut note = Note { changes: Vec::new(), cut: None, length_without_cut: 0 };
    let is_kept = |line: &&[u8]| note.add(line).is_some() && note.last_position() <= end;
    text.split_inclusive(|byte| *byte == b'\n').take_while(is_kept).map(<[u8]>::len).sum()
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

    #[test]
    fn a_note_has_a_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut writer = NoteWriter::new(&path, 0);
        for position in 0..1000 {
            let stream = if position % 2 == 0 { Stream::Stderr } else { Stream::Stdout };
            writer.change(stream, position).expect("written");
        }
        writer.cut(Cut { head: u64::MAX, omitted: u64::MAX }).expect("written");
        let length = streams_path(&path).metadata().expect("a note").len();
        assert!((MIN_LIMIT - RESERVED_BYTES..=MIN_LIMIT).contains(&length), "{length}");
        let note = Note::read(&path).expect("readable").expect("a note");
        assert_eq!((note.source_at(0).0, note.source_at(1).0), (ERR, OUT));
        assert_eq!((note.source_at(200).0, note.source_at(999).0), (ERR, Source::Unknown));
    }
}
