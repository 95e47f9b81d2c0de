//! Reads the output of an attempt, even during the attempt.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

use autoproc_regular_file::{self as regular_file, Links};

use crate::attempt_logs::AttemptLog;
use crate::bounded_log::{self, Cut};

const CHUNK_BYTES: usize = 64 * 1024;

impl AttemptLog {
    /// Returns a reader of the output as it would be if the attempt ended now. Output of the last
    /// second may be missing if the output is longer than `OutputLimits::head`. If there is no
    /// file, the reader returns no bytes.
    ///
    /// # Errors
    /// If the output cannot be read.
    pub fn read(&self) -> io::Result<Rest> {
        self.follow().rest()
    }

    /// Returns at most the last `max` bytes of the output of an ended attempt. Returns `None` if
    /// there is no output. Does not return bytes that a crash left in the `.tail` file.
    ///
    /// # Errors
    /// If the output cannot be read.
    pub fn end(&self, max: u64) -> io::Result<Option<LogEnd>> {
        let Some(file) = open(&self.path, &mut 0, None)? else { return Ok(None) };
        let end = end_of(file, max)?;
        Ok((end.length > 0).then_some(end))
    }

    /// Returns at most the last `max` bytes of the output, even while the attempt runs. While there
    /// is a `.tail` file, returns only bytes from that file. Returns `None` if there is no main
    /// file.
    ///
    /// # Errors
    /// If the output cannot be read.
    pub fn last_bytes(&self, max: u64) -> io::Result<Option<LogEnd>> {
        let tail = bounded_log::open_tail(&self.path)?;
        // If there is no main file, the `.tail` is left over from another output.
        let Some(file) = open(&self.path, &mut 0, None)? else { return Ok(None) };
        let Some((head, mut tail)) = tail else { return end_of(file, max).map(Some) };
        let begin = tail.stream_position()?;
        let end = end_of(tail, max)?;
        Ok(Some(LogEnd { length: head + end.length - begin, ..end }))
    }

    /// Follows the output from its beginning. The file need not exist yet.
    #[must_use]
    pub fn follow(&self) -> Follower {
        Follower { path: self.path.clone(), position: 0 }
    }
}

/// The last bytes of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEnd {
    /// The length of the whole output as kept on disk, in bytes.
    pub length: u64,
    /// The last bytes of the output.
    pub bytes: Vec<u8>,
}

/// Reads at most the last `max` bytes of a file. Starts no earlier than the current position.
fn end_of(mut file: File, max: u64) -> io::Result<LogEnd> {
    let length = file.metadata()?.len();
    let first = file.stream_position()?.max(length.saturating_sub(max));
    file.seek(SeekFrom::Start(first))?;
    let mut bytes = Vec::new();
    file.take(length.saturating_sub(first)).read_to_end(&mut bytes)?;
    Ok(LogEnd { length, bytes })
}

/// Reads an output while it grows.
///
/// Bytes may be returned twice if the output is longer than `OutputLimits::head` and a later
/// workflow step appends to it.
#[derive(Debug, Clone)]
pub struct Follower {
    path: PathBuf,
    position: u64,
}

/// A piece of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The next bytes; empty if there are none yet.
    pub bytes: Vec<u8>,
    /// True while the output has a `.tail` file: the head of the output is full or cannot be
    /// written. In this case, only [`Follower::rest`] returns the bytes after the head.
    pub is_head_full: bool,
    /// How many bytes of the shown text precede this chunk.
    pub(super) position: u64,
    /// The gap between head and tail. `None` without a `.tail` file. In a chunk of a [`Follower`],
    /// `omitted` is always 0.
    pub(super) cut: Option<Cut>,
}

impl Follower {
    /// Reads the next bytes, at most 64 KiB. Returns only bytes that no later write can change.
    ///
    /// # Errors
    /// If the output cannot be read.
    pub fn next_chunk(&mut self) -> io::Result<Chunk> {
        // The `.tail` must be opened before the file. If there is no `.tail` at that time, all
        // bytes that are read from the file are final.
        let head = bounded_log::open_tail(&self.path)?.map(|(follows, _)| follows);
        let cut = head.map(|head| Cut { head, omitted: 0 });
        let mut chunk = Chunk { bytes: Vec::new(), is_head_full: head.is_some(), position: self.position, cut };
        let Some(file) = open(&self.path, &mut self.position, head)? else { return Ok(chunk) };
        chunk.position = self.position;
        let limit = head.map_or(CHUNK_BYTES as u64, |head| (CHUNK_BYTES as u64).min(head - self.position));
        self.position += file.take(limit).read_to_end(&mut chunk.bytes)? as u64;
        Ok(chunk)
    }

    /// Returns a reader of all bytes that [`Follower::next_chunk`] has not returned.
    ///
    /// # Errors
    /// If the output cannot be read.
    pub fn rest(mut self) -> io::Result<Rest> {
        let (head, mut tail) = bounded_log::open_tail(&self.path)?.unzip();
        let omitted = tail.as_mut().map(bounded_log::omitted_before).transpose()?;
        let file = open(&self.path, &mut self.position, head)?;
        // If there is no main file, the `.tail` is left over from another output.
        let tail = tail.filter(|_| file.is_some());
        // Without a main file, the position may be past the end of the head.
        let limit = head.map_or(u64::MAX, |head| head.saturating_sub(self.position));
        let cut = head.zip(omitted).map(|(head, omitted)| Cut { head, omitted });
        Ok(Rest { file: Optional(file).take(limit), tail: Optional(tail), position: self.position, cut })
    }
}

/// Reads the rest of an output up to its current end, without waiting for more.
#[derive(Debug)]
pub struct Rest {
    file: Take<Optional<File>>,
    tail: Optional<File>,
    position: u64,
    cut: Option<Cut>,
}

impl Rest {
    /// Reads the next bytes, at most 64 KiB. The chunk is empty at the end.
    ///
    /// # Errors
    /// If the output cannot be read.
    pub fn next_chunk(&mut self) -> io::Result<Chunk> {
        let mut bytes = vec![0; CHUNK_BYTES];
        let position = self.position;
        let length = loop {
            match self.read(&mut bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                length => break length?,
            }
        };
        bytes.truncate(length);
        Ok(Chunk { bytes, is_head_full: self.cut.is_some(), position, cut: self.cut })
    }
}

impl Read for Rest {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut length = self.file.read(buffer)?;
        if length == 0 {
            length = self.tail.read(buffer)?;
        }
        self.position += length as u64;
        Ok(length)
    }
}

/// Opens a file for reading at `position`. First lowers `position` to `head` if `head` is lower.
/// Returns `None` if the file does not exist.
fn open(path: &Path, position: &mut u64, head: Option<u64>) -> io::Result<Option<File>> {
    let mut file = match regular_file::open_to_read(Links::Refuse, path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    *position = head.map_or(*position, |head| head.min(*position));
    file.seek(SeekFrom::Start(*position))?;
    Ok(Some(file))
}

#[derive(Debug)]
struct Optional<R>(Option<R>);

impl<R: Read> Read for Optional<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.as_mut().map_or(Ok(0), |reader| reader.read(buffer))
    }
}
