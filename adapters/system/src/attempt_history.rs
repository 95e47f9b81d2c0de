//! The attempts of one file, as the event log tells them.
//!
//! The log is the story and not the truth: it may have been pruned, a power cut may have taken its end, and other programs
//! may write to it. So whatever cannot be understood is passed over, and an end without a beginning is told as it is. The
//! log is read line by line and never held in memory.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;
use std::time::Duration;

use autoproc_domain::item::AttemptNumber;
use autoproc_domain::ports::ResourceUsage;
use autoproc_domain::{FilePath, ItemId, RunId, Timestamp};
use serde::Deserialize;

use crate::path_text::PathText;

/// No line that this program writes is longer: the longest holds a path, its bytes in hexadecimal and an error.
const LONGEST_LINE: u64 = 1 << 20;

/// A file that was given back more often than this has a history that nobody reads to the end.
const MOST_ATTEMPTS: usize = 1000;

/// How an attempt ended, as the log's names of events tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PastEnd {
    /// Well.
    Completed,
    /// Badly, and the file was to be tried again.
    Requeued,
    /// Badly, for good.
    Failed,
    /// Out of time, for good.
    Timeout,
    /// Given back by a stop; it did not count.
    Released,
    /// With its run, which died under it.
    Died,
    /// It ended when it was another's already; its result counted for nothing.
    Discarded,
}

impl PastEnd {
    /// The word for it, on screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Requeued => "requeued",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Released => "released",
            Self::Died => "died",
            Self::Discarded => "discarded",
        }
    }
}

/// An attempt that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastAttempt {
    /// Which attempt of the file. One that was given back is counted again under the same number.
    pub number: AttemptNumber,
    /// The run that made it.
    pub run: RunId,
    /// When it began, where the log still knows.
    pub started_at: Option<Timestamp>,
    /// How it ended; `None` while it is under way, and where the log does not know.
    pub end: Option<PastEnd>,
    /// How long it took.
    pub elapsed: Option<Duration>,
    /// What it used.
    pub usage: Option<ResourceUsage>,
    /// What went wrong.
    pub error: Option<Box<str>>,
}

/// The attempts of the item `id` that the log at `path` tells of, the oldest first, of very many the latest 1,000. The
/// file must be the item's: a queue that was begun anew gives the same numbers to others. No log has no attempts.
///
/// # Errors
/// Where the log is there and cannot be read.
pub fn read_attempts(path: &Path, id: ItemId, file: &FilePath) -> io::Result<Vec<PastAttempt>> {
    let log = match File::open(path) {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut history = History::default();
    let marker = format!("\"item_id\":{id}");
    for_each_line(BufReader::with_capacity(1 << 16, log), |line| {
        if line.contains(&marker)
            && let Ok(line) = serde_json::from_str::<Line>(line)
            && line.item_id == id.get()
            && line.path.path().as_ref() == Some(file)
        {
            history.take_in(&line);
        }
    })?;
    Ok(history.attempts.into())
}

/// Lines that are too long, and bytes that are no text, are not ours.
fn for_each_line(mut log: impl BufRead, mut take: impl FnMut(&str)) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let read = log.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes)?;
        match str::from_utf8(&bytes) {
            _ if read == 0 => return Ok(()),
            _ if bytes.last() != Some(&b'\n') => log.skip_until(b'\n').map(drop)?,
            Ok(line) => take(line),
            Err(_) => {}
        }
    }
}

/// What a line may hold of an attempt.
#[derive(Deserialize)]
struct Line {
    timestamp: String,
    run_id: String,
    event: String,
    item_id: u64,
    attempt: u32,
    #[serde(flatten)]
    path: PathText,
    duration_s: Option<f64>,
    user_s: Option<f64>,
    system_s: Option<f64>,
    peak_memory_bytes: Option<u64>,
    error: Option<Box<str>>,
    dead_run: Option<String>,
}

#[derive(Default)]
struct History {
    attempts: VecDeque<PastAttempt>,
}

impl History {
    fn take_in(&mut self, line: &Line) {
        let end = match line.event.as_str() {
            "file_started" => None,
            "file_completed" => Some(PastEnd::Completed),
            "file_requeued" => Some(PastEnd::Requeued),
            "file_failed" => Some(PastEnd::Failed),
            "file_timeout" => Some(PastEnd::Timeout),
            "file_released" => Some(PastEnd::Released),
            "file_recovered" => Some(PastEnd::Died),
            "result_discarded" => Some(PastEnd::Discarded),
            _ => return,
        };
        let Some(number) = AttemptNumber::new(line.attempt) else { return };
        // Who recovers a file tells of the attempt of another run.
        let run = RunId::new(line.dead_run.clone().unwrap_or_else(|| line.run_id.clone()));
        let attempt = match end {
            Some(_) => self.under_way(number, run),
            None => self.begin(number, run),
        };
        attempt.note(end, line);
    }

    fn begin(&mut self, number: AttemptNumber, run: RunId) -> &mut PastAttempt {
        if self.attempts.len() == MOST_ATTEMPTS {
            self.attempts.pop_front();
        }
        self.attempts.push_back(PastAttempt {
            number,
            run,
            started_at: None,
            end: None,
            elapsed: None,
            usage: None,
            error: None,
        });
        self.attempts.back_mut().expect("one was just added")
    }

    /// The attempt that a line tells the end of; a new one where its beginning is not in the log.
    fn under_way(&mut self, number: AttemptNumber, run: RunId) -> &mut PastAttempt {
        let is_it = |attempt: &PastAttempt| attempt.number == number && attempt.run == run && attempt.end.is_none();
        match self.attempts.iter().rposition(is_it) {
            Some(index) => &mut self.attempts[index],
            None => self.begin(number, run),
        }
    }
}

impl PastAttempt {
    fn note(&mut self, end: Option<PastEnd>, line: &Line) {
        if end.is_none() {
            self.started_at = line.timestamp.parse().ok();
        }
        self.end = end;
        self.elapsed = line.duration_s.and_then(seconds);
        self.usage = line.usage();
        self.error.clone_from(&line.error);
    }
}

impl Line {
    fn usage(&self) -> Option<ResourceUsage> {
        let (user, system) = (self.user_s.and_then(seconds)?, self.system_s.and_then(seconds)?);
        Some(ResourceUsage { user, system, peak_memory: self.peak_memory_bytes? })
    }
}

fn seconds(count: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(count).ok()
}
