//! The processes of one `Start` message.
//!
//! # Theory of operation
//!
//! For short processes, messages are a considerable part of the cost. So the run sends several
//! requests in one message. The guard runs these processes one after another, and sends its reports
//! together.
//!
//! A process starts only if the previous one exited with status 0. Otherwise, the run decides how
//! to continue. Processes that wait too long are reported as not started. Then an idle guard can
//! run them.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use autoproc_domain::Fingerprint;

use crate::guard::guard_io::GuardIo;
use crate::guard::protocol::{Report, StartRequest};
use crate::process::{Ending, ProcessReport};

/// The maximum delay of a report. The delay allows several reports to be sent together.
const REPORT_DELAY: Duration = Duration::from_millis(50);

pub(crate) struct Batch {
    waiting: VecDeque<StartRequest>,
    started: u32,
    recall_at: Option<Instant>,
    unsent: Vec<Report>,
    send_at: Instant,
}

impl Batch {
    pub(crate) fn new(requests: Vec<StartRequest>, start_within: Duration) -> Self {
        let now = Instant::now();
        let recall_at = now.checked_add(start_within);
        Self { waiting: requests.into(), started: 0, recall_at, unsent: Vec::new(), send_at: now }
    }

    pub(crate) fn next(&mut self) -> Option<StartRequest> {
        let next = self.waiting.pop_front()?;
        self.started += 1;
        Some(next)
    }

    pub(crate) fn is_exhausted(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn is_current(&self, index: u32) -> bool {
        index.checked_add(1) == Some(self.started)
    }

    pub(crate) fn start_current(&mut self, fingerprint: Option<Fingerprint>) {
        let delay = if self.started == 1 { Duration::ZERO } else { REPORT_DELAY };
        self.hold(Report::Started(fingerprint), Instant::now() + delay);
    }

    pub(crate) fn end_current(&mut self, report: Report) {
        if !matches!(&report, Report::Ended(ProcessReport { ending: Ending::Exited { code: 0 }, .. })) {
            self.recall();
        }
        self.hold(report, Instant::now() + REPORT_DELAY);
    }

    pub(crate) fn recall(&mut self) {
        self.send_at = Instant::now();
        if !self.waiting.is_empty() {
            // The run never sends more than `u32::MAX` requests at once.
            let count = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
            self.waiting.clear();
            self.hold(Report::NotStarted(count), self.send_at);
        }
    }

    fn hold(&mut self, report: Report, send_at: Instant) {
        self.send_at = if self.unsent.is_empty() { send_at } else { self.send_at.min(send_at) };
        self.unsent.push(report);
    }

    pub(crate) fn timeout(&self, now: Instant) -> Duration {
        let recall_at = self.recall_at.filter(|_| !self.waiting.is_empty());
        let send_at = (!self.unsent.is_empty()).then_some(self.send_at);
        let due = [recall_at, send_at].into_iter().flatten().min();
        due.map_or(Duration::MAX, |due| due.saturating_duration_since(now))
    }

    pub(crate) fn tick(&mut self, now: Instant, io: &mut GuardIo) -> io::Result<()> {
        if !self.waiting.is_empty() && self.recall_at.is_some_and(|at| now >= at) {
            self.recall();
        }
        if self.unsent.is_empty() || now < self.send_at { Ok(()) } else { self.send(io) }
    }

    pub(crate) fn send(&mut self, io: &mut GuardIo) -> io::Result<()> {
        let unsent = std::mem::take(&mut self.unsent);
        if unsent.is_empty() { Ok(()) } else { io.send(&unsent) }
    }
}
