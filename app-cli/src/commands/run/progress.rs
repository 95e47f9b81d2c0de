//! Prints the progress of a run to standard error.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anstyle::Style;
use autoproc_domain::ports::{AttemptRef, Clock, Observer, Resumption, RunEvent, RunEventKind, StopCause, StopLevel};
use autoproc_domain::view::Counts;
use autoproc_workflow::execution::Executions;

use super::backoff_rules::Rules;
use super::live::{Live, Ticker};
use super::store_trouble::StoreTrouble;
use crate::console::Console;
use crate::escape::Printable;
use crate::view::failure::{self, SaidBefore};
use crate::view::style::{BAD, GOOD, LATER};
use crate::view::time::span;

/// The amount of progress output, as requested by `--quiet` and `--verbose`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verbosity {
    /// Warnings only.
    Quiet,
    /// Warnings, and files that failed.
    Failures,
    /// A live view on a terminal, otherwise a line for each attempt that ends.
    Normal,
    /// A line for each attempt that ends.
    Verbose,
}

enum Detail {
    Live(Arc<Live>),
    Lines,
    Failures,
    Warnings,
}

pub(super) struct Progress {
    console: Arc<Console>,
    detail: Detail,
    max_attempts: u32,
    rules: Option<Arc<Rules>>,
    has_begun: AtomicBool,
    ticker: Mutex<Option<Ticker>>,
    trouble: StoreTrouble,
    has_shown_way_out: AtomicBool,
}

impl Progress {
    /// `executions` is `None` if the run executes a command instead of a workflow.
    pub(super) fn new(
        console: Arc<Console>,
        verbosity: Verbosity,
        max_attempts: u32,
        clock: Arc<dyn Clock>,
        executions: Option<Executions>,
    ) -> Self {
        let live = || Arc::new(Live::new(console.clone(), clock, max_attempts, executions));
        let detail = match verbosity {
            Verbosity::Quiet => Detail::Warnings,
            Verbosity::Failures => Detail::Failures,
            Verbosity::Normal if console.err().can_redraw() => Detail::Live(live()),
            Verbosity::Normal | Verbosity::Verbose => Detail::Lines,
        };
        Self {
            console,
            detail,
            max_attempts,
            rules: None,
            has_begun: AtomicBool::new(false),
            ticker: Mutex::default(),
            trouble: StoreTrouble::default(),
            has_shown_way_out: AtomicBool::default(),
        }
    }

    pub(super) fn with_rules(self, rules: Arc<Rules>) -> Self {
        Self { rules: Some(rules), ..self }
    }

    pub(super) fn live(&self) -> Option<Arc<Live>> {
        if let Detail::Live(live) = &self.detail { Some(live.clone()) } else { None }
    }

    fn line(&self, line: impl FnOnce() -> String) {
        if matches!(self.detail, Detail::Lines) {
            self.console.say(line());
        }
    }

    /// Prints a line, except with `--quiet`.
    fn remark(&self, line: impl Display) {
        if !matches!(self.detail, Detail::Warnings | Detail::Failures) {
            self.console.say(line);
        }
    }

    fn cleared(&self) {
        let has_begun = self.has_begun.load(Ordering::Relaxed);
        self.remark(if has_begun {
            "the run has stopped as requested, and has removed the request"
        } else {
            "cleared a stop request from before this run"
        });
    }

    fn started(&self, jobs: usize, counts: Counts) {
        self.has_begun.store(true, Ordering::Relaxed);
        self.line(|| format!("run started: {} waiting, {jobs} at a time", counts.waiting()));
        self.set_ticker(self.live().map(|live| live.begin()));
    }

    fn stopped(&self) {
        self.set_ticker(None);
        self.console.detach();
    }

    fn set_ticker(&self, ticker: Option<Ticker>) {
        *self.ticker.lock().unwrap_or_else(PoisonError::into_inner) = ticker;
    }

    fn failed(&self, of: &AttemptRef, error: &str) {
        let (why, attempt) = (failure::in_one_line(error), self.attempt(of));
        let line = self.about(BAD, "failed", of, &format!(": {why} ({attempt}){}", SaidBefore(error)));
        if !matches!(self.detail, Detail::Warnings) {
            self.console.say(line);
        }
    }

    fn resumed(&self, because: &Resumption) {
        let file = because.file_path().map(|path| self.console.err().path(path)).unwrap_or_default();
        self.remark(match because {
            Resumption::Succeeded(_) => format!("starting files again: {file} succeeded"),
            Resumption::FailedOtherwise(_) => format!("starting files again: {file} failed in another way"),
            Resumption::KeepsRunning(_) => {
                format!("starting files again: {file} runs longer than the files that failed alike")
            }
            Resumption::GivenUp => {
                "starting files again: the same failure has held the run for 1 h in all; it now uses up attempts"
                    .to_owned()
            }
        });
    }

    fn about(&self, style: Style, outcome: &str, of: &AttemptRef, after: &str) -> String {
        let before = format!("{}{outcome} ", self.console.time());
        let line = self.console.err().line(&before, &of.file_path, after);
        format!("{style}{outcome}{style:#}{}", &line[before.len() - 1..])
    }

    fn attempt(&self, of: &AttemptRef) -> String {
        // A file from an earlier run may already have had more attempts than this run allows.
        format!("attempt {} of {}", of.attempt, self.max_attempts.max(of.attempt.get()))
    }
}

impl Observer for Progress {
    fn observe(&self, event: &RunEvent) {
        if let Detail::Live(live) = &self.detail {
            live.apply(event);
        }
        if is_answer(&event.kind) && self.trouble.end() {
            self.remark("the queue answers again");
        }
        match &event.kind {
            RunEventKind::ProcessorStarted { jobs, counts } => self.started(*jobs, *counts),
            RunEventKind::StopSignalCleared => self.cleared(),
            RunEventKind::FileRecovered { of, requeued, cancelled, .. } => {
                let fate = match (requeued, cancelled) {
                    (true, _) => "is pending again",
                    (false, true) => "is cancelled",
                    (false, false) => "has failed: no attempts are left",
                };
                let file = self.console.err().path(&of.file_path);
                self.remark(format_args!("the run that was processing {file} died; the file {fate}"));
            }
            RunEventKind::RecoveryWithheld { dead_run, reason } => self.console.warn(format_args!(
                "the files of the dead run {dead_run} stay `processing`: {}; \
                 `autoproc queue recover --force` returns the files to pending",
                Printable(reason)
            )),
            RunEventKind::StartsHeld { reason, probe_at: Some(at) } => {
                let wait = in_whole_seconds(at.saturating_since(event.at));
                self.remark(format_args!(
                    "not starting new files: {}; tries one file in {}",
                    Printable(reason),
                    span(wait)
                ));
                if !self.has_shown_way_out.swap(true, Ordering::Relaxed) {
                    self.remark(
                        "Ctrl-C ends this run; to go on instead of waiting, start it again with `--pause-on-same 0`",
                    );
                }
            }
            RunEventKind::StartsHeld { reason, probe_at: None } => {
                self.remark(format_args!("not starting new files: {}", Printable(reason)));
            }
            RunEventKind::StartsResumed { because: None } => self.remark("starting files again"),
            RunEventKind::StartsResumed { because: Some(because) } => self.resumed(because),
            RunEventKind::FileStarted { .. } | RunEventKind::Progress { .. } => {}
            RunEventKind::ProcessorPaused => self.remark("paused; `autoproc resume` continues"),
            RunEventKind::ProcessorResumed => self.remark("resumed"),
            RunEventKind::FileCompleted { of, elapsed, .. } => {
                self.line(|| self.about(GOOD, "completed", of, &format!(" in {}", span(*elapsed))));
            }
            RunEventKind::FileRequeued { of, backoff, error, .. } => {
                let rule = self.rules.as_ref().and_then(|rules| rules.name_for(error, &of.file_path));
                let reason = rule.map_or_else(String::new, |rule| format!(" ({rule})"));
                let (wait, why, attempt) = (span(*backoff), failure::in_one_line(error), self.attempt(of));
                let after = format!(": {why} ({attempt}){}", SaidBefore(error));
                self.remark(self.about(LATER, &format!("retry in {wait}{reason} for"), of, &after));
            }
            RunEventKind::FileFailed { of, error, .. } | RunEventKind::FileTimeout { of, error, .. } => {
                self.failed(of, error);
            }
            RunEventKind::FileReleased { of, .. } => {
                self.remark(self.about(LATER, "returned to pending:", of, ""));
            }
            RunEventKind::ResultDiscarded { of } => {
                let file = self.console.err().path(&of.file_path);
                self.console
                    .warn(format_args!("another run has recovered {file}; the result of this run is discarded"));
            }
            RunEventKind::StopRequested { level, cause } => {
                self.remark(stopping(*level, *cause));
            }
            RunEventKind::StorageTrouble { error } => {
                if self.trouble.record(error) {
                    self.console.warn(Printable(error));
                }
            }
            RunEventKind::ProcessorStopped { .. } => self.stopped(),
        }
    }
}

/// True if the event proves that the store has answered.
fn is_answer(kind: &RunEventKind) -> bool {
    matches!(
        kind,
        RunEventKind::Progress { .. }
            | RunEventKind::FileCompleted { .. }
            | RunEventKind::FileRequeued { .. }
            | RunEventKind::FileFailed { .. }
            | RunEventKind::FileTimeout { .. }
            | RunEventKind::FileReleased { .. }
    )
}

/// Rounds a duration up to whole seconds. An event reports a wait of 30 s slightly late, as 29.9 s.
fn in_whole_seconds(length: Duration) -> Duration {
    Duration::from_secs(length.as_secs() + u64::from(length.subsec_nanos() > 0))
}

fn stopping(level: StopLevel, cause: StopCause) -> &'static str {
    match (level, cause) {
        (StopLevel::Running, _) => "running",
        (StopLevel::Draining, StopCause::Interrupt) => "stopping after the current files; Ctrl-C again ends them",
        (StopLevel::Draining, _) => "stopping after the current files",
        (StopLevel::Aborting, _) => "ending the current attempts; their files wait for the next run",
        (StopLevel::Killing, _) => "killing the current attempts",
    }
}
