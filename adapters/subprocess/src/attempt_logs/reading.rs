//! Reads an attempt's output, also while it is being written.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

use autoproc_regular_file::{self as regular_file, Links};

use crate::attempt_logs::AttemptLog;
use crate::bounded_log::{self, Cut};

const CHUNK_BYTES: usize = 64 * 1024;

impl AttemptLog {
    /// Returns a reader of the output as if the attempt had ended now. If the head is full, bytes
    /// that were printed within the last second may be missing. The reader is empty if there is no
    /// file.
    ///
    /// # Errors
    /// If the output cannot be read.
    pub fn read(&self) -> io::Result<Rest> {
        self.follow().rest()
    }

    /// Returns the last bytes of the output, at most `max`; `None` if there is no output. The
    /// attempt must have ended. Reads only the main file: a part of the output that a crash left in
    /// the `.tail` is missing.
    ///
    /// # Errors
    /// If the output cannot be read.
    pub fn end(&self, max: u64) -> io::Result<Option<LogEnd>> {
        let Some(file) = open(&self.path, &mut 0, None)? else { return Ok(None) };
        let end = end_of(file, max)?;
        Ok((end.length > 0).then_some(end))
    }

    /// Returns the last bytes of the output, at most `max`, as if the attempt had ended now. While
    /// the output has a `.tail`, returns only bytes after the head. `None` if there is no file.
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
    /// The length of the file with the whole output, in bytes.
    pub length: u64,
    /// The last bytes of the file.
    pub bytes: Vec<u8>,
}

/// Reads the last bytes of a file: at most `max` bytes, and no byte before the current position.
fn end_of(mut file: File, max: u64) -> io::Result<LogEnd> {
    let length = file.metadata()?.len();
    let first = file.stream_position()?.max(length.saturating_sub(max));
    file.seek(SeekFrom::Start(first))?;
    let mut bytes = Vec::new();
    file.take(length.saturating_sub(first)).read_to_end(&mut bytes)?;
    Ok(LogEnd { length, bytes })
}

/// A reader of a growing output.
///
/// If a step of a workflow appends to an output whose head is full, bytes after the head may be
/// returned twice.
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
    /// True while the output has a `.tail`, because the head is full or cannot be written. If so,
    /// only [`Follower::rest`] returns the bytes after the head.
    pub is_head_full: bool,
    /// The position of the first byte of `bytes` in the text that readers see. In this text, a
    /// marker line replaces the omitted bytes.
    pub(super) position: u64,
    /// The omitted part of the output, as read from the `.tail`; `None` if there is no `.tail`.
    /// [`Follower::next_chunk`] sets the number of omitted bytes to 0, because it returns only
    /// bytes of the head.
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

    /// Returns a reader of all bytes of the output that [`Follower::next_chunk`] has not returned.
    ///
    /// # Errors
    /// If the output cannot be read.
    pub fn rest(mut self) -> io::Result<Rest> {
        let (head, mut tail) = bounded_log::open_tail(&self.path)?.unzip();
        let omitted = tail.as_mut().map(bounded_log::omitted_before).transpose()?;
        let file = open(&self.path, &mut self.position, head)?;
        // If there is no main file, the `.tail` is left over from another output.
        let tail = tail.filter(|_| file.is_some());
        // Without the main file, which is then not read, the position may be after the head.
        let limit = head.map_or(u64::MAX, |head| head.saturating_sub(self.position));
        let cut = head.zip(omitted).map(|(head, omitted)| Cut { head, omitted });
        Ok(Rest { file: Optional(file).take(limit), tail: Optional(tail), position: self.position, cut })
    }
}

/// A reader of the rest of an output. It ends at the current end of the output and does not wait
/// for more.
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

/// Opens the file at `path` for reading from `position`; `None` if there is no file. If the head
/// ends before `position`, sets `position` back to the end of the head.
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
