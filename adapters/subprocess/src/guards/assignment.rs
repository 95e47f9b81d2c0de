//! A batch of processes and its guard.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use autoproc_domain::Fingerprint;
use autoproc_domain::ports::{StartFault, StopLevel, StopSignal};

use crate::guard::protocol::{Control, ProtocolError, Report, encode};
use crate::guard::result_file::remove_abandoned;
use crate::guard::{fault_of, is_permanent};
use crate::guards::Guards;
use crate::guards::guard_process::GuardProcess;
use crate::guards::watchdog::{Measure, Watchdog};
use crate::process::{Ending, ProcessReport, ProcessSpec};

/// The minimum time between two checks by the watchdog. The watchdog's clock stands still during a
/// pause. If a deadline were near then, the run would otherwise check it continuously.
const MIN_WATCH: Duration = Duration::from_millis(10);

/// A process is given to at most this many guards. The next guard is tried if a guard was killed
/// before it began the process.
const MAX_GUARDS: u32 = 3;

/// An event of a batch. Events are in the order of the processes in the batch, but
/// [`NotStarted`](Self::NotStarted) may precede the end of the current process.
#[derive(Debug)]
pub enum BatchEvent {
    /// The next process has started. Contains the fingerprint that its input file had before the
    /// start, if known. The event is missing if the start failed, and may be missing if the guard
    /// was killed.
    Started(Option<Fingerprint>),
    /// The current process has ended. If further processes are pending, the next one starts.
    ///
    /// # Errors
    /// The errors are those of [`Guards::run`]. After an error there are no further events.
    Ended(io::Result<ProcessReport>),
    /// The last processes of the batch will not be started. Contains their number.
    NotStarted(usize),
}

/// A batch of processes, and the guard that runs it, if any.
pub(crate) struct Assignment<'a> {
    guards: &'a Guards,
    specs: Vec<(ProcessSpec, Option<PathBuf>)>,
    start_within: Duration,
    active: Option<Active>,
    lost_guards: u32,
    current: usize,
    /// The number of processes without an outcome.
    pending: usize,
    events: VecDeque<BatchEvent>,
}

struct Active {
    guard: GuardProcess,
    first: usize,
    since: Instant,
    sent_level: StopLevel,
    watchdog: Watchdog,
    is_killed: bool,
}

impl<'a> Assignment<'a> {
    pub(crate) fn new(guards: &'a Guards, specs: Vec<(ProcessSpec, Option<PathBuf>)>, start_within: Duration) -> Self {
        let (pending, events) = (specs.len(), VecDeque::new());
        Self { pending, guards, specs, start_within, active: None, lost_guards: 0, current: 0, events }
    }

    pub(crate) fn current(&self) -> usize {
        self.current
    }

    /// Waits for the next event, if any. `stop` must be the stop signal of the current process.
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
                // Draining has no effect on a batch of one process, so it counts as already sent.
                let sent_level = if self.pending > 1 { level } else { level.max(StopLevel::Draining) };
                let (first, since, watchdog) = (self.current, Instant::now(), self.watchdog());
                self.active = Some(Active { guard, first, since, sent_level, watchdog, is_killed: false });
            }
            Err(error) if is_permanent(&error) => self.end(Err(error)),
            Err(error) => {
                self.end(Ok(cannot_start(format!("no guard can be started: {error}"), fault_of(&error))));
            }
        }
    }

    fn message(&self) -> Result<Vec<u8>, ProtocolError> {
        let pending = self.specs.iter().skip(self.current).take(self.pending);
        let requests = pending.map(|(spec, input)| self.guards.request(spec, input.as_deref())).collect();
        encode(&Control::Start { requests, start_within: self.start_within })
    }

    fn watchdog(&self) -> Watchdog {
        let timeout = self.specs.get(self.current).map_or(Duration::MAX, |(spec, _)| spec.timeout);
        Watchdog::of_process(self.guards.time_without_pauses(), timeout, self.guards.settings.grace)
    }

    fn keep_first(&mut self) {
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

    fn end(&mut self, result: io::Result<ProcessReport>) {
        self.report_not_started(self.pending.saturating_sub(1));
        self.report_ended(result);
    }

    async fn advance(&mut self, stop: &dyn StopSignal) {
        let guards = self.guards;
        let Some(Active { guard, sent_level, watchdog, .. }) = &mut self.active else { return };
        let wait = watchdog.due().saturating_sub(watch_time(guards, *sent_level)).max(MIN_WATCH);
        tokio::select! {
            biased;
            report = guard.report() => self.handle(report).await,
            request = stop.raised_above(*sent_level), if *sent_level < StopLevel::Killing => {
                self.raise(request.level);
            }
            () = tokio::time::sleep(wait) => self.watch(),
        }
    }

    fn raise(&mut self, level: StopLevel) {
        let Some(Active { guard, first, sent_level, watchdog, .. }) = &mut self.active else { return };
        *sent_level = level;
        match level {
            StopLevel::Running | StopLevel::Draining => {}
            StopLevel::Aborting => *watchdog = Watchdog::of_abort(self.guards.time(), self.guards.settings.grace),
            StopLevel::Killing => *watchdog = Watchdog::of_kill(self.guards.time()),
        }
        // An error is ignored: `advance` notices a killed guard, and the watchdog kills a guard
        // that does not read.
        let _ = guard.control().send(&control_for(level, self.current - *first));
    }

    fn watch(&mut self) {
        let Some(Active { guard, sent_level, watchdog, is_killed, .. }) = &mut self.active else { return };
        match watchdog.expire(watch_time(self.guards, *sent_level), || guard.is_stopped()) {
            None => {}
            Some(Measure::Continue) => guard.resume(),
            Some(Measure::Kill) => {
                *is_killed = true;
                guard.kill();
            }
            Some(Measure::GiveUp) => {
                let error = io::Error::other(format!("its guard, process {}, does not end after SIGKILL", guard.pid()));
                self.active = None;
                self.report_ended(Err(error));
                self.pending = 0;
            }
        }
    }

    async fn handle(&mut self, report: io::Result<Report>) {
        match report {
            Ok(Report::Started(fingerprint)) => self.events.push_back(BatchEvent::Started(fingerprint)),
            Ok(Report::Ended(report)) => {
                let is_shortage = matches!(report.ending, Ending::CannotStart { fault: StartFault::Shortage, .. });
                self.report_ended(Ok(report));
                self.begin_next();
                if is_shortage { self.dismiss().await } else { self.release_if_done().await }
            }
            Ok(Report::NotStarted(count)) => {
                self.report_not_started((count as usize).min(self.pending));
                self.release_if_done().await;
            }
            Ok(Report::Stuck(reason)) => self.end(Err(io::Error::other(reason))),
            Err(_) => self.reap().await,
        }
    }

    fn begin_next(&mut self) {
        let next = self.watchdog();
        if let Some(Active { sent_level, watchdog, since, .. }) = &mut self.active {
            *sent_level = (*sent_level).min(StopLevel::Draining);
            (*watchdog, *since) = (next, Instant::now());
        }
    }

    async fn release_if_done(&mut self) {
        if self.pending == 0
            && let Some(Active { guard, .. }) = self.active.take()
        {
            self.guards.release(guard).await;
        }
    }

    async fn dismiss(&mut self) {
        self.report_not_started(self.pending);
        let guard = self.active.take().map(|active| active.guard);
        self.guards.dismiss(guard).await;
    }

    async fn reap(&mut self) {
        let Some(Active { guard, since, sent_level, is_killed, .. }) = self.active.take() else { return };
        let interrupted = || interrupted(sent_level, is_killed, since.elapsed());
        match self.guards.reap(guard).await {
            Ok(Some(begun)) => self.settle_begun(usize::try_from(begun).unwrap_or(usize::MAX), since, interrupted),
            // Any pending process may have begun, so all of them count as interrupted.
            Ok(None) => {
                self.remove_abandoned_results(self.pending);
                while self.pending > 0 {
                    self.report_ended(Ok(interrupted()));
                }
            }
            // Any pending process may still be running, so none is reported as not started.
            Err(error) => {
                self.report_ended(Err(error));
                self.pending = 0;
            }
        }
    }

    /// Reports the processes that a dead guard had begun. The last one was interrupted, and the
    /// others succeeded. Their run times are unknown, so each is reported with the average.
    fn settle_begun(&mut self, begun: usize, since: Instant, interrupted: impl Fn() -> ProcessReport) {
        let begun = begun.min(self.pending);
        let Some(succeeded) = begun.checked_sub(1) else { return self.try_another_guard() };
        let elapsed = since.elapsed() / u32::try_from(begun).unwrap_or(u32::MAX);
        for _ in 0..succeeded {
            self.report_ended(Ok(ProcessReport::new(Ending::Exited { code: 0 }, elapsed)));
        }
        self.remove_abandoned_results(1);
        self.end(Ok(interrupted()));
    }

    fn try_another_guard(&mut self) {
        self.keep_first();
        self.lost_guards += 1;
        if self.lost_guards == MAX_GUARDS {
            let reason = "the process that supervises it was killed before the command began".to_owned();
            self.end(Ok(cannot_start(reason, StartFault::Temporary)));
        }
    }

    fn remove_abandoned_results(&self, count: usize) {
        let lost = self.specs.iter().skip(self.current).take(count);
        let results = lost.filter_map(|(spec, _)| spec.stdout_to.as_ref());
        results.for_each(remove_abandoned);
    }
}

/// Returns the time on the watchdog's clock. Only after an abort, the clock includes pauses.
fn watch_time(guards: &Guards, sent_level: StopLevel) -> Duration {
    if sent_level < StopLevel::Aborting { guards.time_without_pauses() } else { guards.time() }
}

fn interrupted(sent_level: StopLevel, is_killed: bool, elapsed: Duration) -> ProcessReport {
    let ending = match sent_level {
        StopLevel::Aborting | StopLevel::Killing => Ending::Aborted,
        StopLevel::Running | StopLevel::Draining if is_killed => Ending::TimedOut,
        StopLevel::Running | StopLevel::Draining => Ending::GuardDied,
    };
    let mut report = ProcessReport::new(ending, elapsed);
    if is_killed {
        report.output_tail = b"its guard did not respond, and was killed".to_vec();
    }
    report
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
