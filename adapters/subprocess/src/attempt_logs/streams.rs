//! Separates the standard output of an attempt from the standard error.

use std::io;
use std::path::PathBuf;

use crate::attempt_logs::{AttemptLog, AttemptLogs, Chunk};
use crate::bounded_log::{Cut, NOTED, Note, Source, Stream, begin_notes, marker_length};

/// Tells which stream each byte of an output came from, according to the `.streams` file.
#[derive(Debug)]
pub struct StreamMap {
    path: PathBuf,
}

/// Consecutive bytes of an output from one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The source of the bytes.
    pub source: Source,
    /// The bytes; not empty.
    pub bytes: &'a [u8],
}

impl AttemptLogs {
    /// Creates an empty file in the folder of the outputs. The file tells readers that each output
    /// written later has a `.streams` file if it contains standard error. Does nothing if the
    /// folder does not exist or already contains the file. Call this before a run.
    pub fn begin_notes(&self) {
        begin_notes(&self.dir);
    }
}

impl AttemptLog {
    /// True if the output was written by a version of this program that records the streams, or if
    /// there is no output. An output of an older version counts as standard output only.
    ///
    /// # Errors
    /// If the times of the files cannot be read.
    pub fn has_streams(&self) -> io::Result<bool> {
        let Some(written) = self.written_at()? else { return Ok(true) };
        let noted = match self.path.with_file_name(NOTED).symlink_metadata() {
            Ok(metadata) => Some(metadata.modified()?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(noted.is_some_and(|noted| noted <= written) || Note::read(&self.path)?.is_some())
    }

    /// Returns the streams of the output. The file need not exist yet.
    #[must_use]
    pub fn streams(&self) -> StreamMap {
        StreamMap { path: self.path.clone() }
    }

    /// Returns a filter that keeps the bytes of one stream.
    #[must_use]
    pub fn only(&self, stream: Stream) -> StreamFilter {
        StreamFilter { streams: self.streams(), wanted: stream, unknown: false }
    }
}

impl StreamMap {
    /// Splits a chunk of the output into pieces, each from one source. Without a `.streams` file,
    /// all bytes count as standard output. Call this soon after reading the chunk, because a later
    /// workflow step may change the end of the output.
    ///
    /// # Errors
    /// If the `.streams` file cannot be read.
    pub fn split<'a>(&self, chunk: &'a Chunk) -> io::Result<Vec<Piece<'a>>> {
        let Some(note) = Note::read(&self.path)? else {
            let whole = Piece { source: Source::Stream(Stream::Stdout), bytes: &chunk.bytes };
            return Ok([whole].into_iter().filter(|piece| !piece.bytes.is_empty()).collect());
        };
        let cut = chunk.cut.or(note.cut);
        let (mut pieces, mut rest, mut position) = (Vec::new(), chunk.bytes.as_slice(), chunk.position);
        while !rest.is_empty() {
            let (source, until) = source_at(position, cut, &note);
            let length = until.map_or(rest.len(), |until| usize::try_from(until - position).unwrap_or(usize::MAX));
            let (bytes, others) = rest.split_at(length.min(rest.len()));
            pieces.push(Piece { source, bytes });
            (rest, position) = (others, position + bytes.len() as u64);
        }
        Ok(pieces)
    }
}

/// Returns the source of the byte at `position`, and the position of the next change. Positions
/// include the marker line, but not the omitted bytes.
fn source_at(position: u64, cut: Option<Cut>, note: &Note) -> (Source, Option<u64>) {
    let Some(Cut { head, omitted }) = cut.filter(|cut| cut.omitted > 0) else { return note.source_at(position) };
    let marker_end = head + marker_length(omitted);
    if position < head {
        let (source, next) = note.source_at(position);
        (source, Some(next.map_or(head, |next| next.min(head))))
    } else if position < marker_end {
        (Source::Marker, Some(marker_end))
    } else {
        let (source, next) = note.source_at(position - marker_end + head + omitted);
        (source, next.map(|next| next - omitted - head + marker_end))
    }
}

/// Keeps the bytes of one stream of an output, and the marker of omitted bytes.
#[derive(Debug)]
pub struct StreamFilter {
    streams: StreamMap,
    wanted: Stream,
    unknown: bool,
}

impl StreamFilter {
    /// Returns the stream that is kept.
    #[must_use]
    pub fn wanted(&self) -> Stream {
        self.wanted
    }

    /// Returns the bytes of a chunk that came from the wanted stream, and any marker of omitted
    /// bytes. Leaves out bytes whose stream is unknown.
    ///
    /// # Errors
    /// If the `.streams` file cannot be read.
    pub fn keep(&mut self, chunk: &Chunk) -> io::Result<Vec<u8>> {
        let mut kept = Vec::new();
        for Piece { source, bytes } in self.streams.split(chunk)? {
            match source {
                Source::Marker => kept.extend_from_slice(bytes),
                Source::Stream(stream) if stream == self.wanted => kept.extend_from_slice(bytes),
                Source::Stream(_) => {}
                Source::Unknown => self.unknown = true,
            }
        }
        Ok(kept)
    }

    /// True if bytes were left out because their stream is unknown.
    #[must_use]
    pub fn has_left_out_unknown(&self) -> bool {
        self.unknown
    }
}
