//! What a command prints: drained at all times, so that no command ever waits for us, and kept within bounds.

use std::ffi::OsString;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use crate::bounded_log::{BoundedLog, OutputLimits};
use crate::guard::protocol::{Ended, Log, Start};
use crate::guard::wires::{uninterrupted, wait_for};
use crate::process::STDERR_TAIL;

/// What is read at a time, in bytes: all that a pipe holds, unless somebody enlarges it (pipe(7), "Pipe capacity").
const CHUNK: usize = 64 << 10;

/// How often a pipe is read once its command is over. It then holds 1 MiB at most (`/proc/sys/fs/pipe-max-size`), and only
/// somebody who got it by other ways than descent could fill it again.
const LAST_READS: usize = 16;

/// The places of the two streams in arrays.
const STDOUT: usize = 0;
const STDERR: usize = 1;

pub(crate) struct Output {
    streams: [Option<PipeReader>; 2],
    log: Option<BoundedLog>,
    /// What the log is still to be told before the first byte.
    heading: Box<[u8]>,
    /// Of no length before the first byte: most commands print nothing.
    buffer: Vec<u8>,
    capture: usize,
    stdout: Vec<u8>,
    stdout_bytes: u64,
    stderr_tail: Vec<u8>,
}

impl Output {
    /// Makes the pipes; the command is to get the two ends that write.
    pub(crate) fn new(start: &Start) -> io::Result<(Self, [PipeWriter; 2])> {
        let ((stdout, stdout_end), (stderr, stderr_end)) = (io::pipe()?, io::pipe()?);
        let output = Self {
            streams: [Some(stdout), Some(stderr)],
            log: start.log.as_ref().map(open),
            heading: start.log.as_ref().map(|log| log.heading.clone()).unwrap_or_default(),
            buffer: Vec::new(),
            capture: usize::try_from(start.capture).unwrap_or(usize::MAX).min(crate::CAPTURE_LIMIT),
            stdout: Vec::new(),
            stdout_bytes: 0,
            stderr_tail: Vec::new(),
        };
        Ok((output, [stdout_end, stderr_end]))
    }

    /// The ends to wait for; those that have ended are none.
    pub(crate) fn streams(&self) -> [Option<BorrowedFd<'_>>; 2] {
        self.streams.each_ref().map(|stream| stream.as_ref().map(AsFd::as_fd))
    }

    /// Reads once from each stream that is said to have something.
    pub(crate) fn read(&mut self, ready: [bool; 2]) {
        for stream in [STDOUT, STDERR] {
            if ready[stream] {
                self.read_one(stream);
            }
        }
    }

    /// Lets the log do what it does from time to time.
    pub(crate) fn tick(&mut self, now: Instant) {
        if let Some(log) = &mut self.log
            && log.next_tick().is_some_and(|due| due <= now)
        {
            log.tick(now);
        }
    }

    /// When [`tick`](Self::tick) has something to do.
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        self.log.as_ref().and_then(BoundedLog::next_tick)
    }

    /// Takes what the pipes still hold, and puts everything into the report. Nobody of ours writes to them any more.
    pub(crate) fn finish(mut self, ended: &mut Ended) {
        for _ in 0..LAST_READS {
            let holds = wait_for(self.streams(), Duration::ZERO).unwrap_or([PollFlags::empty(); 2]);
            // One that has ended and holds nothing needs no reading.
            let ready = holds.map(|events| events.contains(PollFlags::IN));
            if ready == [false; 2] {
                break;
            }
            self.read(ready);
        }
        self.stderr_tail.drain(..self.stderr_tail.len().saturating_sub(STDERR_TAIL));
        ended.stderr_tail = self.stderr_tail;
        (ended.stdout, ended.stdout_bytes) = (self.stdout, self.stdout_bytes);
        ended.log_error = self.log.and_then(BoundedLog::finish).map(|error| error.to_string());
    }

    /// A pipe that cannot be read is one that has ended.
    fn read_one(&mut self, stream: usize) {
        let Some(pipe) = &mut self.streams[stream] else { return };
        self.buffer.resize(CHUNK, 0);
        let length = uninterrupted(|| pipe.read(&mut self.buffer)).unwrap_or(0);
        if length == 0 {
            self.streams[stream] = None;
            return;
        }
        let bytes = &self.buffer[..length];
        if let Some(log) = &mut self.log {
            log.write(&std::mem::take(&mut self.heading));
            log.write(bytes);
        }
        if stream == STDOUT {
            self.stdout_bytes += length as u64;
            let room = self.capture - self.stdout.len();
            self.stdout.extend_from_slice(&bytes[..length.min(room)]);
        } else {
            keep_tail(&mut self.stderr_tail, bytes);
        }
    }
}

fn open(log: &Log) -> BoundedLog {
    let path = PathBuf::from(OsString::from_vec(log.path.clone()));
    let limits = OutputLimits { head: log.head, tail: log.tail };
    if log.append { BoundedLog::append(path, limits) } else { BoundedLog::new(path, limits) }
}

/// Keeps the last bytes, and for a while up to twice as many, so that they are seldom moved.
fn keep_tail(tail: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.len() >= STDERR_TAIL {
        tail.clear();
    } else if tail.len() + bytes.len() > 2 * STDERR_TAIL {
        tail.drain(..tail.len() - STDERR_TAIL);
    }
    tail.extend_from_slice(&bytes[bytes.len().saturating_sub(STDERR_TAIL)..]);
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::process::{Ending, ProcessSpec};

    fn start(capture: usize) -> Start {
        let spec = ProcessSpec {
            program: "cat".into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            working_dir: None,
            timeout: Duration::MAX,
            log: None,
            append_log: false,
            log_heading: Vec::new(),
            capture,
        };
        Start::new(&spec, Duration::ZERO, OutputLimits::default())
    }

    /// What comes between the last wait and the end of the command is read by nobody else.
    #[test]
    fn what_the_pipes_still_hold_is_taken() {
        for (said, complained) in [("said", "complained"), ("", "complained"), ("said", ""), ("", "")] {
            let (output, [mut stdout, mut stderr]) = Output::new(&start(100)).expect("pipes");
            stdout.write_all(said.as_bytes()).expect("written");
            stderr.write_all(complained.as_bytes()).expect("written");
            drop((stdout, stderr));
            let mut ended = Ended::new(Ending::TimedOut, Duration::ZERO);
            output.finish(&mut ended);
            assert_eq!((&*ended.stdout, &*ended.stderr_tail), (said.as_bytes(), complained.as_bytes()));
        }
    }

    proptest! {
        #[test]
        fn the_tail_ends_as_all_of_it_does(pieces in vec(vec(any::<u8>(), 0..6000), 0..8)) {
            let (mut tail, mut all) = (Vec::new(), Vec::new());
            for piece in &pieces {
                keep_tail(&mut tail, piece);
                all.extend(piece);
                prop_assert!(tail.len() <= 2 * STDERR_TAIL && tail.len() >= all.len().min(STDERR_TAIL));
                prop_assert!(all.ends_with(&tail));
            }
        }
    }
}
