//! Several processes that a guard was told to start one after the other, and what it has still to tell of them.
//!
//! # Theory of operation
//!
//! Where processes take milliseconds, to tell the runner of each and to be told the next costs a good part of that. So the
//! runner names several at once. The guard starts one after the other and keeps its reports for a moment, so that the runner
//! hears of several at once.
//!
//! Only what ends well is followed by another: after anything else the runner may not want to go on. And what has not been
//! started after the time that the runner gave goes back to it: it may have a guard with nothing to do.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use crate::guard::protocol::{Ended, Report, Start};
use crate::guard::wires::Wires;
use crate::process::Ending;

/// How long a report may be kept.
const NEWS_WAIT: Duration = Duration::from_millis(50);

pub(crate) struct Series {
    waiting: VecDeque<Start>,
    /// Never, where that is further away than the clock can tell.
    give_back_at: Option<Instant>,
    untold: Vec<Report>,
    /// When what is untold has to be told; some point in the past where nothing is.
    tell_at: Instant,
}

impl Series {
    /// What was told just now.
    pub(crate) fn new(starts: Vec<Start>, give_back_after: Duration) -> Self {
        let now = Instant::now();
        Self {
            waiting: starts.into(),
            give_back_at: now.checked_add(give_back_after),
            untold: Vec::new(),
            tell_at: now,
        }
    }

    /// What is to be started now.
    pub(crate) fn next(&mut self) -> Option<Start> {
        self.waiting.pop_front()
    }

    /// Whether nothing waits to be started.
    pub(crate) fn is_over(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes in what became of the one that was started last.
    pub(crate) fn end_current(&mut self, report: Report) {
        if !matches!(&report, Report::Ended(Ended { ending: Ending::Exited { code: 0 }, .. })) {
            self.give_back();
        }
        self.keep(report, Instant::now() + NEWS_WAIT);
    }

    /// Leaves all that waits to others.
    pub(crate) fn give_back(&mut self) {
        if !self.waiting.is_empty() {
            // Nobody sends as many as this has no room for.
            let count = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
            self.waiting.clear();
            self.keep(Report::NotBegun(count), Instant::now());
        }
    }

    fn keep(&mut self, report: Report, tell_at: Instant) {
        self.tell_at = if self.untold.is_empty() { tell_at } else { self.tell_at.min(tell_at) };
        self.untold.push(report);
    }

    /// How long nothing is due.
    pub(crate) fn patience(&self, now: Instant) -> Duration {
        let give_back_at = self.give_back_at.filter(|_| !self.waiting.is_empty());
        let tell_at = (!self.untold.is_empty()).then_some(self.tell_at);
        let due = [give_back_at, tell_at].into_iter().flatten().min();
        due.map_or(Duration::MAX, |due| due.saturating_duration_since(now))
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Instant, wires: &mut Wires) -> io::Result<()> {
        if self.give_back_at.is_some_and(|at| now >= at) {
            self.give_back();
        }
        if self.untold.is_empty() || now < self.tell_at { Ok(()) } else { self.tell(wires) }
    }

    /// Tells all that is untold.
    pub(crate) fn tell(&mut self, wires: &mut Wires) -> io::Result<()> {
        let untold = std::mem::take(&mut self.untold);
        if untold.is_empty() { Ok(()) } else { wires.report(&untold) }
    }
}
