//! Visits the attempts of selected runs while the event log is read.

use std::collections::HashSet;
use std::ops::ControlFlow;

use autoproc_domain::open_attempts::OpenAttempts;
use autoproc_domain::ports::AttemptVisitor;

use super::attempts::{self, STARTED, end_of};
use super::line::{Head, Line};
use super::location::Wanted;

pub(super) struct VisitedAttempts<'w> {
    wanted: &'w Wanted,
    ended_runs: HashSet<String>,
    open: OpenAttempts,
}

impl<'w> VisitedAttempts<'w> {
    pub(super) fn new(wanted: &'w Wanted, visit: AttemptVisitor) -> Self {
        Self { wanted, ended_runs: HashSet::new(), open: OpenAttempts::new(visit) }
    }

    /// Reads the next line of the log. Returns `Break` once all wanted runs have ended.
    pub(super) fn add(&mut self, text: &str) -> ControlFlow<()> {
        let Some(head) = Head::of(text) else { return ControlFlow::Continue(()) };
        // The run that records a recovery is not the run that made the attempt.
        let is_wanted = self.wanted.contains(head.run) || head.event == "file_recovered";
        let end = end_of(head.event);
        if is_wanted
            && (end.is_some() || head.event == STARTED)
            && let Some(line) = Line::parse(text)
            && let Some(attempt) = attempts::attempt(&line, end)
            && self.wanted.contains(attempt.run.as_str())
        {
            if end.is_none() { self.open.begin(attempt) } else { self.open.end(attempt, line.at) }
        }
        if is_wanted && head.event == "processor_stopped" {
            self.ended_runs.insert(head.run.to_owned());
        }
        if self.wanted.are(&self.ended_runs) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Visits the attempts without an end in the log.
    pub(super) fn finish(self) {
        self.open.finish();
    }
}
