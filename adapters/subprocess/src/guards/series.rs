//! Processes that one guard runs one after the other, as their runner hears of them.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use autoproc_domain::ports::{StopLevel, StopSignal};

use crate::guard::is_permanent;
use crate::guard::protocol::{Control, Ended, ProtocolError, Report, encode};
use crate::guards::Guards;
use crate::guards::guard_process::GuardProcess;
use crate::process::{Ending, ProcessReport, ProcessSpec};

/// What is heard of processes that run one after the other.
#[derive(Debug)]
pub enum ProcessNews {
    /// The first of those that were not over is over now. Where any are left, the next has been started.
    ///
    /// # Errors
    /// As [`Guards::run`] has them; nothing more is heard then.
    Over(io::Result<ProcessReport>),
    /// The last so many have not been started and will not be.
    NotBegun(usize),
}

/// A series that one guard is told, or is about to be told.
pub(crate) struct Series<'a> {
    guards: &'a Guards,
    /// What a guard is told to start.
    specs: Vec<ProcessSpec>,
    attended: Option<Attended>,
    /// How many processes there is something to hear of.
    open: usize,
    /// What was heard and is not told yet.
    news: VecDeque<ProcessNews>,
}

struct Attended {
    guard: GuardProcess,
    began: Instant,
    /// What it was told of the stop signal.
    level: StopLevel,
}

impl<'a> Series<'a> {
    pub(crate) fn new(guards: &'a Guards, specs: Vec<ProcessSpec>) -> Self {
        Self { open: specs.len(), guards, specs, attended: None, news: VecDeque::new() }
    }

    /// The next news; none where all are told.
    pub(crate) async fn next(&mut self, stop: &dyn StopSignal) -> Option<ProcessNews> {
        while self.news.is_empty() && self.open > 0 {
            if self.attended.is_none() {
                self.begin(stop);
            } else {
                self.attend(stop).await;
            }
        }
        self.news.pop_front()
    }

    fn begin(&mut self, stop: &dyn StopSignal) {
        let level = stop.request().level;
        if level > StopLevel::Draining {
            return self.end(Ok(Ended::new(Ending::Aborted, Duration::ZERO)));
        }
        if level > StopLevel::Running {
            self.forget_others();
        }
        let message = match self.message() {
            Ok(message) => message,
            Err(_) if self.open > 1 => {
                self.forget_others();
                return;
            }
            Err(error) => {
                let ending = Ending::CannotStart { reason: error.to_string(), permanent: true };
                return self.end(Ok(Ended::new(ending, Duration::ZERO)));
            }
        };
        match self.guards.engage(&message) {
            // Where only one is left to start, that the level rises to draining is nothing to be told of.
            Ok(guard) => {
                let level = if self.open > 1 { level } else { level.max(StopLevel::Draining) };
                self.attended = Some(Attended { guard, began: Instant::now(), level });
            }
            Err(error) if is_permanent(&error) => self.end(Err(error)),
            Err(error) => self.end(Ok(unguarded(&error))),
        }
    }

    fn message(&self) -> Result<Vec<u8>, ProtocolError> {
        let starts = self.specs.iter().map(|spec| self.guards.start(spec)).collect();
        encode(&Control::Start(starts, self.guards.settings.give_back_after))
    }

    /// The others are not to begin.
    fn forget_others(&mut self) {
        self.specs.truncate(1);
        self.not_begun(self.open - 1);
    }

    fn not_begun(&mut self, count: usize) {
        if count > 0 {
            self.open -= count;
            self.news.push_back(ProcessNews::NotBegun(count));
        }
    }

    /// None but the first has begun, and that is over.
    fn end(&mut self, result: io::Result<Ended>) {
        self.not_begun(self.open.saturating_sub(1));
        self.over(result);
    }

    fn over(&mut self, result: io::Result<Ended>) {
        self.open -= 1;
        self.news.push_back(ProcessNews::Over(result.map(ProcessReport::from)));
    }

    /// Waits for a report, and tells the guard when the stop level rises.
    async fn attend(&mut self, stop: &dyn StopSignal) {
        let Some(Attended { guard, level, .. }) = &mut self.attended else { return };
        let told = tokio::select! {
            biased;
            report = guard.report() => report,
            request = stop.raised_above(*level), if *level < StopLevel::Killing => {
                *level = request.level;
                // One that cannot be told is gone, which the end of its other pipe tells.
                let _ = guard.line().say(&control_at(request.level));
                return;
            }
        };
        self.take_in(told).await;
    }

    async fn take_in(&mut self, told: io::Result<Report>) {
        match told {
            Ok(Report::Ended(ended)) => {
                self.over(Ok(ended));
                self.release();
            }
            Ok(Report::NotBegun(count)) => {
                self.not_begun((count as usize).min(self.open));
                self.release();
            }
            Ok(Report::Stuck(reason)) => self.end(Err(io::Error::other(reason))),
            Err(_) => self.bury().await,
        }
    }

    /// Lets go of a guard that has nothing more to do, before that is told: whoever hears it may have the next for it.
    fn release(&mut self) {
        if self.open == 0
            && let Some(Attended { guard, .. }) = self.attended.take()
        {
            self.guards.give_back(guard);
        }
    }

    /// Which of those that were not heard of had begun, nobody can tell any more.
    async fn bury(&mut self) {
        let Some(Attended { guard, began, .. }) = self.attended.take() else { return };
        match self.guards.clean_up_after(guard).await {
            Ok(()) => {
                while self.open > 0 {
                    self.over(Ok(Ended::new(Ending::GuardDied, began.elapsed())));
                }
            }
            // Any of them may still be at work, so none is said not to have begun.
            Err(error) => {
                self.over(Err(error));
                self.open = 0;
            }
        }
    }
}

fn control_at(level: StopLevel) -> Control {
    match level {
        StopLevel::Running | StopLevel::Draining => Control::Recall,
        StopLevel::Aborting => Control::Abort,
        StopLevel::Killing => Control::Kill,
    }
}

fn unguarded(error: &io::Error) -> Ended {
    let ending = Ending::CannotStart { reason: format!("no guard can be started: {error}"), permanent: false };
    Ended::new(ending, Duration::ZERO)
}
