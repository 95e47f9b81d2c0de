//! The store operations of simulated runs.

use std::io;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use autoproc_domain::RunId;
use autoproc_domain::ports::{DeadRun, Location, Reaper, StorageError, Unproven};
use autoproc_domain::recovery::{self, Proof, Recovery, RecoveryPorts};
use autoproc_domain::request::ExchangeRequest;
use autoproc_domain::run::Input;
use autoproc_domain::view::Exchanged;
use futures_util::FutureExt;

use super::super::attempts::AttemptEnd;
use super::super::holds;
use super::super::run::Operation;
use super::super::schedule::Happening;
use super::World;

/// Records the dead runs of a host. The world then ends their attempts.
struct HostReaper<'a> {
    location: &'a Location,
    is_blind: bool,
    asked: Mutex<Vec<RunId>>,
}

#[async_trait]
impl Reaper for HostReaper<'_> {
    fn location(&self) -> Location {
        self.location.clone()
    }

    async fn reap(&self, dead: Vec<DeadRun>) -> Vec<Unproven> {
        let runs: Vec<_> = dead.into_iter().map(|dead| dead.run).collect();
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).extend(runs.iter().cloned());
        let unproven = runs.into_iter().filter(|_| self.is_blind);
        unproven.map(|run| Unproven { run, reason: "the reaper is blind".into() }).collect()
    }
}

impl World {
    pub(super) fn commit(&mut self, run: usize, number: u32) -> Result<(), String> {
        let pending = self.runs[run].pending.as_mut().filter(|pending| pending.number == number);
        let Some((operation, asked_at)) =
            pending.and_then(|pending| Some((pending.operation.take()?, pending.asked_at)))
        else {
            return Ok(());
        };
        let is_local = matches!(operation, Operation::ClearStop | Operation::Measure(_));
        let input = if self.runs[run].is_cut_off && !is_local {
            unreached(&operation)
        } else {
            match operation {
                Operation::Count(scope) => {
                    Input::Counted(self.store.counts(scope).now_or_never().expect("the store answers at once"))
                }
                Operation::Register(info) => {
                    Input::Registered(self.store.begin(info).now_or_never().expect("the store answers at once"))
                }
                Operation::ClearStop => Input::StopCleared(Ok(self.clear_stop(run))),
                Operation::Measure(count) => Input::Measured(self.sizes(count)),
                Operation::Recover => Input::Recovered(self.recover(run)?),
                Operation::Exchange(request) => Input::Exchanged(self.exchange(run, &request, asked_at)?),
                Operation::Deregister => {
                    self.runs[run].is_deregistered = true;
                    let id = self.runs[run].id.clone();
                    Input::Deregistered(self.store.end(id).now_or_never().expect("the store answers at once"))
                }
            }
        };
        // The sizes of files do not come from the store.
        if !matches!(input, Input::Measured(_)) {
            self.runs[run].seen_version = self.queue_version;
        }
        if let Some(pending) = &mut self.runs[run].pending {
            pending.answer = Some(input);
        }
        let latency = self.latency();
        self.later(latency, Happening::Answer(run, number));
        Ok(())
    }

    pub(super) fn answer(&mut self, run: usize, number: u32) -> Result<(), String> {
        let Some(pending) = self.runs[run].pending.take_if(|pending| pending.number == number) else {
            return Ok(());
        };
        let Some(input) = pending.answer else { return Ok(()) };
        if is_trouble(&input) {
            self.runs[run].troubles += 1;
            self.runs[run].idle_since = None;
        }
        self.runs[run].has_failed |= matches!(&input, Input::Exchanged(Err(StorageError::Full(_))));
        if let Input::Exchanged(Ok(exchanged)) = &input {
            let cancelled = exchanged.cancelled.iter().copied();
            self.runs[run].cancelled.extend(cancelled);
        }
        let cancelled = match &input {
            Input::Exchanged(Ok(exchanged)) => exchanged.cancelled.clone(),
            _ => Vec::new(),
        };
        self.feed(run, Some(input))?;
        self.check_cancellations(run, &cancelled)
    }

    fn clear_stop(&mut self, run: usize) -> bool {
        self.runs[run].stop.forget_file();
        self.stop_file.take().is_some()
    }

    fn exchange(
        &mut self,
        run: usize,
        request: &ExchangeRequest,
        asked_at: autoproc_domain::Timestamp,
    ) -> Result<Result<Exchanged, StorageError>, String> {
        let answer = self.store.exchange(request.clone(), asked_at).now_or_never().expect("the store answers at once");
        let before = self.observe_queue();
        self.check_exchange(run, request, asked_at, before.as_deref(), &answer)?;
        let is_new = self.runs[run].last_exchange.as_ref().is_none_or(|last| last.id != request.id);
        self.summary.asked_again += usize::from(!is_new && answer.is_ok());
        self.runs[run].last_exchange = Some(request.clone());
        if answer.is_ok() && is_new {
            self.bound_waits();
        }
        if answer.is_ok() {
            self.runs[run].exchanged_at = self.now;
            self.runs[run].is_recovered_since_exchange = false;
        }
        Ok(answer)
    }

    fn recover(&mut self, run: usize) -> Result<Result<Recovery, StorageError>, String> {
        let host = self.runs[run].host;
        let reaper =
            HostReaper { location: &self.locations[host], is_blind: self.blindnesses > 0, asked: Mutex::default() };
        let store = self.store.clone();
        let ports = RecoveryPorts { storage: &*store, runs: &*store, reaper: &reaper, clock: &self.clock };
        let max_attempts = self.plan.retry.max_attempts();
        let recovery = recovery::recover(ports, max_attempts, Proof::Demanded);
        let answer = recovery.now_or_never().expect("the store answers at once");
        let asked = reaper.asked.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.reap(host, &asked)?;
        self.observe_queue();
        if let Ok(recovery) = &answer {
            self.check_recovery(run, recovery)?;
            self.runs[run].is_recovered_since_exchange = true;
        }
        Ok(answer)
    }

    fn reap(&mut self, host: usize, asked: &[RunId]) -> Result<(), String> {
        for id in asked {
            let Some(run) = self.run_of(id) else { return Err(format!("the unknown run {id} was reaped")) };
            holds(self.runs[run].host == host, || format!("{id} was reaped from another host"))?;
            let asked = &self.runs[run];
            let is_dead = !asked.is_alive() || asked.has_lost_its_lease || asked.is_deregistered;
            holds(is_dead, || format!("the living run {id} was reaped"))?;
            if self.blindnesses > 0 {
                continue;
            }
            for attempt in 0..self.attempts.len() {
                if self.attempts[attempt].run == run && self.attempts[attempt].is_at_work() {
                    let end = match &self.attempts[attempt].planned.1 {
                        AttemptEnd::CutOff | AttemptEnd::LostSight => AttemptEnd::CutOff,
                        AttemptEnd::Reported(_) if !self.runs[run].is_alive() => AttemptEnd::CutOff,
                        AttemptEnd::Reported(_) => {
                            AttemptEnd::Reported(autoproc_domain::ports::AttemptOutcome::Signalled { signal: 9 })
                        }
                    };
                    self.attempts[attempt].planned = (self.now, end);
                    self.end_attempt(attempt);
                }
            }
        }
        Ok(())
    }
}

fn is_trouble(input: &Input) -> bool {
    match input {
        Input::Counted(answer) => answer.is_err(),
        Input::Registered(answer) => answer.is_err(),
        Input::Recovered(answer) => answer.is_err(),
        Input::Exchanged(answer) => answer.is_err(),
        Input::Deregistered(answer) => answer.is_err(),
        _ => false,
    }
}

fn unreached(operation: &Operation) -> Input {
    let error = || StorageError::Unreachable {
        place: "the store beyond the partition".to_owned(),
        source: Box::new(io::Error::from(io::ErrorKind::TimedOut)),
    };
    match operation {
        Operation::Count(_) => Input::Counted(Err(error())),
        Operation::Register(_) => Input::Registered(Err(error())),
        Operation::ClearStop => Input::StopCleared(Ok(false)),
        Operation::Measure(count) => Input::Measured(vec![None; *count]),
        Operation::Recover => Input::Recovered(Err(error())),
        Operation::Exchange(_) => Input::Exchanged(Err(error())),
        Operation::Deregister => Input::Deregistered(Err(error())),
    }
}
