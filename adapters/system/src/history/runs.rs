//! Summarizes runs from the lines of the event log.
//!
//! Most lines only increase a count, so a text search in the line is enough. Other lines are parsed
//! as JSON, for example failures.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::ops::ControlFlow;
use std::time::Duration;

use autoproc_domain::Timestamp;
use autoproc_domain::item::RunId;
use autoproc_domain::ports::{EndedAttempt, ObeyedStop, PastEnd, PastRun, PastRunEnd, RunsSummary};
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::stop::{StopCause, StopLevel};
use serde::Deserialize;

use super::attempts;
use super::line::{Head, Line};
use super::location::Wanted;

/// Marks the lines about files that changed during the attempt. A path cannot contain this text,
/// because quotation marks in a path are escaped.
const INPUT_CHANGED: &str = "\"input_changed\":true";

pub(super) struct Runs<'w> {
    wanted: &'w Wanted,
    found: Vec<PastRun>,
    indexes: HashMap<RunId, usize>,
    /// The index of the current run in `found`.
    current: usize,
    failures: Files,
    /// The files that changed during their last successful attempt.
    changed: Files,
    slowest: Vec<(Duration, EndedAttempt)>,
}

/// A set of files, identified by hashes of their paths.
#[derive(Default)]
struct Files {
    hasher: RandomState,
    /// Maps path hashes to file numbers. The numbers ascend in the order of addition.
    numbers: HashMap<u64, u64>,
    next: u64,
    /// Maps file numbers to attempts. Has at most [`RunsSummary::MAX_FAILURES`] entries.
    attempts: BTreeMap<u64, EndedAttempt>,
}

impl Files {
    fn add(&mut self, file: &str, attempt: impl FnOnce() -> Option<EndedAttempt>) {
        let number = *self.numbers.entry(self.hasher.hash_one(file)).or_insert(self.next);
        self.next += 1;
        if self.attempts.contains_key(&number) || self.attempts.len() < RunsSummary::MAX_FAILURES {
            self.attempts.extend(attempt().map(|attempt| (number, attempt)));
        }
    }

    fn count(&self) -> u64 {
        self.numbers.len() as u64
    }

    fn remove(&mut self, file: &str) {
        if !self.numbers.is_empty()
            && let Some(number) = self.numbers.remove(&self.hasher.hash_one(file))
        {
            self.attempts.remove(&number);
        }
    }
}

impl<'w> Runs<'w> {
    pub(super) fn new(wanted: &'w Wanted) -> Self {
        let (found, indexes) = (Vec::new(), HashMap::new());
        let (failures, changed) = (Files::default(), Files::default());
        Self { wanted, found, indexes, current: 0, failures, changed, slowest: Vec::new() }
    }

    pub(super) fn into_summary(self) -> RunsSummary {
        RunsSummary {
            runs: self.found,
            failed_files: self.failures.count(),
            failures: self.failures.attempts.into_values().collect(),
            changed_files: self.changed.count(),
            first_changed: self.changed.attempts.into_values().next().map(|first| first.attempt.of.file_path),
            slowest: self.slowest.into_iter().map(|(_, attempt)| attempt).collect(),
        }
    }

    /// Adds the next line of the log. Returns `Break` after the last wanted line.
    pub(super) fn add(&mut self, text: &str) -> ControlFlow<()> {
        let Some(head) = Head::of(text) else { return ControlFlow::Continue(()) };
        if self.select(&head) {
            self.add_to_current(&head, text);
        }
        if head.event == "processor_stopped" && self.have_all_ended() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn have_all_ended(&self) -> bool {
        match self.wanted {
            Wanted::All => false,
            Wanted::These(runs) => self.found.len() == runs.len() && self.found.iter().all(|run| run.end.is_some()),
        }
    }

    fn add_to_current(&mut self, head: &Head<'_>, text: &str) {
        let run = &mut self.found[self.current];
        match head.event {
            "processor_started" => run.started_at = head.at(),
            "processor_stopped" => end(run, head, text),
            "stop_requested" => run.stop = stop(head, text).or(run.stop),
            "file_requeued" => run.retried += 1,
            "file_completed" => {
                run.completed += 1;
                self.completed(text);
            }
            "file_failed" => self.failed(text, PastEnd::Failed),
            "file_timeout" => self.failed(text, PastEnd::Timeout),
            "file_recovered" if text.contains("\"requeued\":false") => self.failed(text, PastEnd::Died),
            _ => {}
        }
    }

    /// Makes the run of a line the current run, and records the time of the line. Returns false if
    /// the line must be ignored. `queue recover` writes `file_recovered` with a run id that belongs
    /// to no run.
    fn select(&mut self, head: &Head<'_>) -> bool {
        if self.found.get(self.current).is_none_or(|run| run.id.as_str() != head.run) {
            if !self.wanted.contains(head.run) {
                return false;
            }
            let id = RunId::new(head.run);
            if head.event == "file_recovered" && !self.indexes.contains_key(&id) {
                return false;
            }
            let Some(at) = head.at() else { return false };
            self.current = *self.indexes.entry(id.clone()).or_insert_with(|| {
                self.found.push(begun(id, at));
                self.found.len() - 1
            });
        }
        if let Some(at) = head.at() {
            self.found[self.current].last_event_at = at;
        }
        true
    }

    fn completed(&mut self, text: &str) {
        if let Some(file) = file(text) {
            self.failures.remove(file);
            if text.contains(INPUT_CHANGED) {
                self.changed.add(file, || attempt(text, PastEnd::Completed));
            } else {
                self.changed.remove(file);
            }
        }
        let Some(elapsed) = elapsed(text) else { return };
        let is_full = self.slowest.len() == RunsSummary::MAX_SLOWEST;
        if is_full && self.slowest.last().is_some_and(|(least, _)| *least >= elapsed) {
            return;
        }
        if let Some(attempt) = attempt(text, PastEnd::Completed) {
            let place = self.slowest.partition_point(|(longer, _)| *longer >= elapsed);
            self.slowest.insert(place, (elapsed, attempt));
            self.slowest.truncate(RunsSummary::MAX_SLOWEST);
        }
    }

    fn failed(&mut self, text: &str, end: PastEnd) {
        self.found[self.current].failed += 1;
        if let (Some(file), Some(attempt)) = (file(text), attempt(text, end)) {
            self.failures.add(file, || Some(attempt));
        }
    }
}

fn begun(id: RunId, at: Timestamp) -> PastRun {
    PastRun { id, started_at: None, last_event_at: at, end: None, stop: None, completed: 0, failed: 0, retried: 0 }
}

#[derive(Deserialize)]
struct EndText {
    processed: u64,
    failed: u64,
    retried: u64,
    stopped_by: String,
}

/// Records the end of a run. The counts in the line replace the computed counts, because earlier
/// lines may be missing.
fn end(run: &mut PastRun, head: &Head<'_>, text: &str) {
    let (Some(at), Ok(end)) = (head.at(), serde_json::from_str::<EndText>(text)) else { return };
    run.end = Some(PastRunEnd { at, stopped_by: StoppedBy::from_word(&end.stopped_by) });
    (run.completed, run.failed, run.retried) = (end.processed, end.failed, end.retried);
}

#[derive(Deserialize)]
struct StopText {
    level: String,
    cause: String,
}

fn stop(head: &Head<'_>, text: &str) -> Option<ObeyedStop> {
    let stop: StopText = serde_json::from_str(text).ok()?;
    let (level, cause) = (StopLevel::from_word(&stop.level)?, StopCause::from_word(&stop.cause)?);
    Some(ObeyedStop { at: head.at()?, level, cause })
}

fn attempt(text: &str, end: PastEnd) -> Option<EndedAttempt> {
    let line = Line::parse(text)?;
    Some(EndedAttempt { attempt: attempts::attempt(&line, Some(end))?, ended_at: line.at })
}

/// Returns the path in a line as JSON text.
fn file(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("\"file_path\":")?;
    rest.split_once(",\"item_id\":").map(|(path, _)| path)
}

fn elapsed(text: &str) -> Option<Duration> {
    let (_, rest) = text.split_once("\"duration_s\":")?;
    let number = rest.split([',', '}']).next()?;
    Duration::try_from_secs_f64(number.parse().ok()?).ok()
}
