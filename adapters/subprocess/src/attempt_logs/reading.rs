//! Reading an attempt's output while it is being written, or after.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::attempt_logs::AttemptLog;
use crate::bounded_log;

/// How much is read at a time.
const PIECE: u64 = 64 * 1024;

impl AttemptLog {
    /// All that there is of the output by now: as if the attempt had just ended, but for what it printed within the last
    /// second beyond the limit of the head. Nothing where there is no file.
    ///
    /// # Errors
    /// Where the output cannot be read.
    pub fn read(&self) -> io::Result<impl Read + use<>> {
        self.follow().rest()
    }

    /// Follows the output from its beginning. Its file need not be there yet.
    #[must_use]
    pub fn follow(&self) -> Follower {
        Follower { path: self.path.clone(), shown: 0 }
    }
}

/// An output that is read as it grows.
///
/// Where a workflow's step goes on behind an output that an earlier one had filled up, the part behind the head is given
/// again.
#[derive(Debug, Clone)]
pub struct Follower {
    path: PathBuf,
    shown: u64,
}

/// What a [`Follower`] finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct More {
    /// The next bytes; empty where there are none now.
    pub bytes: Vec<u8>,
    /// Whether the head is full, so that the rest comes at the end only, by [`Follower::rest`].
    pub is_head_full: bool,
}

impl Follower {
    /// The next piece, as far as it is certain to stay what it is.
    ///
    /// # Errors
    /// Where the output cannot be read.
    pub fn more(&mut self) -> io::Result<More> {
        // In this order: what the file grows by once there was no `.tail` is all in its place.
        let head = bounded_log::open_tail(&self.path)?.map(|(follows, _)| follows);
        let mut more = More { bytes: Vec::new(), is_head_full: head.is_some() };
        let Some(file) = open(&self.path, &mut self.shown, head)? else { return Ok(more) };
        let room = head.map_or(PIECE, |head| PIECE.min(head - self.shown));
        self.shown += file.take(room).read_to_end(&mut more.bytes)? as u64;
        Ok(more)
    }

    /// All that there is by now behind what [`Follower::more`] gave.
    ///
    /// # Errors
    /// Where the output cannot be read.
    pub fn rest(mut self) -> io::Result<impl Read + use<>> {
        let (head, tail) = bounded_log::open_tail(&self.path)?.unzip();
        let file = open(&self.path, &mut self.shown, head)?;
        // Without the file itself a `.tail` is left over from another one.
        let tail = tail.filter(|_| file.is_some());
        let room = head.map_or(u64::MAX, |head| head - self.shown);
        Ok(Optional(file).take(room).chain(Optional(tail)))
    }
}

/// Opens the file at `path` where it is to be read on, which is at the end of its head at the latest.
fn open(path: &Path, shown: &mut u64, head: Option<u64>) -> io::Result<Option<File>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    *shown = head.map_or(*shown, |head| head.min(*shown));
    file.seek(SeekFrom::Start(*shown))?;
    Ok(Some(file))
}

/// Nothing where there is no reader.
struct Optional<R>(Option<R>);

impl<R: Read> Read for Optional<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.as_mut().map_or(Ok(0), |reader| reader.read(buffer))
    }
}
