//! The run loop: handles an input, then decides on the next actions.

mod alike;
mod attempts;
mod lacks;
mod measurement;
mod registration;
mod store;
mod until;

use crate::ports::{BackPressure, RunEventKind};
use crate::run::state::{Kept, Operation, Phase, Recording, RunState, STOP_IS_KNOWN_WITHIN};
use crate::run::{Action, Input, ProcessorError, Wakeup};
use crate::run_info::StoppedBy;
use crate::stop::StopRequest;
use crate::time::Timestamp;

impl RunState {
    /// Handles an input at time `now`, and returns the actions to carry out, in order. Pure: the
    /// same state, input and time give the same actions.
    ///
    /// The last action is [`Action::Wait`] or, once, [`Action::End`].
    #[must_use]
    pub fn handle(&mut self, input: Input, now: Timestamp) -> Vec<Action> {
        if now < self.now {
            // The clock was set back: the next exchange shortens backoffs, so items may become due
            // earlier.
            self.queue.may_have_work = true;
        }
        self.now = now;
        self.take(input);
        self.judge_undecided();
        self.check_failure_limit();
        self.check_time();
        self.check_starts();
        self.check_alike();
        self.release_set_aside();
        self.report_pressure();
        self.recall();
        if self.operation.is_none() {
            self.proceed();
        }
        if !matches!(self.actions.last(), Some(Action::End(_))) {
            let wakeup = self.wakeup();
            self.actions.push(Action::Wait(wakeup));
        }
        std::mem::take(&mut self.actions)
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Begin => self.count(),
            Input::Stop(request) => self.on_stop(request),
            Input::Pressure(pressure) => {
                self.world.pressure = pressure;
                // While starts are held, the run still checks the queue, because other runs may
                // finish the files that it waits for.
                self.queue.may_have_work = true;
            }
            Input::Capacity(capacity) => self.world.capacity = capacity,
            Input::Attempts(progress) => {
                for (token, progress) in progress {
                    self.on_progress(token, progress);
                }
                // If a command cannot be started, one input reports both the start and the end of
                // its attempt. So the command of an attempt that is running now has started.
                self.program.has_started |= self.running() > 0;
            }
            Input::LeaseLost => self.on_lease_lost(),
            Input::Woken => self.queue.may_have_work = true,
            Input::Counted(counted) => self.on_counted(counted),
            Input::Registered(registered) => self.on_registered(registered),
            Input::StopCleared(cleared) => self.on_stop_cleared(cleared),
            Input::Recovered(recovered) => self.on_recovered(recovered),
            Input::Exchanged(exchanged) => self.on_exchanged(exchanged),
            Input::Deregistered(alive) => self.on_deregistered(alive),
            Input::Measured(sizes) => self.on_measured(sizes),
        }
    }

    fn begin(&mut self, operation: Operation, action: Action) {
        self.operation = Some(operation);
        self.actions.push(action);
    }

    fn count(&mut self) {
        self.begin(Operation::Count, Action::Count(self.config.scope.clone()));
    }

    fn on_stop(&mut self, request: StopRequest) {
        if self.phase == Phase::Beginning {
            self.world.stop = request;
        } else if request.level > self.world.stop.level
            && let Some(cause) = request.cause
        {
            self.world.stop = request;
            self.result.stop_level = request.level;
            if self.phase == Phase::Working {
                self.emit(RunEventKind::StopRequested { level: request.level, cause });
            }
        }
    }

    fn fail(&mut self, error: ProcessorError) {
        self.failure.get_or_insert(error);
    }

    /// Reports a change of the back-pressure while a slot is free. Skips a new hold that delays no
    /// item, unless a failed attempt caused it.
    fn report_pressure(&mut self) {
        let has_free_slot = self.may_start() && self.attempts.in_hand.len() < self.config.jobs.get();
        let pressure = self.pressure();
        let is_wanted = self.queue.has_waiting || self.starts.is_held() || self.breaker.is_held();
        let is_news = pressure != self.reported_pressure;
        // Report the reason why a hold ended even if the probe fills the only slot.
        let is_wanted_now = has_free_slot || self.resumption.is_some();
        if !is_wanted_now || !is_news || (self.reported_pressure.is_none() && !is_wanted) {
            return;
        }
        self.reported_pressure.clone_from(&pressure);
        let because = self.resumption.take();
        self.emit(match pressure {
            Some((BackPressure { reason }, probe_at)) => RunEventKind::StartsHeld { reason, probe_at },
            None => RunEventKind::StartsResumed { because },
        });
    }

    fn recall(&mut self) {
        let is_due = std::mem::take(&mut self.is_recall_due);
        if self.may_start() && self.world.pressure.is_none() && !is_due {
            return;
        }
        let mut is_needed = false;
        for in_hand in self.attempts.in_hand.values_mut().filter(|in_hand| !in_hand.has_started) {
            is_needed |= !std::mem::replace(&mut in_hand.is_recalled, true);
        }
        if is_needed {
            self.actions.push(Action::Recall);
        }
    }

    fn proceed(&mut self) {
        if self.phase != Phase::Working {
            return;
        }
        if self.recording == Recording::OnlyOffered {
            if !self.attempts.in_hand.is_empty() || !self.attempts.undecided.is_empty() {
                return;
            }
            self.offer_results();
            if self.operation.is_some() {
                return;
            }
        }
        let is_over = self.attempts.in_hand.is_empty() && (self.recording != Recording::Possible || self.is_at_rest());
        if is_over && let Some(stopped_by) = self.reason_to_end() {
            return self.wind_up_working(stopped_by);
        }
        if self.recording != Recording::Possible || self.is_store_resting() {
            return;
        }
        self.store.retry_at = None;
        let has_results =
            !self.attempts.judged.is_empty() || !self.attempts.unused.is_empty() || self.store.is_unanswered;
        if !self.queue.is_swept && !self.has_exchanged() {
            self.begin(Operation::Recover, Action::Recover);
        } else if has_results || (self.queue.may_have_work && self.is_exchange_of_use()) {
            self.exchange();
        } else if self.is_at_rest() {
            self.rest();
        } else if self.are_counts_old() {
            self.count();
        }
    }

    fn reason_to_end(&self) -> Option<StoppedBy> {
        match self.world.stop.cause {
            _ if self.failure.is_some() => Some(StoppedBy::Error),
            Some(cause) => Some(StoppedBy::Request(cause)),
            _ if self.reached.failure_limit => Some(StoppedBy::TooManyFailed),
            _ if self.store.is_full => Some(StoppedBy::StorageFull),
            _ if self.reached.time && self.queue.has_waiting => Some(StoppedBy::Deadline),
            _ => self.program.given_up,
        }
    }

    /// An exchange claims items, reports cancellations, or shows whether files are waiting.
    fn is_exchange_of_use(&self) -> bool {
        self.may_start() || !self.attempts.in_hand.is_empty() || self.reached.time
    }

    fn has_exchanged(&self) -> bool {
        self.store.last_request.get() > 0
    }

    /// Precondition: no attempt is running, and all results are recorded.
    fn rest(&mut self) {
        if self.is_time_useless() {
            self.end_starts();
        } else if self.queue.has_waiting {
            if !self.config.wait_for_backoff && !self.is_under_pressure() {
                self.wind_up_working(StoppedBy::NothingDue);
            }
        } else if self.queue.is_swept {
            self.wind_up_working(StoppedBy::QueueEmpty);
        } else {
            // Before the run ends, recover the runs that died since the last recovery.
            self.begin(Operation::Recover, Action::Recover);
        }
    }

    fn wakeup(&self) -> Wakeup {
        let judge_at =
            self.attempts.undecided.iter().map(|undecided| undecided.since.saturating_add(STOP_IS_KNOWN_WITHIN));
        let judge_at = judge_at.min();
        if self.operation.is_some() || self.phase != Phase::Working || self.recording != Recording::Possible {
            return Wakeup { at: judge_at, on_change: false };
        }
        let work_at = self.store.retry_at.or_else(|| self.queue.next_due.filter(|_| self.room() > 0));
        let on_change = !self.is_store_resting() && (self.may_start() || !self.attempts.in_hand.is_empty());
        let starts_at = self.starts.next_change(self.config.program_wait, self.now).filter(|_| self.may_start());
        let probe_at = self.breaker.next_change().filter(|_| self.may_start());
        let settle_at = self.attempts.kept.iter().map(Kept::settled_at).min();
        let time_up_at = self.config.until.filter(|_| self.may_start());
        let at = [judge_at, work_at, starts_at, probe_at, settle_at, time_up_at].into_iter().flatten().min();
        Wakeup { at, on_change }
    }
}
