//! The state that the live view of a run shows.

mod ahead;

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use autoproc_domain::forecast::{Forecast, RemainingFile, TimeLeft};
use autoproc_domain::ports::{AttemptRef, RunEvent, RunEventKind};
use autoproc_domain::view::Counts;
use autoproc_domain::{FilePath, ItemId, Timestamp};

use super::super::pace::{Pace, left_text};
use ahead::Ahead;

/// The view hides shorter attempts, because their names would change too fast to read.
const MIN_SHOWN: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
pub(super) struct Board {
    running: HashMap<ItemId, Running>,
    /// When each file in backoff becomes due.
    retries: HashMap<ItemId, Timestamp>,
    max_attempts: u32,
    ended: u64,
    failed: u64,
    total: u64,
    pace: Pace,
    ahead: Ahead,
    held: Option<String>,
    is_stopping: bool,
    is_paused: bool,
}

#[derive(Debug)]
struct Running {
    file_path: FilePath,
    attempt: u32,
    /// `None` if unknown.
    size_bytes: Option<u64>,
    /// The elapsed time of the run when the attempt began.
    since: Duration,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Picture {
    /// The elapsed time of the run, without pauses.
    pub(super) elapsed: Duration,
    /// The running files to show, longest-running first.
    pub(super) running: Vec<RunningFile>,
    pub(super) more_running: usize,
    pub(super) ended: u64,
    pub(super) failed: u64,
    pub(super) total: u64,
    /// The number of files whose retry is not due yet.
    pub(super) retries: usize,
    /// When the next retry becomes due; `None` if no file is in backoff.
    pub(super) first_retry: Option<Timestamp>,
    pub(super) rate: Option<String>,
    pub(super) left: Left,
    /// The reason why the run holds starts; `None` if it does not.
    pub(super) held: Option<String>,
    pub(super) is_stopping: bool,
    pub(super) is_paused: bool,
}

/// The time left, or why it is unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Left {
    /// Unknown for any reason except [`Left::Overdue`].
    #[default]
    Unknown,
    Known(String),
    /// These running files take longer than expected. Never empty.
    Overdue(Vec<FilePath>),
}

#[derive(Debug, Clone)]
pub(super) struct RunningFile {
    pub(super) id: ItemId,
    pub(super) file_path: FilePath,
    pub(super) attempt: u32,
    pub(super) max_attempts: u32,
    pub(super) elapsed: Duration,
    /// The current workflow step; `None` if unknown or without a workflow.
    pub(super) step: Option<String>,
}

impl Board {
    pub(super) fn new(max_attempts: u32) -> Self {
        Self { max_attempts, ..Self::default() }
    }

    pub(super) fn set_waits(&mut self, waits: Vec<(ItemId, Timestamp)>) {
        self.retries.extend(waits);
    }

    pub(super) fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Adds the next pending files of the run, in claim order.
    pub(super) fn expect(&mut self, files: impl Iterator<Item = (ItemId, FilePath)>) {
        files.for_each(|(id, file_path)| self.ahead.add(id, file_path, None));
    }

    /// Sets the sizes of pending files, in bytes.
    pub(super) fn measure(&mut self, sizes: &HashMap<ItemId, u64>) {
        self.ahead.measure(sizes);
    }

    pub(super) fn learn(&mut self, earlier: Forecast) {
        self.ahead.learn(earlier);
    }

    /// Applies an event. `now` is the elapsed time of the run.
    pub(super) fn apply(&mut self, event: &RunEvent, now: Duration) {
        if let RunEventKind::FileStarted { of, size_bytes, .. } = &event.kind {
            return self.start(of, *size_bytes, now);
        }
        let ran = event.kind.attempt().and_then(|of| self.running.remove(&of.id));
        self.learn_from(&event.kind, ran);
        match &event.kind {
            RunEventKind::ProcessorStarted { jobs, counts } => {
                self.ahead.begin(*jobs);
                self.count(*counts);
            }
            RunEventKind::Progress { counts, .. } => self.count(*counts),
            RunEventKind::FileRequeued { of, backoff, .. } => {
                self.retries.insert(of.id, event.at.saturating_add(*backoff));
            }
            RunEventKind::FileCompleted { .. } => self.end(false, now),
            RunEventKind::FileFailed { .. }
            | RunEventKind::FileTimeout { .. }
            | RunEventKind::FileRecovered { in_scope: true, requeued: false, .. } => self.end(true, now),
            RunEventKind::StartsHeld { reason, .. } => self.held = Some(reason.to_string()),
            RunEventKind::StartsResumed { .. } => self.held = None,
            RunEventKind::StopRequested { .. } => self.is_stopping = true,
            RunEventKind::ProcessorPaused => self.is_paused = true,
            RunEventKind::ProcessorResumed => self.is_paused = false,
            _ => {}
        }
    }

    fn learn_from(&mut self, event: &RunEventKind, ran: Option<Running>) {
        match (event, ran) {
            (RunEventKind::FileCompleted { of, elapsed, .. }, Some(Running { size_bytes: Some(size), .. })) => {
                self.ahead.forecast().record(&of.file_path, size, *elapsed);
            }
            (RunEventKind::FileRequeued { of, elapsed, .. }, Some(ran)) => {
                self.ahead.forecast().record_failure(*elapsed, false);
                self.ahead.add(of.id, ran.file_path, ran.size_bytes);
            }
            (RunEventKind::FileReleased { of, .. }, Some(ran)) => {
                self.ahead.add(of.id, ran.file_path, ran.size_bytes);
            }
            (RunEventKind::FileFailed { elapsed, .. } | RunEventKind::FileTimeout { elapsed, .. }, _) => {
                self.ahead.forecast().record_failure(*elapsed, true);
            }
            _ => {}
        }
    }

    /// Returns the state to show. `now` is the elapsed time of the run, and `at` is the time of
    /// day. The running files take at most `max` rows, including a row for the number of omitted
    /// files.
    pub(super) fn picture(&mut self, max: usize, now: Duration, at: Timestamp) -> Picture {
        self.retries.retain(|_, due| *due > at);
        let mut running = self.shown(now);
        let kept = if running.len() > max { max.saturating_sub(1) } else { max };
        let more_running = running.len().saturating_sub(kept);
        running.truncate(kept);
        let not_ended = self.total.saturating_sub(self.ended);
        let is_unknown =
            self.is_stopping || self.is_paused || self.held.is_some() || self.retries.len() as u64 >= not_ended;
        Picture {
            elapsed: now,
            running,
            more_running,
            ended: self.ended,
            failed: self.failed,
            total: self.total,
            retries: self.retries.len(),
            first_retry: self.retries.values().min().copied(),
            rate: self.pace.rate(now),
            left: if is_unknown { Left::Unknown } else { self.left(not_ended, now) },
            held: self.held.clone(),
            is_stopping: self.is_stopping,
            is_paused: self.is_paused,
        }
    }

    fn left(&self, not_ended: u64, now: Duration) -> Left {
        let running = self.running.values().map(|running| RemainingFile {
            file_path: &running.file_path,
            size_bytes: running.size_bytes,
            elapsed: now.saturating_sub(running.since),
        });
        let running: Vec<_> = running.collect();
        match self.ahead.time_left(not_ended, &running) {
            Some(TimeLeft::Unknown { overdue }) => {
                let mut overdue: Vec<_> = overdue.iter().map(|at| running[*at]).collect();
                overdue.sort_unstable_by_key(|file| Reverse(file.elapsed));
                Left::Overdue(overdue.iter().map(|file| file.file_path.clone()).collect())
            }
            Some(TimeLeft::MoreThan(bound)) if bound < Duration::from_secs(1) => Left::Unknown,
            Some(TimeLeft::MoreThan(bound)) => Left::Known(format!("more than {}", left_text(bound))),
            Some(TimeLeft::About { about, .. }) if !about.is_zero() => Left::Known(left_text(about)),
            Some(TimeLeft::About { .. }) | None => self.pace.left(not_ended, now).map_or(Left::Unknown, Left::Known),
        }
    }

    fn shown(&self, now: Duration) -> Vec<RunningFile> {
        let age = |running: &Running| now.saturating_sub(running.since);
        let old = self.running.iter().filter(|(_, running)| age(running) >= MIN_SHOWN);
        let mut files: Vec<_> = old.map(|(id, running)| self.file(*id, running, age(running))).collect();
        files.sort_unstable_by(|one, other| other.elapsed.cmp(&one.elapsed).then(one.id.cmp(&other.id)));
        files
    }

    fn file(&self, id: ItemId, running: &Running, elapsed: Duration) -> RunningFile {
        RunningFile {
            id,
            file_path: running.file_path.clone(),
            attempt: running.attempt,
            // A file from an earlier run may already have had more attempts than this run allows.
            max_attempts: self.max_attempts.max(running.attempt),
            elapsed,
            step: None,
        }
    }

    fn start(&mut self, of: &AttemptRef, size_bytes: Option<u64>, now: Duration) {
        let running = Running { file_path: of.file_path.clone(), attempt: of.attempt.get(), size_bytes, since: now };
        self.ahead.remove(of.id);
        self.running.insert(of.id, running);
        self.retries.remove(&of.id);
    }

    fn end(&mut self, has_failed: bool, now: Duration) {
        self.ended += 1;
        self.failed += u64::from(has_failed);
        self.total = self.total.max(self.ended);
        self.pace.on_end(now);
    }

    fn count(&mut self, counts: Counts) {
        self.total = self.ended + (counts.waiting() + counts.processing) as u64;
    }
}

#[cfg(test)]
mod tests;
