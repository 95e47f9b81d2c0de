//! Events outside of the runs: requests of users, faults and new runs.

use std::time::Duration;

use autoproc_domain::forecast::Forecast;
use autoproc_domain::ports::{BackPressure, Clock, StopCause, StopLevel, StorageError};
use autoproc_domain::request::{AnswerNeeded, Cancel, Enqueue, Hold, NewItem, Repeat, Reprioritise, Scope, Selector};
use autoproc_domain::run::{DEFAULT_PROBE_AFTER, Input, RunState};
use autoproc_domain::{Fingerprint, Priority, RunConfig, RunId, Timestamp};
use futures_util::FutureExt;

use super::super::attempts::AttemptEnd;
use super::super::faults::{Fault, When};
use super::super::run::{RunEnd, SimulatedRun};
use super::super::schedule::Happening;
use super::super::snapshot::Seen;
use super::World;

const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// The maximum random part of the pause between two runs, in seconds. The other part grows with the
/// number of runs: a run that does not wait for backoffs ends at once, so hundreds might follow.
const MAX_RANDOM_PAUSE_S: u64 = 5;
const MAX_STOP_LAG_MS: u64 = 500;
const MAX_GRACE_MS: u64 = 5000;
/// The maximum time for which attempts outlive a dead run. With leases, this time starts when the
/// lease expires. It must be shorter than
/// [`LEASE_MARGIN`](autoproc_domain::recovery::LEASE_MARGIN), because other hosts then recover the
/// claims.
const MAX_ORPHAN_LIFE_MS: u64 = 10_000;

impl World {
    pub(super) fn plan_faults(&mut self) {
        for (index, fault) in self.plan.faults.iter().enumerate() {
            if let When::At(at) = fault.when {
                self.schedule.add(&mut self.random, at, Happening::Strike(index));
            }
        }
    }

    pub(super) fn strike_by_count(&mut self) -> Result<(), String> {
        for index in 0..self.plan.faults.len() {
            if let When::After(count) = self.plan.faults[index].when
                && count <= self.happenings
            {
                self.plan.faults[index].when = When::At(self.now);
                self.strike(index)?;
            }
        }
        Ok(())
    }

    /// Injects the faults whose number of events was not reached. Returns true if the simulation
    /// goes on.
    pub(super) fn strike_what_is_left(&mut self) -> Result<bool, String> {
        let mut any = false;
        for index in 0..self.plan.faults.len() {
            if let When::After(_) = self.plan.faults[index].when {
                self.plan.faults[index].when = When::At(self.now);
                self.strike(index)?;
                any = true;
            }
        }
        Ok(any || !self.schedule.is_empty())
    }

    pub(super) fn strike(&mut self, index: usize) -> Result<(), String> {
        let fault = self.plan.faults[index].fault.clone();
        match fault {
            Fault::StopFile(level) => self.raise_file(level),
            Fault::Signal(level, cause) => self.signal(level, cause),
            Fault::TerminateAll => self.terminate_all(),
            Fault::Kill => return self.kill(),
            Fault::Begin => return self.begin_run(),
            Fault::SetClock(seconds) => self.set_clock(seconds),
            Fault::Busy(transactions) => self.database.answer_busy(transactions),
            Fault::Unreachable(outages) => self.database.answer_unreachable(outages),
            Fault::Full(span) => {
                self.is_full = true;
                self.database.set_full(true);
                self.later(span, Happening::Room);
            }
            Fault::Pressure(span) => self.shut_gate(span),
            Fault::Shortage(span, bears) => self.use_up_processes(span, bears),
            Fault::ProgramAway(span) => self.remove_program(span),
            Fault::Blind(span) => {
                self.blindnesses += 1;
                self.later(span, Happening::Sight);
            }
            Fault::Partition(span) => self.cut_off(span),
            Fault::Cancel(file) => return self.cancel_file(file, index),
            Fault::Hold(file, span) => return self.hold(file, span, index),
            Fault::AddAgain(file, repeat, has_changed) => return self.add_again(file, repeat, has_changed, index),
            Fault::Reprioritise(file, rank) => return self.reprioritise(file, rank, index),
        }
        Ok(())
    }

    pub(super) fn add(&mut self, file: usize) -> Result<(), String> {
        self.enqueue(file, Repeat::IfChanged, Happening::Add(file))
    }

    fn add_again(&mut self, file: usize, repeat: Repeat, has_changed: bool, fault: usize) -> Result<(), String> {
        if self.files[file].id.is_none() {
            return Ok(());
        }
        if has_changed {
            self.plan.faults[fault].fault = Fault::AddAgain(file, repeat, false);
            self.files[file].version += 1;
        }
        self.enqueue(file, repeat, Happening::Strike(fault))
    }

    fn enqueue(&mut self, file: usize, repeat: Repeat, again: Happening) -> Result<(), String> {
        let planned = &self.plan.files[file];
        let fingerprint = Some(self.fingerprint(file));
        let new = NewItem { file_path: planned.path.clone(), depth: 0, priority: planned.priority, fingerprint };
        let request = Enqueue { items: vec![new], repeat, answer: AnswerNeeded::Now };
        let answer = self.store.enqueue(request, self.wall()).now_or_never().expect("the store answers at once");
        self.served(answer, again).map(drop)
    }

    pub(super) fn fingerprint(&self, file: usize) -> Fingerprint {
        Fingerprint { size: file as u64, modified_ns: self.files[file].version }
    }

    fn cancel_file(&mut self, file: usize, fault: usize) -> Result<(), String> {
        let was_live = self.seen(file).is_some_and(|seen| seen.status.is_live());
        let request = Cancel(vec![self.selector(file)]);
        let answer = self.store.cancel(request, self.wall()).now_or_never().expect("the store answers at once");
        self.served(answer, Happening::Strike(fault))?;
        let Some(seen) = self.seen(file) else { return Ok(()) };
        let (round, is_live) = (seen.round, seen.status.is_live());
        let is_requested = seen.claim.as_ref().is_some_and(|(_, _, is_cancelled)| *is_cancelled);
        if is_requested || (was_live && !is_live) {
            self.files[file].cancelled_round = round;
        }
        if is_requested && self.files[file].cancelled_at.is_none() {
            self.files[file].cancelled_at = Some(self.now);
            self.summary.cancels += 1;
        }
        Ok(())
    }

    fn seen(&self, file: usize) -> Option<&Seen> {
        let id = self.files[file].id?;
        self.queue.iter().find(|seen| seen.id == id)
    }

    fn hold(&mut self, file: usize, span: Duration, fault: usize) -> Result<(), String> {
        self.set_hold(file, true, Happening::Strike(fault))?;
        if self.seen(file).is_some_and(|seen| seen.is_held) {
            self.summary.holds += 1;
            self.later(span, Happening::Unhold(file));
        }
        Ok(())
    }

    pub(super) fn unhold(&mut self, file: usize) -> Result<(), String> {
        self.set_hold(file, false, Happening::Unhold(file))
    }

    fn set_hold(&mut self, file: usize, is_held: bool, again: Happening) -> Result<(), String> {
        let request = Hold { which: vec![self.selector(file)], is_held };
        let answer = self.store.hold(request, self.wall()).now_or_never().expect("the store answers at once");
        self.served(answer, again).map(drop)
    }

    fn reprioritise(&mut self, file: usize, rank: i32, fault: usize) -> Result<(), String> {
        let request = Reprioritise { which: self.selector(file), priority: Priority::new(rank) };
        let answer = self.store.reprioritise(request, self.wall()).now_or_never().expect("the store answers at once");
        self.served(answer, Happening::Strike(fault)).map(drop)
    }

    fn selector(&self, file: usize) -> Selector {
        Selector::Path(self.plan.files[file].path.clone())
    }

    /// Returns `None` after a rejection or a temporary failure.
    fn served<T>(&mut self, answer: Result<T, StorageError>, again: Happening) -> Result<Option<T>, String> {
        self.observe_queue();
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(StorageError::Rejected(_)) => Ok(None),
            Err(StorageError::Busy { .. } | StorageError::Unreachable { .. } | StorageError::Full(_)) => {
                self.later(ASK_AGAIN_AFTER, again);
                Ok(None)
            }
            Err(error) => Err(format!("the request of a person failed: {error:?}")),
        }
    }

    /// Schedules a run if there is work and no run is alive or scheduled.
    pub(super) fn let_a_run_begin(&mut self) {
        let has_work = || self.queue.iter().any(|seen| seen.status.is_live() && !seen.is_held);
        if self.is_run_due || self.runs.iter().any(SimulatedRun::is_alive) || !has_work() {
            return;
        }
        self.is_run_due = true;
        let longer = (self.runs.len() as u64 / 10).pow(4);
        let pause = self.random.below(MAX_RANDOM_PAUSE_S) + longer;
        self.later(Duration::from_secs(pause), Happening::BeginRun);
    }

    pub(super) fn begin_run(&mut self) -> Result<(), String> {
        let number = self.runs.len();
        let host = if self.plan.has_leases { usize::from(self.random.one_in(2)) } else { 0 };
        let config = RunConfig {
            run: RunId::new(format!("run-{number}")),
            jobs: self.plan.jobs,
            timeout: self.plan.timeout,
            adapts_timeout: self.random.one_in(4),
            retry: self.plan.retry.clone(),
            backoff_rules: None,
            wait_for_backoff: self.plan.wait_for_backoff,
            failure_limit: self.plan.failure_limit,
            program_wait: self.plan.program_wait,
            pause_on_same: self.plan.pause_on_same,
            probe_after: DEFAULT_PROBE_AFTER,
            until: self.until(),
            scope: self.scope(),
            recipe: self.plan.recipe,
            edits_files: false,
            work: None,
        };
        let id = config.run.clone();
        let given = (self.setup.config)(config.clone());
        let jobs = given.jobs;
        let forecast = if number % 3 == 2 { Forecast::default() } else { self.forecast() };
        let has_history = !forecast.is_empty();
        let state = RunState::new(given, self.locations[host].clone()).with_forecast(forecast);
        let mut run = SimulatedRun::new(id, host, config, jobs, state, self.queue_version);
        run.pausing.has_history = has_history;
        run.stop.read_file(self.stop_file);
        self.runs.push(run);
        self.read_waits();
        self.feed(number, Some(Input::Begin))
    }

    /// Late runs process all files, so that every file ends.
    fn scope(&mut self) -> Scope {
        if self.runs.len() > 10 || !self.random.one_in(5) {
            return Scope::Queue;
        }
        let ids: Vec<_> = self.files.iter().filter_map(|file| file.id).collect();
        ids.into_iter().filter(|_| self.random.one_in(2)).collect()
    }

    /// Only the first runs may have a time limit, so that later runs process every file.
    fn until(&mut self) -> Option<Timestamp> {
        let is_limited = self.runs.len() <= 10 && self.random.one_in(8);
        is_limited.then(|| self.wall().saturating_add(Duration::from_secs(1 + self.random.below(60))))
    }

    fn forecast(&self) -> Forecast {
        let mut forecast = Forecast::default();
        let path = &self.plan.files[0].path;
        (0..20).for_each(|_| forecast.record_past(path, 1, Duration::from_secs(5)));
        forecast
    }

    /// Returns `count` file sizes, about half of them unknown.
    pub(super) fn sizes(&mut self, count: usize) -> Vec<Option<u64>> {
        (0..count).map(|_| self.random.one_in(2).then_some(1)).collect()
    }

    fn some_run(&mut self) -> Option<usize> {
        let alive: Vec<_> = (0..self.runs.len()).filter(|run| self.runs[*run].is_alive()).collect();
        (!alive.is_empty()).then(|| *self.random.pick(&alive))
    }

    fn kill(&mut self) -> Result<(), String> {
        let Some(run) = self.some_run() else { return Ok(()) };
        if let Some(pending) = &self.runs[run].pending
            && pending.answer.is_none()
            && self.random.one_in(2)
        {
            let number = pending.number;
            self.commit(run, number)?;
        }
        self.end_run(run, RunEnd::Killed);
        Ok(())
    }

    /// Ends a run. Its running attempts end later, when the guards end them.
    pub(super) fn end_run(&mut self, run: usize, end: RunEnd) {
        self.runs[run].end = Some((self.now, end));
        self.runs[run].pending = None;
        self.runs[run].orchestrator.queued.clear();
        let id = self.runs[run].id.clone();
        self.database.kill(&id);
        let guards_end_at = self.database.lease_ends_at(&id).unwrap_or(self.now);
        for attempt in std::mem::take(&mut self.runs[run].orchestrator.at_work) {
            let at = guards_end_at + self.up_to(MAX_ORPHAN_LIFE_MS);
            self.replan(attempt, at, AttemptEnd::CutOff);
        }
        self.orphan_lost_attempts(run, guards_end_at);
    }

    /// Plans the ends of attempts that the orchestrator lost track of.
    fn orphan_lost_attempts(&mut self, run: usize, guards_end_at: Duration) {
        for attempt in 0..self.attempts.len() {
            let truth = &self.attempts[attempt];
            if truth.run == run && truth.is_at_work() && truth.planned.1 == AttemptEnd::CutOff {
                let at = guards_end_at + self.up_to(MAX_ORPHAN_LIFE_MS);
                self.replan(attempt, at, AttemptEnd::CutOff);
            }
        }
    }

    fn raise_file(&mut self, level: StopLevel) {
        self.stop_file = self.stop_file.max(Some(level));
        for run in 0..self.runs.len() {
            self.ask_to_stop(run, level);
        }
    }

    fn signal(&mut self, level: StopLevel, cause: StopCause) {
        if let Some(run) = self.some_run() {
            self.send_signal(run, level, cause);
        }
    }

    fn send_signal(&mut self, run: usize, level: StopLevel, cause: StopCause) {
        let sent = self.runs[run].sent_signal;
        self.runs[run].sent_signal = Some(sent.map_or((level, cause), |(before, first)| (before.max(level), first)));
        self.ask_to_stop(run, level);
    }

    fn ask_to_stop(&mut self, run: usize, level: StopLevel) {
        if !self.runs[run].is_alive() {
            return;
        }
        if self.runs[run].is_working {
            self.runs[run].stops_asked.push((self.now, level));
        }
        let lag = self.up_to(MAX_STOP_LAG_MS);
        self.later(lag, Happening::StopKnown(run));
    }

    fn terminate_all(&mut self) {
        let Some(run) = self.some_run() else { return };
        self.was_terminated = true;
        self.send_signal(run, StopLevel::Draining, StopCause::Terminate);
        for attempt in self.runs[run].orchestrator.at_work.clone() {
            let at = self.now + self.up_to(MAX_STOP_LAG_MS);
            let terminated = autoproc_domain::ports::AttemptOutcome::Signalled { signal: 15 };
            self.replan(attempt, at, AttemptEnd::Reported(terminated));
        }
    }

    pub(super) fn stop_known(&mut self, run: usize) -> Result<(), String> {
        if !self.runs[run].is_alive() {
            return Ok(());
        }
        let file = self.stop_file;
        let known = &mut self.runs[run];
        known.stop.read_file(file);
        if let Some((level, cause)) = known.sent_signal.take() {
            known.stop.receive(level, cause);
        }
        match known.stop.request().level {
            StopLevel::Killing => self.abort_attempts(run, 0),
            StopLevel::Aborting => self.abort_attempts(run, MAX_GRACE_MS),
            StopLevel::Running | StopLevel::Draining => {}
        }
        self.feed(run, None)
    }

    fn set_clock(&mut self, seconds: i64) {
        self.clock_was_set = true;
        self.trace(|now| format!("{now:?} set clock by {seconds}"));
        let span = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 {
            self.clock.set_back(span);
            self.wall = self.clock.now();
            self.prolong_waits();
        } else {
            self.clock.set_forward(span);
            self.wall = self.clock.now();
            self.wake_earlier();
        }
    }

    /// Postpones the due times of items after the clock was set back.
    fn prolong_waits(&mut self) {
        let is_watched = (0..self.runs.len()).any(|run| self.is_able_to_claim(run));
        let wall = self.wall();
        for index in 0..self.queue.len() {
            let seen = &self.queue[index];
            if let (Some(backoff), Some(file)) = (seen.backoff, self.file_of(seen.id)) {
                let truth = &mut self.files[file];
                truth.due_at = if is_watched {
                    truth.due_at.max(self.now).saturating_add(backoff.not_before.saturating_since(backoff.ordered_at))
                } else {
                    truth.due_at.max(self.now.saturating_add(backoff.not_before.saturating_since(wall)))
                };
            }
        }
    }

    /// Postpones each due time to the end of the backoff on the wall clock.
    pub(super) fn read_waits(&mut self) {
        let wall = self.wall();
        for index in 0..self.queue.len() {
            let seen = &self.queue[index];
            if let (Some(backoff), Some(file)) = (seen.backoff, self.file_of(seen.id)) {
                let remaining = backoff.not_before.saturating_since(wall);
                let truth = &mut self.files[file];
                truth.due_at = truth.due_at.max(self.now.saturating_add(remaining));
            }
        }
    }

    /// Limits the remaining time of each backoff to its original duration.
    pub(super) fn bound_waits(&mut self) {
        for index in 0..self.queue.len() {
            let seen = &self.queue[index];
            if let (Some(backoff), Some(file)) = (seen.backoff, self.file_of(seen.id)) {
                let span = backoff.not_before.saturating_since(backoff.ordered_at);
                let truth = &mut self.files[file];
                truth.due_at = truth.due_at.min(self.now.saturating_add(span));
            }
        }
    }

    fn shut_gate(&mut self, span: Duration) {
        self.pressures += 1;
        self.pressure = Some(BackPressure { reason: format!("reason {}", self.pressures).into() });
        self.later(span, Happening::GateOpens);
        self.tell_of_the_gate();
    }

    pub(super) fn open_gate(&mut self) {
        self.pressures -= 1;
        if self.pressures == 0 {
            self.pressure = None;
        }
        self.tell_of_the_gate();
    }

    fn tell_of_the_gate(&mut self) {
        for run in 0..self.runs.len() {
            if self.runs[run].is_alive() && self.runs[run].known_pressure.is_some() {
                let lag = self.up_to(1000);
                self.later(lag, Happening::GateKnown(run));
            }
        }
    }

    fn cut_off(&mut self, span: Duration) {
        let Some(run) = self.some_run() else { return };
        let (id, is_cut_off) = (self.runs[run].id.clone(), self.runs[run].is_cut_off);
        self.runs[run].is_cut_off = true;
        self.runs[run].was_cut_off = true;
        if self.plan.has_leases && !is_cut_off {
            self.database.cut_off(&id);
            if let Some(ends_at) = self.database.lease_ends_at(&id) {
                self.schedule.add(&mut self.random, ends_at, Happening::LeaseEnds(run));
            }
        }
        self.later(span, Happening::Reconnect(run));
    }

    pub(super) fn reconnect(&mut self, run: usize) {
        if self.runs[run].is_alive() {
            self.runs[run].is_cut_off = false;
            let id = self.runs[run].id.clone();
            self.database.reconnect(&id);
        }
    }

    pub(super) fn lease_ends(&mut self, run: usize) -> Result<(), String> {
        let id = self.runs[run].id.clone();
        if !self.runs[run].is_alive() || self.database.lease_ends_at(&id) != Some(self.now) {
            return Ok(());
        }
        self.runs[run].has_lost_its_lease = true;
        for attempt in 0..self.attempts.len() {
            if self.attempts[attempt].run == run && self.attempts[attempt].is_at_work() {
                let at = self.now + self.up_to(MAX_ORPHAN_LIFE_MS);
                let end = match self.attempts[attempt].planned.1 {
                    AttemptEnd::CutOff => AttemptEnd::CutOff,
                    _ => AttemptEnd::Reported(autoproc_domain::ports::AttemptOutcome::Signalled { signal: 9 }),
                };
                self.replan(attempt, at, end);
            }
        }
        if self.runs[run].has_lease { self.lose_lease(run) } else { Ok(()) }
    }
}
