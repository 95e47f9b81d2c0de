//! A batch of processes and the guard that runs it.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use autoproc_domain::Fingerprint;
use autoproc_domain::ports::{StartFault, StopLevel, StopSignal};

use crate::guard::protocol::{Control, ProtocolError, Report, encode};
use crate::guard::result_file::remove_abandoned;
use crate::guard::{fault_of, is_permanent};
use crate::guards::Guards;
use crate::guards::guard_process::GuardProcess;
use crate::process::{Ending, ProcessReport, ProcessSpec};

/// An event of a batch. The events are in the order of the processes in the batch.
#[derive(Debug)]
pub enum BatchEvent {
    /// The next process has started; its input had this fingerprint before, `None` if unknown. The
    /// event is missing if the start failed, and may be missing if the guard was killed.
    Started(Option<Fingerprint>),
    /// The current process has ended. If further processes are pending, the next one starts.
    ///
    /// # Errors
    /// The errors are those of [`Guards::run`]. After an error there are no further events.
    Ended(io::Result<ProcessReport>),
    /// This many processes at the end of the batch will not be started.
    NotStarted(usize),
}

/// A batch that has a guard, or is about to get one.
pub(crate) struct Assignment<'a> {
    guards: &'a Guards,
    specs: Vec<(ProcessSpec, Option<PathBuf>)>,
    start_within: Duration,
    active: Option<Active>,
    /// The index of the running process, according to the reports so far: the number of ended
    /// processes.
    current: usize,
    /// The number of processes that have neither ended nor been reported as not started.
    pending: usize,
    events: VecDeque<BatchEvent>,
}

struct Active {
    guard: GuardProcess,
    started_at: Instant,
    /// The stop level that was sent to the guard for the current process.
    sent_level: StopLevel,
}

impl<'a> Assignment<'a> {
    pub(crate) fn new(guards: &'a Guards, specs: Vec<(ProcessSpec, Option<PathBuf>)>, start_within: Duration) -> Self {
        Self { pending: specs.len(), guards, specs, start_within, active: None, current: 0, events: VecDeque::new() }
    }

    /// Returns the index of the current process. [`next`](Self::next) needs the stop signal of this
    /// process.
    pub(crate) fn current(&self) -> usize {
        self.current
    }

    /// Waits for the next event; `None` after the last event. `stop` must be the stop signal of the
    /// current process.
    pub(crate) async fn next(&mut self, stop: &dyn StopSignal) -> Option<BatchEvent> {
        while self.events.is_empty() && self.pending > 0 {
            if self.active.is_none() {
                self.start(stop);
            } else {
                self.advance(stop).await;
            }
        }
        self.events.pop_front()
    }

    fn start(&mut self, stop: &dyn StopSignal) {
        let level = stop.request().level;
        if level > StopLevel::Draining {
            return self.end(Ok(ProcessReport::new(Ending::Aborted, Duration::ZERO)));
        }
        if level > StopLevel::Running {
            self.keep_first();
        }
        let message = match self.message() {
            Ok(message) => message,
            Err(_) if self.pending > 1 => return self.keep_first(),
            Err(error) => return self.end(Ok(cannot_start(error.to_string(), StartFault::Permanent))),
        };
        match self.guards.assign(&message) {
            Ok(guard) => {
                // Draining does not affect a single process, so draining counts as already sent to
                // the guard.
                let sent_level = if self.pending > 1 { level } else { level.max(StopLevel::Draining) };
                self.active = Some(Active { guard, started_at: Instant::now(), sent_level });
            }
            Err(error) if is_permanent(&error) => self.end(Err(error)),
            Err(error) => {
                self.end(Ok(cannot_start(format!("no guard can be started: {error}"), fault_of(&error))));
            }
        }
    }

    fn message(&self) -> Result<Vec<u8>, ProtocolError> {
        let requests = self.specs.iter().map(|(spec, input)| self.guards.request(spec, input.as_deref())).collect();
        encode(&Control::Start { requests, start_within: self.start_within })
    }

    /// Keeps only the first process in the batch. Reports all others as not started.
    fn keep_first(&mut self) {
        self.specs.truncate(1);
        self.report_not_started(self.pending - 1);
    }

    fn report_not_started(&mut self, count: usize) {
        if count > 0 {
            self.pending -= count;
            self.events.push_back(BatchEvent::NotStarted(count));
        }
    }

    fn report_ended(&mut self, result: io::Result<ProcessReport>) {
        self.current += 1;
        self.pending -= 1;
        self.events.push_back(BatchEvent::Ended(result));
    }

    /// Ends the batch: `result` is that of the current process, and all later processes are not
    /// started.
    fn end(&mut self, result: io::Result<ProcessReport>) {
        self.report_not_started(self.pending.saturating_sub(1));
        self.report_ended(result);
    }

    /// Waits for a report, or for the stop level to rise. Sends a risen level to the guard.
    async fn advance(&mut self, stop: &dyn StopSignal) {
        let Some(Active { guard, sent_level, .. }) = &mut self.active else { return };
        tokio::select! {
            biased;
            report = guard.report() => self.handle(report).await,
            request = stop.raised_above(*sent_level), if *sent_level < StopLevel::Killing => {
                *sent_level = request.level;
                // Sending fails only if the guard was killed. The end of the report pipe shows that
                // too.
                let _ = guard.control().send(&control_for(request.level, self.current));
            }
        }
    }

    async fn handle(&mut self, report: io::Result<Report>) {
        match report {
            Ok(Report::Started(fields)) => {
                let fingerprint = fields.map(|(size, modified_ns)| Fingerprint { size, modified_ns });
                self.events.push_back(BatchEvent::Started(fingerprint));
            }
            Ok(Report::Ended(report)) => {
                let is_shortage = matches!(report.ending, Ending::CannotStart { fault: StartFault::Shortage, .. });
                self.report_ended(Ok(report));
                self.forget_abort();
                if is_shortage { self.dismiss() } else { self.release_if_done() }
            }
            Ok(Report::NotStarted(count)) => {
                self.report_not_started((count as usize).min(self.pending));
                self.release_if_done();
            }
            Ok(Report::Stuck(reason)) => self.end(Err(io::Error::other(reason))),
            Err(_) => self.reap().await,
        }
    }

    /// Resets the sent stop level for the next process, because an abort applies to one process
    /// only. A recall that was sent remains in effect.
    fn forget_abort(&mut self) {
        if let Some(active) = &mut self.active {
            active.sent_level = active.sent_level.min(StopLevel::Draining);
        }
    }

    /// Releases the guard before the last event is delivered, so that the receiver of the event can
    /// use the guard.
    fn release_if_done(&mut self) {
        if self.pending == 0
            && let Some(Active { guard, .. }) = self.active.take()
        {
            self.guards.release(guard);
        }
    }

    /// Ends the guard, and all idle guards, because they hold the processes or the memory that a
    /// command lacks. The guard has returned the rest of its batch.
    fn dismiss(&mut self) {
        self.report_not_started(self.pending);
        if let Some(Active { guard, .. }) = self.active.take() {
            guard.shut_down();
        }
        self.guards.dismiss_idle();
    }

    /// Handles the death of the guard. It is unknown which pending processes had started, so all
    /// pending processes count as lost.
    async fn reap(&mut self) {
        let Some(Active { guard, started_at, .. }) = self.active.take() else { return };
        match self.guards.reap(guard).await {
            Ok(()) => {
                self.remove_abandoned_results();
                while self.pending > 0 {
                    self.report_ended(Ok(ProcessReport::new(Ending::GuardDied, started_at.elapsed())));
                }
            }
            // Any of the processes may still be running, so none is reported as not started.
            Err(error) => {
                self.report_ended(Err(error));
                self.pending = 0;
            }
        }
    }

    fn remove_abandoned_results(&self) {
        let lost = self.specs.iter().skip(self.current).take(self.pending);
        let results = lost.filter_map(|(spec, _)| spec.stdout_to.as_ref());
        results.for_each(|result| remove_abandoned(Path::new(&result.path)));
    }
}

fn control_for(level: StopLevel, index: usize) -> Control {
    // The length of a batch is far below `u32::MAX`.
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    match level {
        StopLevel::Running | StopLevel::Draining => Control::Recall,
        StopLevel::Aborting => Control::Abort { index },
        StopLevel::Killing => Control::Kill { index },
    }
}

fn cannot_start(reason: String, fault: StartFault) -> ProcessReport {
    ProcessReport::new(Ending::CannotStart { reason, fault }, Duration::ZERO)
}
