//! Reads an attempt's output, also while it is being written.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use autoproc_regular_file::{self as regular_file, Links};

use crate::attempt_logs::AttemptLog;
use crate::bounded_log;

const CHUNK_BYTES: u64 = 64 * 1024;

impl AttemptLog {
    /// Reads the output as if the attempt had ended now. If the head is full, bytes that were
    /// printed within the last second may be missing. Empty if there is no file.
    ///
    /// # Errors
    /// If the output cannot be read.
    pub fn read(&self) -> io::Result<impl Read + use<>> {
        self.follow().rest()
    }

    /// Follows the output from its beginning. The file need not exist yet.
    #[must_use]
    pub fn follow(&self) -> Follower {
        Follower { path: self.path.clone(), position: 0 }
    }
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
    /// True if the head is full. If so, only [`Follower::rest`] returns the bytes after the head.
    pub is_head_full: bool,
}

impl Follower {
    /// Reads the next bytes of the output that will not change any more.
    ///
    /// # Errors
    /// If the output cannot be read.
    pub fn next_chunk(&mut self) -> io::Result<Chunk> {
        // The `.tail` is opened before the file: if there is no `.tail`, the bytes in the file are
        // final.
        let head = bounded_log::open_tail(&self.path)?.map(|(follows, _)| follows);
        let mut chunk = Chunk { bytes: Vec::new(), is_head_full: head.is_some() };
        let Some(file) = open(&self.path, &mut self.position, head)? else { return Ok(chunk) };
        let limit = head.map_or(CHUNK_BYTES, |head| CHUNK_BYTES.min(head - self.position));
        self.position += file.take(limit).read_to_end(&mut chunk.bytes)? as u64;
        Ok(chunk)
    }

    /// Reads all bytes of the output that [`Follower::next_chunk`] has not returned.
    ///
    /// # Errors
    /// If the output cannot be read.
    pub fn rest(mut self) -> io::Result<impl Read + use<>> {
        let (head, tail) = bounded_log::open_tail(&self.path)?.unzip();
        let file = open(&self.path, &mut self.position, head)?;
        // A `.tail` without its file belongs to another output.
        let tail = tail.filter(|_| file.is_some());
        let limit = head.map_or(u64::MAX, |head| head - self.position);
        Ok(Optional(file).take(limit).chain(Optional(tail)))
    }
}

/// Opens the file at `path` for reading from `position`. If the head ends before `position`, moves
/// `position` back to the end of the head.
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

struct Optional<R>(Option<R>);

impl<R: Read> Read for Optional<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.as_mut().map_or(Ok(0), |reader| reader.read(buffer))
    }
}
