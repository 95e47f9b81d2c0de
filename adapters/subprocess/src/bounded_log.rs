//! Stores the beginning and the end of the output of one attempt.
//!
//! # Theory of operation
//!
//! The first bytes of the output are the *head*. They are written to the file immediately. The last
//! bytes are the *tail*. They are kept in a ring buffer in memory.
//!
//! The ring is copied to `<path>.tail` within a second. Readers therefore see recent output, and
//! most output survives a crash. At the end of the output, the tail is appended to the head. Then
//! the `.tail` file is removed. If bytes were omitted, a marker line between head and tail gives
//! their number. [`files`] describes the format.
//!
//! The file contains standard output and standard error. The file `<path>.streams` records the
//! stream of each byte; see [`streams`]. An output without standard error has no `.streams` file.
//!
//! # Cost
//!
//! A log uses at most [`OutputLimits::max_disk`] bytes of disk and [`OutputLimits::tail`] bytes of
//! memory. The ring is written to disk once a second if it has changed. Each change between the
//! streams costs one write of a short line.
//!
//! # Errors
//!
//! No method of [`BoundedLog`] fails, because the processed file matters more than its output. If
//! the head cannot be written, all further output goes to the ring. Copying the ring to disk is
//! attempted each second and at the end. Bytes that are already on disk stay there.

mod files;
mod ring;
mod streams;

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use files::Tail;
pub(crate) use files::{
    FILE_MODE, NOTED, begin_notes, create_folder, marker, marker_length, new_tail_path, omitted_before, open_tail,
    tail_path,
};
use ring::Ring;
use streams::NoteWriter;
pub(crate) use streams::{Cut, Note, streams_path};
pub use streams::{Source, Stream};

/// The maximum time until new bytes in the ring are on disk.
const COPY_INTERVAL: Duration = Duration::from_secs(1);

/// The limits on the kept output of one attempt, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OutputLimits {
    /// The number of bytes kept from the beginning of the output.
    pub head: u64,
    /// The number of bytes kept from the end of an output longer than the head. These bytes are
    /// held in memory. For a short time, the disk contains two copies of them.
    pub tail: u64,
}

/// Keeps 8 MiB from the beginning and 4 MiB from the end. Uses at most about 17 MiB of disk.
impl Default for OutputLimits {
    fn default() -> Self {
        Self::from_total(16 * 1024 * 1024)
    }
}

impl OutputLimits {
    /// Divides `bytes` of disk space for one output: half for the head, a quarter for the tail, and
    /// a quarter for a temporary second copy of the tail. Marker lines and the `.streams` file need
    /// further space; see [`max_disk`](Self::max_disk).
    #[must_use]
    pub const fn from_total(bytes: u64) -> Self {
        Self { head: bytes / 2, tail: bytes / 4 }
    }

    /// Returns the maximum disk space of the output, in bytes. This includes the head, two copies
    /// of the tail, the lines that the log adds, and the `.streams` file.
    #[must_use]
    pub const fn max_disk(self) -> u64 {
        let lines = files::MAX_LINES + streams::max_note(self.head);
        self.head.saturating_add(self.tail.saturating_mul(2)).saturating_add(lines)
    }
}

/// Writes the output of one attempt.
///
/// Call [`BoundedLog::finish`] at the end. Otherwise, bytes that are not yet copied to disk are
/// lost.
#[derive(Debug)]
pub struct BoundedLog {
    path: PathBuf,
    limits: OutputLimits,
    phase: Phase,
    file: Option<File>,
    head: u64,
    ring: Ring,
    note: NoteWriter,
    /// The time of the next copy of the ring. `None` if the copy is current.
    copy_due: Option<Instant>,
    first_error: Option<io::Error>,
}

/// The destination of the next byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    /// The head or the tail, depending on the existing file.
    Continued,
    Head,
    /// The tail, because the head is full or cannot be written.
    Tail,
}

impl BoundedLog {
    /// Prepares to write to `path` without creating a file. Removes an existing file, which a
    /// deleted queue has left. If it stayed and the new attempt printed nothing, readers would take
    /// the old output for that of the new attempt.
    #[must_use]
    pub fn new(path: PathBuf, limits: OutputLimits) -> Self {
        // If the removal fails, creating the new file will fail too and report the error.
        let _ = std::fs::remove_file(&path);
        Self::at(path, limits, Phase::New)
    }

    /// Prepares to append to the output that an earlier step of the same attempt left at `path`.
    /// The limits apply to the output of all steps together. The file does not change until the
    /// first write.
    #[must_use]
    pub fn append(path: PathBuf, limits: OutputLimits) -> Self {
        Self::at(path, limits, Phase::Continued)
    }

    fn at(path: PathBuf, limits: OutputLimits, phase: Phase) -> Self {
        let (ring, note) = (Ring::new(limits.tail), NoteWriter::new(&path, limits.head));
        Self { path, limits, phase, file: None, head: 0, ring, note, copy_due: None, first_error: None }
    }

    /// Writes the next bytes, which came from `stream`. Never fails; [`BoundedLog::finish`] returns
    /// the first error.
    pub fn write(&mut self, stream: Stream, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.begin();
        let noted = self.note.change(stream, self.head + self.ring.total());
        self.remember(noted);
        let in_head = self.write_head(bytes);
        self.keep(&bytes[in_head..]);
    }

    /// Returns the time at which to call [`BoundedLog::tick`] next. Returns `None` if the copy on
    /// disk is current.
    #[must_use]
    pub fn next_tick(&self) -> Option<Instant> {
        self.copy_due
    }

    /// Copies the ring to disk if the copy is due.
    pub fn tick(&mut self, now: Instant) {
        if self.copy_due.is_some_and(|due| due <= now) {
            self.copy_due = None;
            let copied = self.copy();
            self.remember(copied);
        }
    }

    /// Completes the file, and returns the first write error, if any. After an error, a part of the
    /// output may be missing.
    #[must_use]
    pub fn finish(mut self) -> Option<io::Error> {
        if !self.ring.is_unused() {
            let noted = self.note.cut(Cut { head: self.head, omitted: self.ring.omitted() });
            self.remember(noted);
            let joined = self.join();
            self.remember(joined);
        }
        let completed = self.note.finish();
        self.remember(completed);
        self.first_error
    }

    fn begin(&mut self) {
        let begun = match self.phase {
            Phase::New => self.make_file(),
            Phase::Continued => self.continue_file(),
            Phase::Head | Phase::Tail => return,
        };
        self.phase = if begun.is_ok() && self.ring.is_unused() { Phase::Head } else { Phase::Tail };
        self.remember(begun);
    }

    fn make_file(&mut self) -> io::Result<()> {
        self.file = Some(files::create(&self.path)?);
        Ok(())
    }

    fn continue_file(&mut self) -> io::Result<()> {
        let Some(mut file) = files::reopen(&self.path)? else { return self.make_file() };
        let earlier = files::split(&mut file, &self.path, self.limits.head)?;
        self.head = earlier.head;
        file.seek(SeekFrom::Start(self.head))?;
        self.file = Some(file);
        let noted = self.note.resume(&earlier);
        self.remember(noted);
        if earlier.omitted > 0 || !earlier.tail.is_empty() {
            self.ring.resume(earlier.omitted, &earlier.tail);
            self.copy()?;
            // From now on, the `.tail` contains the number of omitted bytes, so the note need not.
            let noted = self.note.forget_cut();
            self.remember(noted);
        }
        Ok(())
    }

    fn write_head(&mut self, bytes: &[u8]) -> usize {
        let (Phase::Head, Some(file)) = (self.phase, &mut self.file) else { return 0 };
        let room = usize::try_from(self.limits.head.saturating_sub(self.head)).unwrap_or(usize::MAX);
        let (written, outcome) = files::write_some(file, &bytes[..bytes.len().min(room)]);
        self.head += written as u64;
        if written < bytes.len() {
            self.phase = Phase::Tail;
        }
        self.remember(outcome);
        written
    }

    fn keep(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.ring.push(bytes);
            self.copy_due.get_or_insert_with(|| Instant::now() + COPY_INTERVAL);
        }
    }

    fn tail(&self) -> Tail<'_> {
        Tail { follows: self.head, omitted: self.ring.omitted(), bytes: self.ring.as_slices() }
    }

    /// Copies the ring to the `.tail` file. Then truncates the main file to the head. An earlier
    /// step may have appended its tail to the head; the copy contains that tail.
    fn copy(&mut self) -> io::Result<()> {
        self.tail().copy_to(&self.path)?;
        self.file.as_ref().map_or(Ok(()), |file| file.set_len(self.head))
    }

    /// Replaces all bytes after the head with the tail.
    fn join(&mut self) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => files::create(&self.path)?,
        };
        self.tail().join_to(&mut file, &self.path)
    }

    fn remember(&mut self, outcome: io::Result<()>) {
        if let Err(error) = outcome {
            self.first_error.get_or_insert(error);
        }
    }
}
