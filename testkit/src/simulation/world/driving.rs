//! Feeds inputs to simulated runs, and carries out their actions.

use std::time::Duration;

use autoproc_domain::Timestamp;
use autoproc_domain::ports::{StopLevel, StopRequest};
use autoproc_domain::run::{Action, Input};

use super::super::holds;
use super::super::run::{Operation, Pending, RunEnd};
use super::super::schedule::Happening;
use super::World;

const MAX_ABORT_MS: u64 = 5000;
const MAX_CHANGE_LAG_MS: u64 = 500;

impl World {
    /// Feeds a run all changed port values, and then `input`.
    pub(super) fn feed(&mut self, run: usize, input: Option<Input>) -> Result<(), String> {
        if matches!(input, Some(Input::StopCleared(_))) {
            self.runs[run].is_clearing = false;
            self.runs[run].known_stop = StopRequest::NONE;
        }
        for input in self.changes(run).into_iter().chain(input) {
            if !self.runs[run].is_alive() {
                return Ok(());
            }
            self.take(run, input)?;
        }
        Ok(())
    }

    fn take(&mut self, run: usize, input: Input) -> Result<(), String> {
        let is_lease_lost = matches!(input, Input::LeaseLost);
        self.runs[run].knows_of_lost_lease |= is_lease_lost;
        let is_granted = matches!(&input, Input::Registered(Ok(begun)) if begun.lease.is_some());
        if let Some(input) = (self.setup.input)(input) {
            let wall = self.wall();
            self.trace(|now| format!("{now:?} run-{run} <- {input:?}"));
            for action in self.runs[run].state.handle(input, wall) {
                self.trace(|now| format!("{now:?} run-{run} -> {action:?}"));
                if let Some(action) = (self.setup.action)(action) {
                    self.carry_out(run, action)?;
                }
            }
        }
        if is_lease_lost {
            self.check_abort(run)?;
        }
        self.runs[run].has_lease |= is_granted;
        let is_known_late = is_granted && self.runs[run].has_lost_its_lease && self.runs[run].is_alive();
        if is_known_late { self.lose_lease(run) } else { Ok(()) }
    }

    pub(super) fn lose_lease(&mut self, run: usize) -> Result<(), String> {
        self.feed(run, Some(Input::LeaseLost))
    }

    fn changes(&mut self, run: usize) -> Vec<Input> {
        let run = &mut self.runs[run];
        let stop = if run.is_clearing { run.known_stop } else { run.stop.request() };
        let capacity = run.capacity();
        let mut changes = Vec::new();
        if stop != run.known_stop {
            run.known_stop = stop;
            run.highest_stop = run.highest_stop.max(stop.level);
            if stop.level > StopLevel::Running && run.is_working {
                run.stop_known_at.get_or_insert(self.now);
            }
            changes.push(Input::Stop(stop));
        }
        if self.pressure != run.known_pressure {
            run.known_pressure.clone_from(&self.pressure);
            changes.push(Input::Pressure(self.pressure.clone()));
        }
        if capacity != run.known_capacity {
            run.known_capacity = capacity;
            changes.push(Input::Capacity(capacity));
        }
        changes
    }

    fn carry_out(&mut self, run: usize, action: Action) -> Result<(), String> {
        match action {
            Action::Count(scope) => self.operate(run, Operation::Count(scope)),
            Action::Register(info) => self.operate(run, Operation::Register(info)),
            Action::ClearStop => {
                self.runs[run].is_clearing = true;
                self.operate(run, Operation::ClearStop)
            }
            Action::Recover => self.operate(run, Operation::Recover),
            Action::Exchange(request) => {
                self.check_request(run, &request)?;
                self.operate(run, Operation::Exchange(request))
            }
            Action::Deregister => self.operate(run, Operation::Deregister),
            Action::Measure(files) => self.operate(run, Operation::Measure(files.len())),
            Action::Start(attempt) => self.hand_over(run, attempt),
            Action::Recall => {
                self.recall(run);
                Ok(())
            }
            Action::Cancel(token) => {
                self.cancel_attempt(run, token);
                Ok(())
            }
            Action::Abort => {
                self.runs[run].pending = None;
                self.runs[run].was_aborted = true;
                self.abort_attempts(run, MAX_ABORT_MS);
                Ok(())
            }
            Action::Emit(kind) => self.check_event(run, &kind),
            Action::Wait(wakeup) => {
                self.runs[run].wakeup = wakeup;
                self.wait(run);
                Ok(())
            }
            Action::End(outcome) => {
                self.check_run(run, &outcome)?;
                self.end_run(run, RunEnd::Returned(outcome));
                Ok(())
            }
        }
    }

    fn operate(&mut self, run: usize, operation: Operation) -> Result<(), String> {
        let is_free = self.runs[run].pending.is_none();
        holds(is_free, || format!("{} began {operation:?} during another operation", self.runs[run].id))?;
        self.runs[run].operations += 1;
        let (number, asked_at) = (self.runs[run].operations, self.wall());
        self.runs[run].pending = Some(Pending { number, operation: Some(operation), asked_at, answer: None });
        let latency = self.latency();
        self.later(latency, Happening::Commit(run, number));
        Ok(())
    }

    fn wait(&mut self, run: usize) {
        self.runs[run].waits += 1;
        let wait = self.runs[run].waits;
        self.schedule.drop_if(|what| matches!(what, Happening::Wake(other, _) if other == run));
        if let Some(span) = self.span_until(self.runs[run].wakeup.at) {
            self.later(span, Happening::Wake(run, wait));
        }
        self.announce_changes();
    }

    fn span_until(&self, at: Option<Timestamp>) -> Option<Duration> {
        let at = at.filter(|at| *at != Timestamp::MAX)?;
        Some(at.saturating_since(self.wall()))
    }

    /// Reschedules the wakeups of runs after the wall clock was set forward.
    pub(super) fn wake_earlier(&mut self) {
        for run in 0..self.runs.len() {
            if self.runs[run].is_alive()
                && let Some(span) = self.span_until(self.runs[run].wakeup.at)
            {
                let wait = self.runs[run].waits;
                self.later(span, Happening::Wake(run, wait));
            }
        }
    }

    pub(super) fn wake(&mut self, run: usize, wait: u32) -> Result<(), String> {
        let is_current = self.runs[run].is_alive() && self.runs[run].waits == wait;
        if is_current { self.feed(run, Some(Input::Woken)) } else { Ok(()) }
    }

    /// Wakes each run that waits for a change, after a random delay.
    pub(super) fn announce_changes(&mut self) {
        for run in 0..self.runs.len() {
            let waiting = &self.runs[run];
            let is_behind = waiting.seen_version != self.queue_version;
            if waiting.is_alive() && waiting.wakeup.on_change && is_behind && !waiting.is_change_due {
                self.runs[run].is_change_due = true;
                let lag = if self.random.one_in(3) { Duration::ZERO } else { self.up_to(MAX_CHANGE_LAG_MS) };
                self.later(lag, Happening::Changed(run));
            }
        }
    }

    pub(super) fn changed(&mut self, run: usize) -> Result<(), String> {
        self.runs[run].is_change_due = false;
        let is_awaited = self.runs[run].is_alive() && self.runs[run].wakeup.on_change;
        if is_awaited && self.runs[run].seen_version != self.queue_version {
            return self.feed(run, Some(Input::Woken));
        }
        Ok(())
    }

    pub(super) fn gate_known(&mut self, run: usize) -> Result<(), String> {
        if !self.runs[run].is_alive() || self.runs[run].known_pressure.is_none() {
            return Ok(());
        }
        let pressure = self.pressure.clone();
        self.feed(run, Some(Input::Pressure(pressure)))
    }
}
