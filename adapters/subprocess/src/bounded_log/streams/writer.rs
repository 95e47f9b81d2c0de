//! Writes the `.streams` file of an output.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{CUT, Cut, Note, Source, Stream, UNKNOWN, max_note, streams_path};
use crate::bounded_log::files::{Parts, open_new, reopen};

/// The number of bytes reserved for an `unknown` line and a `cut` line. These lines contain three
/// numbers of at most 20 digits.
const RESERVED_BYTES: u64 = 80;

#[derive(Debug)]
pub(in crate::bounded_log) struct NoteWriter {
    path: PathBuf,
    limit: u64,
    file: Option<File>,
    length: u64,
    length_without_cut: u64,
    source: Source,
    /// True if the note was given up, but its NUL byte is not written yet.
    is_mark_due: bool,
}

impl NoteWriter {
    pub(in crate::bounded_log) fn new(path: &Path, head: u64) -> Self {
        Self {
            path: streams_path(path),
            limit: max_note(head),
            file: None,
            length: 0,
            length_without_cut: 0,
            source: Source::Stream(Stream::Stdout),
            is_mark_due: false,
        }
    }

    pub(in crate::bounded_log) fn change(&mut self, stream: Stream, position: u64) -> io::Result<()> {
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

    pub(in crate::bounded_log) fn cut(&mut self, Cut { head, omitted }: Cut) -> io::Result<()> {
        if self.file.is_none() || omitted == 0 {
            return Ok(());
        }
        self.append(&format!("{CUT} {head} {omitted}\n"))
    }

    /// Continues the note of an earlier step. Removes lines about lost bytes. Gives up a note that
    /// does not match the output.
    pub(in crate::bounded_log) fn resume(&mut self, parts: &Parts) -> io::Result<()> {
        let text = match self.reopen() {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(()),
            Err(error) => return self.give_up(Err(error)),
        };
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

    fn reopen(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(mut file) = reopen(&self.path)? else { return Ok(None) };
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        self.file = Some(file);
        Ok(Some(text))
    }

    pub(in crate::bounded_log) fn forget_cut(&mut self) -> io::Result<()> {
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
            empty @ None => Ok(empty.insert(open_new(&self.path)?)),
        }
    }

    /// If the note was given up but not marked, tries again to mark it: file descriptors or disk
    /// space may be free now.
    ///
    /// # Errors
    /// If the note cannot be marked. Without a note, the whole output counts as standard output.
    pub(in crate::bounded_log) fn finish(&mut self) -> io::Result<()> {
        if !self.is_mark_due {
            return Ok(());
        }
        let file = match reopen(&self.path)? {
            Some(file) => file,
            None => open_new(&self.path)?,
        };
        self.mark(&file)
    }

    /// Gives up the note: stops writing it, and marks an open note with a NUL byte. Returns the
    /// error of marking, if any, or `outcome`.
    fn give_up(&mut self, outcome: io::Result<()>) -> io::Result<()> {
        self.source = Source::Unknown;
        self.is_mark_due = true;
        if let Some(file) = self.file.take() {
            self.mark(&file)?;
        }
        outcome
    }

    /// Replaces the note with a NUL byte. The NUL byte is a hole in the file, so it needs no disk
    /// space.
    fn mark(&mut self, file: &File) -> io::Result<()> {
        file.set_len(0).and_then(|()| file.set_len(1))?;
        self.is_mark_due = false;
        Ok(())
    }
}

/// Returns the length of the valid lines up to position `end`, in bytes.
fn length_until(text: &[u8], end: u64) -> usize {
    let mut note = Note { changes: Vec::new(), cut: None, length_without_cut: 0 };
    let is_kept = |line: &&[u8]| note.add(line).is_some() && note.last_position() <= end;
    text.split_inclusive(|byte| *byte == b'\n').take_while(is_kept).map(<[u8]>::len).sum()
}

#[cfg(test)]
mod tests {
    use super::super::MIN_LIMIT;
    use super::*;

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
        assert_eq!(
            (note.source_at(0).0, note.source_at(1).0),
            (Source::Stream(Stream::Stderr), Source::Stream(Stream::Stdout))
        );
        assert_eq!((note.source_at(200).0, note.source_at(999).0), (Source::Stream(Stream::Stderr), Source::Unknown));
    }
}
