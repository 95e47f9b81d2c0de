//! Drains the output pipes of a command, and keeps a part of the output.

use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use crate::bounded_log::{BoundedLog, Stream};
use crate::guard::guard_io::{poll_readable, retry_interrupted};
use crate::guard::protocol::StartRequest;
use crate::guard::result_file::ResultFile;
use crate::process::{Ending, MAX_CAPTURE_BYTES, OUTPUT_TAIL_BYTES, ProcessReport};

/// The size of a read: the default capacity of a pipe (pipe(7)).
const READ_CHUNK_BYTES: usize = 64 << 10;

/// The maximum number of reads after the command has ended. This many empty a pipe of 1 MiB, the
/// default of `/proc/sys/fs/pipe-max-size`.
const MAX_FINAL_READS: usize = 16;

const STDOUT: usize = 0;
const STDERR: usize = 1;

pub(crate) struct Output {
    streams: [Option<PipeReader>; 2],
    log: Option<BoundedLog>,
    result: Option<ResultFile>,
    ok_exits: Vec<i32>,
    heading: Vec<u8>,
    within_line: Option<Stream>,
    buffer: Vec<u8>,
    capture: usize,
    stdout: Vec<u8>,
    stdout_bytes: u64,
    tails: [Vec<u8>; 2],
}

impl Output {
    pub(crate) fn new(request: &StartRequest, result: Option<ResultFile>) -> io::Result<(Self, [PipeWriter; 2])> {
        let ((stdout, stdout_end), (stderr, stderr_end)) = (io::pipe()?, io::pipe()?);
        let output = Self {
            streams: [Some(stdout), Some(stderr)],
            log: request.spec.log.clone().map(|path| open(path, request)),
            result,
            ok_exits: request.spec.stdout_to.as_ref().map(|file| file.ok_exits.clone()).unwrap_or_default(),
            heading: request.spec.log_heading.clone(),
            within_line: None,
            buffer: Vec::new(),
            capture: request.spec.capture.min(MAX_CAPTURE_BYTES),
            stdout: Vec::new(),
            stdout_bytes: 0,
            tails: [Vec::new(), Vec::new()],
        };
        Ok((output, [stdout_end, stderr_end]))
    }

    pub(crate) fn streams(&self) -> [Option<BorrowedFd<'_>>; 2] {
        self.streams.each_ref().map(|stream| stream.as_ref().map(AsFd::as_fd))
    }

    pub(crate) fn read(&mut self, ready: [bool; 2]) {
        for stream in [STDOUT, STDERR] {
            if ready[stream] {
                self.read_one(stream);
            }
        }
    }

    pub(crate) fn tick(&mut self, now: Instant) {
        if let Some(log) = &mut self.log
            && log.next_tick().is_some_and(|due| due <= now)
        {
            log.tick(now);
        }
    }

    pub(crate) fn next_tick(&self) -> Option<Instant> {
        self.log.as_ref().and_then(BoundedLog::next_tick)
    }

    /// Reads the remaining output and completes the report. Call this after the last descendant has
    /// ended. `last_line` returns the last line of the log, with its newline.
    pub(crate) fn finish(mut self, report: &mut ProcessReport, last_line: impl FnOnce(&Ending) -> Option<String>) {
        for _ in 0..MAX_FINAL_READS {
            let events = poll_readable(self.streams(), Duration::ZERO).unwrap_or([PollFlags::empty(); 2]);
            // HUP without IN means that the pipe is empty and its write end is closed.
            let ready = events.map(|events| events.contains(PollFlags::IN));
            if ready == [false; 2] {
                break;
            }
            self.read(ready);
        }
        self.finish_result(report);
        if let Some(line) = last_line(&report.ending) {
            self.write_line(&line);
        }
        // Some programs print the reason for a failure to the standard output. The report quotes it
        // if the standard error is blank.
        let [stdout, stderr] = self.tails;
        let is_reason_known = matches!(report.ending, Ending::NoResult { .. });
        let mut tail = if stderr.trim_ascii().is_empty() && !is_reason_known { stdout } else { stderr };
        tail.drain(..tail.len().saturating_sub(OUTPUT_TAIL_BYTES));
        report.output_tail = tail;
        (report.stdout, report.stdout_bytes) = (self.stdout, self.stdout_bytes);
        report.log_error = self.log.and_then(BoundedLog::finish).map(|error| error.to_string());
    }

    fn finish_result(&mut self, report: &mut ProcessReport) {
        let Some(result) = self.result.take() else { return };
        let has_succeeded =
            matches!(report.ending, Ending::Exited { code } if code == 0 || self.ok_exits.contains(&code));
        let (line, outcome) = result.finish(has_succeeded);
        if let Err(ending) = outcome {
            report.ending = ending;
        }
        self.write_line(&line);
    }

    fn write_line(&mut self, line: &str) {
        if let Some(log) = &mut self.log {
            log.write(Stream::Stdout, &std::mem::take(&mut self.heading));
            let within_line = self.within_line.take();
            log.write(within_line.unwrap_or(Stream::Stdout), if within_line.is_some() { b"\n" } else { b"" });
            log.write(Stream::Stdout, line.as_bytes());
        }
    }

    fn read_one(&mut self, stream: usize) {
        let Some(pipe) = &mut self.streams[stream] else { return };
        self.buffer.resize(READ_CHUNK_BYTES, 0);
        let length = retry_interrupted(|| pipe.read(&mut self.buffer)).unwrap_or(0);
        if length == 0 {
            self.streams[stream] = None;
            return;
        }
        let bytes = &self.buffer[..length];
        match (&mut self.result, &mut self.log) {
            (Some(result), _) if stream == STDOUT => result.write(bytes),
            (_, Some(log)) => {
                let stream = if stream == STDOUT { Stream::Stdout } else { Stream::Stderr };
                log.write(Stream::Stdout, &std::mem::take(&mut self.heading));
                log.write(stream, bytes);
                self.within_line = (bytes.last() != Some(&b'\n')).then_some(stream);
            }
            (_, None) => {}
        }
        keep_tail(&mut self.tails[stream], bytes);
        if stream == STDOUT {
            self.stdout_bytes += length as u64;
            let room = self.capture - self.stdout.len();
            self.stdout.extend_from_slice(&bytes[..length.min(room)]);
        }
    }
}

fn open(path: PathBuf, request: &StartRequest) -> BoundedLog {
    if request.spec.append_log {
        BoundedLog::append(path, request.output)
    } else {
        BoundedLog::new(path, request.output)
    }
}

/// Appends `bytes` to a tail of limited length. The tail may grow to twice the limit, so that bytes
/// are rarely moved.
fn keep_tail(tail: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.len() >= OUTPUT_TAIL_BYTES {
        tail.clear();
    } else if tail.len() + bytes.len() > 2 * OUTPUT_TAIL_BYTES {
        tail.drain(..tail.len() - OUTPUT_TAIL_BYTES);
    }
    tail.extend_from_slice(&bytes[bytes.len().saturating_sub(OUTPUT_TAIL_BYTES)..]);
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::bounded_log::OutputLimits;
    use crate::process::ProcessSpec;

    fn request(capture: usize) -> StartRequest {
        let spec = ProcessSpec {
            program: "cat".into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            working_dir: None,
            stdin: Vec::new(),
            timeout: Duration::MAX,
            log: None,
            append_log: false,
            log_heading: Vec::new(),
            capture,
            stdout_to: None,
        };
        StartRequest { spec, input: None, grace: Duration::ZERO, output: OutputLimits::default(), keep_tmp: None }
    }

    #[test]
    fn finish_reads_what_the_pipes_still_hold() {
        for (out, err) in [("out", "err"), ("", "err"), ("out", ""), ("", "")] {
            let (output, [mut stdout, mut stderr]) = Output::new(&request(100), None).expect("pipes");
            stdout.write_all(out.as_bytes()).expect("written");
            stderr.write_all(err.as_bytes()).expect("written");
            drop((stdout, stderr));
            let mut report = ProcessReport::new(Ending::TimedOut, Duration::ZERO);
            output.finish(&mut report, |_| None);
            let tail = if err.is_empty() { out } else { err };
            assert_eq!((&*report.stdout, &*report.output_tail), (out.as_bytes(), tail.as_bytes()));
        }
    }

    proptest! {
        #[test]
        fn the_tail_is_the_end_of_all_pieces(pieces in vec(vec(any::<u8>(), 0..6000), 0..8)) {
            let (mut tail, mut all) = (Vec::new(), Vec::new());
            for piece in &pieces {
                keep_tail(&mut tail, piece);
                all.extend(piece);
                prop_assert!(tail.len() <= 2 * OUTPUT_TAIL_BYTES && tail.len() >= all.len().min(OUTPUT_TAIL_BYTES));
                prop_assert!(all.ends_with(&tail));
            }
        }
    }
}
