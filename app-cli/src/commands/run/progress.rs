//! The progress of a run on standard error: a bar on a terminal, otherwise one line per event.

use std::fmt::{Display, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anstyle::Style;
use autoproc_domain::ports::{AttemptRef, Observer, RunEvent, RunEventKind, StopCause, StopLevel};
use autoproc_domain::view::Counts;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::pace::Pace;
use crate::console::Console;
use crate::escape::Printable;
use crate::view::failure::{self, SaidBefore};
use crate::view::layout::Layout;
use crate::view::style::{BAD, GOOD, LATER};
use crate::view::time::span;

/// The template: ended and known files, rate, time left, failures.
const TEMPLATE: &str = "{elapsed} [{wide_bar}] {pos}/{len} files{pace}{msg}";

/// Redraw interval of the bar.
const TICK: Duration = Duration::from_millis(250);

/// The amount of output of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verbosity {
    /// Warnings only.
    Quiet,
    /// Warnings, and files that failed.
    Failures,
    /// A bar on a terminal, otherwise a line for each attempt that ends.
    Normal,
    /// A line for each attempt that ends.
    Verbose,
}

/// The form of the output.
enum Detail {
    /// A bar, and a line for each failure.
    Bar(ProgressBar),
    /// A line for each attempt that ends.
    Lines,
    /// A line for each file that failed.
    Failures,
    /// Warnings only.
    Warnings,
}

pub(super) struct Progress {
    console: Arc<Console>,
    detail: Detail,
    max_attempts: u32,
    tally: Mutex<Tally>,
    pace: Arc<Mutex<Pace>>,
}

#[derive(Default)]
struct Tally {
    has_begun: bool,
    ended: u64,
    failed: u64,
    is_stopping: bool,
    is_paused: bool,
}

impl Tally {
    /// Returns the end of the bar's line: the failures, and whether the run is stopping or paused.
    fn message(&self) -> String {
        let failed = if self.failed > 0 { format!(", {} failed", self.failed) } else { String::new() };
        let stopping = if self.is_stopping { ", stopping" } else { "" };
        let paused = if self.is_paused { ", paused" } else { "" };
        failed + stopping + paused
    }
}

impl Progress {
    /// Creates an observer that prints to this console.
    pub(super) fn new(console: Arc<Console>, verbosity: Verbosity, max_attempts: u32) -> Self {
        let pace = Arc::new(Mutex::new(Pace::new(Instant::now())));
        let detail = match verbosity {
            Verbosity::Quiet => Detail::Warnings,
            Verbosity::Failures => Detail::Failures,
            Verbosity::Normal if console.err().can_redraw() => Detail::Bar(bar(console.err(), pace.clone())),
            Verbosity::Normal | Verbosity::Verbose => Detail::Lines,
        };
        Self { console, detail, max_attempts, tally: Mutex::default(), pace }
    }

    /// Prints the line if each attempt gets one; with a bar or in a quiet run, prints nothing.
    fn line(&self, line: impl Display) {
        if matches!(self.detail, Detail::Lines) {
            self.console.say(line);
        }
    }

    /// Prints a line unless the run is quiet.
    fn remark(&self, line: impl Display) {
        if !matches!(self.detail, Detail::Warnings | Detail::Failures) {
            self.console.say(line);
        }
    }

    /// Reports a cleared stop request. A request is cleared at the end of the last run that obeyed
    /// it or, if no run saw it, before the next run begins.
    fn cleared(&self) {
        let has_begun = self.tally.lock().unwrap_or_else(PoisonError::into_inner).has_begun;
        self.remark(if has_begun { "stop request cleared" } else { "cleared a stop request from before this run" });
    }

    fn started(&self, jobs: usize, counts: Counts) {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).has_begun = true;
        self.line(format_args!("run started: {} waiting, {jobs} at a time", counts.waiting()));
        if let Detail::Bar(bar) = &self.detail {
            bar.set_length(counts.waiting() as u64);
            bar.enable_steady_tick(TICK);
            self.console.attach(bar.clone());
        }
    }

    fn stopping(&self) {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.is_stopping = true;
        if let Detail::Bar(bar) = &self.detail {
            bar.set_message(tally.message());
        }
    }

    fn paused(&self, is_paused: bool) {
        self.remark(if is_paused { "paused; `autoproc resume` continues" } else { "resumed" });
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.is_paused = is_paused;
        if let Detail::Bar(bar) = &self.detail {
            bar.set_message(tally.message());
        }
    }

    fn ended(&self, has_failed: bool) {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.ended += 1;
        tally.failed += u64::from(has_failed);
        if let Detail::Bar(bar) = &self.detail {
            bar.set_position(tally.ended);
            bar.set_message(tally.message());
            self.pace.lock().unwrap_or_else(PoisonError::into_inner).on_end(tally.ended);
        }
    }

    /// Updates the length of the bar. The counts include files that other processes added.
    fn counted(&self, counts: Counts) {
        if let Detail::Bar(bar) = &self.detail {
            let ended = self.tally.lock().unwrap_or_else(PoisonError::into_inner).ended;
            bar.set_length(ended + (counts.waiting() + counts.processing) as u64);
        }
    }

    fn failed(&self, of: &AttemptRef, error: &str) {
        let (why, attempt) = (failure::in_one_line(error), self.attempt(of));
        let line = self.about(BAD, "failed", of, &format!(": {why} ({attempt}){}", SaidBefore(error)));
        if !matches!(self.detail, Detail::Warnings) {
            self.console.say(line);
        }
        self.ended(true);
    }

    /// Returns a line about a file, with its outcome in colour.
    fn about(&self, style: Style, outcome: &str, of: &AttemptRef, after: &str) -> String {
        let line = self.console.err().line(&format!("{outcome} "), &of.file_path, after);
        format!("{style}{outcome}{style:#}{}", &line[outcome.len()..])
    }

    fn attempt(&self, of: &AttemptRef) -> String {
        // A file that an earlier run left may have had more attempts than this run would allow.
        format!("attempt {} of {}", of.attempt, self.max_attempts.max(of.attempt.get()))
    }
}

impl Observer for Progress {
    fn observe(&self, event: &RunEvent) {
        match &event.kind {
            RunEventKind::ProcessorStarted { jobs, counts } => self.started(*jobs, *counts),
            RunEventKind::StopSignalCleared => self.cleared(),
            RunEventKind::FileRecovered { of, requeued, cancelled, in_scope, .. } => {
                let fate = match (requeued, cancelled) {
                    (true, _) => "is pending again",
                    (false, true) => "is cancelled",
                    (false, false) => "has failed: no attempts are left",
                };
                let file = self.console.err().path(&of.file_path);
                self.remark(format_args!("the run that was processing {file} died; the file {fate}"));
                if *in_scope && !requeued {
                    self.ended(true);
                }
            }
            RunEventKind::RecoveryWithheld { dead_run, reason } => self.console.warn(format_args!(
                "the files of the dead run {dead_run} stay `processing`: {}; \
                 `autoproc queue recover --force` returns them to pending",
                Printable(reason)
            )),
            RunEventKind::StartsHeld { reason } => {
                self.remark(format_args!("not starting new files: {}", Printable(reason)));
            }
            RunEventKind::StartsResumed => self.remark("starting files again"),
            RunEventKind::ProcessorPaused => self.paused(true),
            RunEventKind::ProcessorResumed => self.paused(false),
            RunEventKind::FileStarted { .. } => {}
            RunEventKind::FileCompleted { of, elapsed, .. } => {
                self.line(self.about(GOOD, "completed", of, &format!(" in {}", span(*elapsed))));
                self.ended(false);
            }
            RunEventKind::FileRequeued { of, backoff, error, .. } => {
                let (wait, why, attempt) = (span(*backoff), failure::in_one_line(error), self.attempt(of));
                let after = format!(": {why} ({attempt}){}", SaidBefore(error));
                self.remark(self.about(LATER, &format!("retry in {wait} for"), of, &after));
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
                self.stopping();
            }
            RunEventKind::StorageTrouble { error } => self.console.warn(Printable(error)),
            RunEventKind::Progress { counts, .. } => self.counted(*counts),
            RunEventKind::ProcessorStopped { .. } => self.console.detach(),
        }
    }
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

fn bar(layout: &Layout, pace: Arc<Mutex<Pace>>) -> ProgressBar {
    let mut style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
    if layout.is_ascii() {
        style = style.progress_chars("#>-");
    }
    let pace = move |state: &ProgressState, out: &mut dyn Write| {
        let pace = pace.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = out.write_str(&pace.text(state.pos(), state.len().unwrap_or(0), Instant::now()));
    };
    ProgressBar::no_length().with_style(style.with_key("pace", pace))
}
