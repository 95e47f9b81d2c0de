//! The processes of one `Start` message, and the reports that have not been sent yet.
//!
//! # Theory of operation
//!
//! If processes take milliseconds, exchanging messages with the run for each process is a
//! considerable part of the cost. So the run sends several requests at once. The guard executes the
//! processes one after another and delays its reports for a moment, so that the run receives
//! several reports at once.
//!
//! The next process starts only if the previous one exited with status 0. After any other ending,
//! the run decides how to continue. Processes that have not started within the time set by the run
//! are reported as not started, because another guard may be idle.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use autoproc_domain::Fingerprint;

use crate::guard::guard_io::GuardIo;
use crate::guard::protocol::{Report, StartRequest};
use crate::process::{Ending, ProcessReport};

/// The maximum time for which a report is held back, to be sent together with later reports.
const REPORT_DELAY: Duration = Duration::from_millis(50);

pub(crate) struct Batch {
    waiting: VecDeque<StartRequest>,
    started: u32,
    /// The time at which the waiting processes are recalled; `None` if the time is beyond the range
    /// of `Instant`: the processes are then never recalled.
    recall_at: Option<Instant>,
    unsent: Vec<Report>,
    /// The time at which `unsent` is due; unused while `unsent` is empty.
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

    /// Reports the start of the current process. The first start of a batch is reported at once.
    /// Later reports wait for [`REPORT_DELAY`] so that they are sent together, because the
    /// processes of a batch are short.
    pub(crate) fn start_current(&mut self, fingerprint: Option<Fingerprint>) {
        let delay = if self.started == 1 { Duration::ZERO } else { REPORT_DELAY };
        self.hold(Report::Started(fingerprint), Instant::now() + delay);
    }

    /// Records the report of the process that was started last. If this process did not exit with
    /// status 0, recalls the batch.
    pub(crate) fn end_current(&mut self, report: Report) {
        if !matches!(&report, Report::Ended(ProcessReport { ending: Ending::Exited { code: 0 }, .. })) {
            self.recall();
        }
        self.hold(report, Instant::now() + REPORT_DELAY);
    }

    /// Reports the waiting processes as not started and makes all reports due, because the run must
    /// decide which process starts next.
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

    /// Recalls the waiting processes if their time has expired, and sends the reports if they are
    /// due.
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
