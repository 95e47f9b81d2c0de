//! The output of one attempt on disk, within a bound: its beginning, and its latest part.
//!
//! # Theory of operation
//!
//! The first bytes (the *head*) go to the file as they come. What follows goes into a ring in memory, of which a copy
//! lies beside the file at most a second later (`<path>.tail`), so that whoever looks sees it and a crash leaves it. At
//! the end what the ring holds (the *tail*) follows the head in the file, after a line that says how many bytes were left
//! out between the two, and the copy goes. [`files`] says how the files look.
//!
//! # What it costs
//!
//! On disk at no moment more than [`OutputLimits::max_disk`]; in memory the tail. A byte beyond the head costs one
//! copy into the ring, and up to the tail's length is written each second. No file is made before the first byte.
//!
//! # Trouble
//!
//! Output is worth less than the file that is processed, so nothing here fails. Once the head cannot be written, the rest
//! goes into the ring, of which a copy is tried once a second and at the end. What was written before stays.

mod files;
mod ring;

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use files::Tail;
pub(crate) use files::{new_tail_path, open_tail, tail_path};
use ring::Ring;

/// How often the latest output is copied to disk: as often as a person who follows it wants to see it move.
const COPY_EVERY: Duration = Duration::from_secs(1);

/// How much of an attempt's output is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputLimits {
    /// The bytes kept from the beginning.
    pub head: u64,
    /// The bytes kept from the end, once there is more than the head. They are held in memory, and twice on disk for a
    /// moment.
    pub tail: u64,
}

/// 8 MiB from the beginning and 4 MiB from the end, 16 MiB of disk in all.
impl Default for OutputLimits {
    fn default() -> Self {
        Self::from_total(16 * 1024 * 1024)
    }
}

impl OutputLimits {
    /// Divides up the disk that one attempt's output may take: half of it to the head, a quarter to the tail, which is
    /// there twice for a moment.
    #[must_use]
    pub const fn from_total(bytes: u64) -> Self {
        Self { head: bytes / 2, tail: bytes / 4 }
    }

    /// The most that the output takes on disk at any moment, in bytes: the head, the tail twice, and the lines between
    /// them.
    #[must_use]
    pub const fn max_disk(self) -> u64 {
        self.head.saturating_add(self.tail.saturating_mul(2)).saturating_add(files::MAX_LINES)
    }
}

/// The output of one attempt, being written.
///
/// Where it is dropped without [`BoundedLog::finish`], what the ring holds is lost but for its latest copy.
#[derive(Debug)]
pub struct BoundedLog {
    path: PathBuf,
    limits: OutputLimits,
    phase: Phase,
    file: Option<File>,
    /// How many bytes of the file are the head.
    head: u64,
    ring: Ring,
    /// When the ring is to be copied to disk; `None` while its latest copy is up to date.
    copy_due: Option<Instant>,
    trouble: Option<io::Error>,
}

/// Where the next byte goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Into a new file.
    New,
    /// Behind what an earlier step left.
    Continued,
    /// Into the head.
    Head,
    /// Into the ring: the head is full, or cannot be written.
    Tail,
}

impl BoundedLog {
    /// Makes ready to write to `path`, and makes no file. One of that name is left over from a queue that is gone: it is
    /// removed, so that nobody takes it for the output of an attempt that prints nothing.
    #[must_use]
    pub fn new(path: PathBuf, limits: OutputLimits) -> Self {
        // Where it cannot be removed, making a new one fails too, and tells.
        let _ = std::fs::remove_file(&path);
        Self::at(path, limits, Phase::New)
    }

    /// Makes ready to write on behind what an earlier step of the same attempt left at `path`, as if both were one
    /// output. Touches nothing yet.
    #[must_use]
    pub fn append(path: PathBuf, limits: OutputLimits) -> Self {
        Self::at(path, limits, Phase::Continued)
    }

    fn at(path: PathBuf, limits: OutputLimits, phase: Phase) -> Self {
        let ring = Ring::new(limits.tail);
        Self { path, limits, phase, file: None, head: 0, ring, copy_due: None, trouble: None }
    }

    /// Takes the next bytes. Never fails: [`BoundedLog::finish`] tells of trouble.
    pub fn write(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.begin();
        let in_head = self.write_head(bytes);
        self.keep(&bytes[in_head..]);
    }

    /// When [`BoundedLog::tick`] has something to do.
    #[must_use]
    pub fn next_tick(&self) -> Option<Instant> {
        self.copy_due
    }

    /// Copies the latest output to disk where that is due.
    pub fn tick(&mut self, now: Instant) {
        if self.copy_due.is_some_and(|due| due <= now) {
            self.copy_due = None;
            let copied = self.copy();
            self.remember(copied);
        }
    }

    /// Puts the file into its final form. Answers with the first trouble there was in writing, if any: some of what was
    /// printed after it may be missing.
    #[must_use]
    pub fn finish(mut self) -> Option<io::Error> {
        if !self.ring.is_unused() {
            let joined = self.join();
            self.remember(joined);
        }
        self.trouble
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

    /// Takes up the accounts of an earlier step from what it left.
    fn continue_file(&mut self) -> io::Result<()> {
        let Some(mut file) = files::reopen(&self.path)? else { return self.make_file() };
        let earlier = files::take_apart(&mut file, &self.path, self.limits.head)?;
        self.head = earlier.head;
        file.seek(SeekFrom::Start(self.head))?;
        self.file = Some(file);
        if earlier.left_out > 0 || !earlier.tail.is_empty() {
            self.ring.resume(earlier.left_out, &earlier.tail);
            self.copy()?;
        }
        Ok(())
    }

    /// Writes what still belongs to the head; says how much that was.
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
            self.copy_due.get_or_insert_with(|| Instant::now() + COPY_EVERY);
        }
    }

    fn tail(&self) -> Tail<'_> {
        Tail { follows: self.head, left_out: self.ring.left_out(), bytes: self.ring.as_slices() }
    }

    /// Copies the ring to disk. From then on what an earlier step left behind the head is there twice, and goes.
    fn copy(&mut self) -> io::Result<()> {
        self.tail().copy_to(&self.path)?;
        self.file.as_ref().map_or(Ok(()), |file| file.set_len(self.head))
    }

    /// Puts the tail behind the head, in place of whatever stands there.
    fn join(&mut self) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => files::create(&self.path)?,
        };
        self.tail().join_to(&mut file, &self.path)
    }

    fn remember(&mut self, outcome: io::Result<()>) {
        if let Err(error) = outcome {
            self.trouble.get_or_insert(error);
        }
    }
}
