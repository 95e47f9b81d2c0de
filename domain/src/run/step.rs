//! The decisions of the run loop: what each input means, and what to do next.

use std::time::Duration;

use crate::attempt::{AttemptOutcome, AttemptProgress, AttemptRef, AttemptReport, LostAttempt};
use crate::failure::CANCELLED;
use crate::fingerprint::Completion;
use crate::item::{ClaimToken, Status};
use crate::ports::{BackPressure, Begun, RunEventKind, StopSignalError, StorageError};
use crate::recovery::Recovery;
use crate::request::Verdict;
use crate::run::state::{
    Attempts, InHand, Judged, Operation, Phase, RETRY_STORE_AFTER, Recording, RunState, STOP_IS_KNOWN_WITHIN, Undecided,
};
use crate::run::{Action, Input, ProcessorError, Wakeup};
use crate::run_info::{LiveRun, ProcessingResult, StoppedBy, Unproven};
use crate::stop::{StopLevel, StopRequest};
use crate::time::Timestamp;
use crate::view::{Claimed, Counts, Exchanged};

impl RunState {
    /// Takes in what happened at `now`, and returns what to do, in this order. Pure: the same state,
    /// input and time give the same answer.
    ///
    /// The last action is [`Action::Wait`], or [`Action::End`] once.
    #[must_use]
    pub fn handle(&mut self, input: Input, now: Timestamp) -> Vec<Action> {
        if now < self.now {
            // The clock was set back: the store cuts down the waits that have become too long.
            self.queue.may_have_work = true;
        }
        self.now = now;
        self.take(input);
        self.judge_undecided();
        self.check_failure_limit();
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
            Input::Begin => self.begin(Operation::Count, Action::Count),
            Input::Stop(request) => self.on_stop(request),
            Input::Pressure(pressure) => {
                self.world.pressure = pressure;
                // While it is held the run looks at the queue: others may finish what it waits for.
                self.queue.may_have_work = true;
            }
            Input::Capacity(capacity) => self.world.capacity = capacity,
            Input::Attempts(progress) => {
                for (token, progress) in progress {
                    self.on_progress(token, progress);
                }
            }
            Input::LeaseLost => self.on_lease_lost(),
            Input::Woken => self.queue.may_have_work = true,
            Input::Counted(counted) => self.on_counted(counted),
            Input::Registered(registered) => self.on_registered(registered),
            Input::StopCleared(cleared) => self.on_stop_cleared(cleared),
            Input::Recovered(recovered) => self.on_recovered(recovered),
            Input::Exchanged(exchanged) => self.on_exchanged(exchanged),
            Input::Deregistered(alive) => self.on_deregistered(alive),
        }
    }

    fn begin(&mut self, operation: Operation, action: Action) {
        self.operation = Some(operation);
        self.actions.push(action);
    }

    // The beginning: a queue that cannot be read is no run's to begin on; a stop request that others
    // still obey is not overruled, one that is left over is removed.

    fn on_counted(&mut self, counted: Result<Counts, StorageError>) {
        self.operation = None;
        self.queue.counted_at = Some(self.now);
        match (self.phase, counted) {
            (Phase::Beginning, Ok(counts)) => {
                self.queue.counts = counts;
                self.queue.has_waiting = counts.waiting() > 0;
                let info = self.info();
                self.begin(Operation::Register, Action::Register(info));
            }
            (Phase::Beginning, Err(error)) => self.end(Err(error.into())),
            (Phase::Working | Phase::Ending, counted) => self.report_counts(counted.ok()),
        }
    }

    /// Counts are for people: a failure to read them changes nothing for the run.
    fn report_counts(&mut self, counted: Option<Counts>) {
        // A store reports changes since its last answer, and those before this one may matter.
        self.queue.may_have_work = true;
        if let Some(counts) = counted {
            self.queue.counts = counts;
            self.emit(RunEventKind::Progress { counts, next_due: self.queue.next_due });
        }
        if self.phase == Phase::Ending {
            self.begin(Operation::Deregister, Action::Deregister);
        }
    }

    fn on_registered(&mut self, registered: Result<Begun, StorageError>) {
        self.operation = None;
        match registered.map(|begun| begun.others) {
            Err(error) => self.end(Err(error.into())),
            Ok(_) if self.world.stop.level == StopLevel::Running => self.start(),
            Ok(others) if others.is_empty() => {
                // A request that is reported after this one was removed is new, or a signal.
                self.world.stop = StopRequest::NONE;
                self.begin(Operation::ClearStop, Action::ClearStop);
            }
            Ok(runs) => self.wind_up(ProcessorError::StillStopping { runs }),
        }
    }

    fn start(&mut self) {
        self.phase = Phase::Working;
        self.was_started = true;
        self.emit(RunEventKind::ProcessorStarted { jobs: self.config.jobs.get(), counts: self.queue.counts });
        self.begin(Operation::Recover, Action::Recover);
    }

    fn on_stop_cleared(&mut self, cleared: Result<bool, StopSignalError>) {
        self.operation = None;
        if matches!(cleared, Ok(true)) {
            self.emit(RunEventKind::StopSignalCleared);
        }
        match (self.phase, cleared) {
            (Phase::Beginning, Ok(_)) => {
                let left = std::mem::take(&mut self.world.stop);
                self.start();
                self.on_stop(left);
            }
            (Phase::Beginning, Err(error)) => self.wind_up(error.into()),
            (Phase::Ending | Phase::Working, Ok(_)) => self.conclude(),
            (Phase::Ending | Phase::Working, Err(error)) => {
                self.failure.get_or_insert(error.into());
                self.conclude();
            }
        }
    }

    // The world.

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

    fn on_lease_lost(&mut self) {
        if self.phase != Phase::Working || self.recording == Recording::LeaseLost {
            return;
        }
        let run = self.config.run.clone();
        self.fail(StorageError::LeaseLost { run }.into());
        self.abandon(Recording::LeaseLost);
        self.operation = None;
        self.actions.push(Action::Abort);
    }

    /// The first failure is the one that the run returns.
    fn fail(&mut self, error: ProcessorError) {
        self.failure.get_or_insert(error);
    }

    /// Nothing can be recorded any more: what is over is forgotten, what runs is seen to its end.
    fn abandon(&mut self, recording: Recording) {
        self.recording = recording;
        self.store.is_unanswered = false;
        let in_hand = std::mem::take(&mut self.attempts.in_hand);
        self.attempts = Attempts { in_hand, ..Attempts::default() };
    }

    // Attempts.

    fn on_progress(&mut self, token: ClaimToken, progress: AttemptProgress) {
        match progress {
            AttemptProgress::Started { fingerprint } => {
                let Some(in_hand) = self.attempts.in_hand.get_mut(&token) else { return };
                (in_hand.has_started, in_hand.fingerprint) = (true, fingerprint);
                let of = in_hand.of.clone();
                let size_bytes = fingerprint.map(|fingerprint| fingerprint.size);
                self.emit(RunEventKind::FileStarted { of, size_bytes, recipe: self.config.recipe });
            }
            AttemptProgress::NotStarted => {
                if let Some(in_hand) = self.attempts.in_hand.remove(&token)
                    && self.recording == Recording::Possible
                {
                    self.attempts.unused.push((token, in_hand.of));
                }
            }
            AttemptProgress::Lost(lost) => self.on_lost(token, lost),
            AttemptProgress::Ended(report) => self.on_ended(token, report),
        }
    }

    fn on_lost(&mut self, token: ClaimToken, lost: LostAttempt) {
        self.attempts.in_hand.remove(&token);
        self.fail(lost.into());
    }

    fn on_ended(&mut self, token: ClaimToken, report: AttemptReport) {
        let Some(in_hand) = self.attempts.in_hand.remove(&token) else { return };
        if self.recording != Recording::Possible {
            return;
        }
        let undecided = Undecided { token, in_hand, report, since: self.now };
        if may_be_of_a_stop(&undecided.report.outcome) {
            self.attempts.undecided.push(undecided);
        } else {
            self.judge(undecided);
        }
    }

    /// Decides on attempts that ended by a signal: once a stop is known, it was part of that; once
    /// enough time has passed without one, it was not. After the clock was set back, enough has.
    fn judge_undecided(&mut self) {
        let is_stopping = self.world.stop.level > StopLevel::Running;
        let now = self.now;
        let is_ripe = |undecided: &mut Undecided| {
            let until = undecided.since.saturating_add(STOP_IS_KNOWN_WITHIN);
            is_stopping || now < undecided.since || now >= until
        };
        let ripe: Vec<_> = self.attempts.undecided.extract_if(.., is_ripe).collect();
        for undecided in ripe {
            self.judge(undecided);
        }
    }

    fn judge(&mut self, Undecided { token, in_hand, report, .. }: Undecided) {
        let verdict = self.verdict(&in_hand, &report);
        let AttemptReport { elapsed, usage, .. } = report;
        self.attempts.judged.push(Judged { token, of: in_hand.of, elapsed, usage, verdict });
    }

    fn verdict(&self, in_hand: &InHand, report: &AttemptReport) -> Verdict {
        let outcome = &report.outcome;
        if in_hand.is_cancelled && *outcome != AttemptOutcome::Succeeded {
            return cancelled_verdict();
        }
        if may_be_of_a_stop(outcome) && self.world.stop.level > StopLevel::Running {
            return Verdict::Release;
        }
        let fingerprint = in_hand.fingerprint;
        match self.config.retry.judge(outcome, in_hand.of.attempt) {
            Verdict::Complete(_) => Verdict::Complete(Completion { fingerprint, recipe: self.config.recipe }),
            verdict => verdict.with_error(report.error()),
        }
    }

    /// A result counts from the end of its attempt on: what starts next does not wait for the result
    /// to be recorded.
    fn check_failure_limit(&mut self) {
        let Some(limit) = self.config.failure_limit else { return };
        let open = || self.attempts.judged.iter().chain(&self.attempts.settling).map(|judged| &judged.verdict);
        let processed = open().filter(|verdict| matches!(verdict, Verdict::Complete(_))).count() as u64;
        let failed = open().filter(|verdict| matches!(verdict, Verdict::Fail { .. })).count() as u64;
        self.is_limit_reached |= limit.is_reached(self.result.processed + processed, self.result.failed + failed);
    }

    /// Reports the gate if an attempt could start otherwise, and something waits for it.
    fn report_pressure(&mut self) {
        let has_free_slot = self.may_start() && self.attempts.in_hand.len() < self.config.jobs.get();
        let is_news = self.world.pressure != self.reported_pressure;
        if !has_free_slot || !is_news || (self.reported_pressure.is_none() && !self.queue.has_waiting) {
            return;
        }
        self.reported_pressure.clone_from(&self.world.pressure);
        self.emit(match self.world.pressure.clone() {
            Some(BackPressure { reason }) => RunEventKind::StartsHeld { reason },
            None => RunEventKind::StartsResumed,
        });
    }

    /// Calls back what has not begun, once nothing may begin any more.
    fn recall(&mut self) {
        if self.may_start() && self.world.pressure.is_none() {
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

    // The store.

    fn on_exchanged(&mut self, exchanged: Result<Exchanged, StorageError>) {
        self.operation = None;
        let is_repeated = self.store.is_unanswered;
        self.store.is_unanswered = match &exchanged {
            Err(StorageError::Unreachable { .. }) => true,
            // The store was not asked: what became of the request is still unknown.
            Err(StorageError::Busy { .. }) => is_repeated,
            _ => false,
        };
        // A repeated answer is as old as the request.
        self.queue.may_have_work |= is_repeated;
        match exchanged {
            _ if self.recording != Recording::Possible => {}
            Ok(exchanged) => self.record(exchanged),
            Err(error) => self.on_exchange_failed(error),
        }
    }

    fn on_exchange_failed(&mut self, error: StorageError) {
        if !self.store.is_unanswered {
            // What was not settled goes first the next time.
            self.attempts.settling.append(&mut self.attempts.judged);
            self.attempts.judged = std::mem::take(&mut self.attempts.settling);
            self.attempts.unused.append(&mut self.attempts.releasing);
        }
        if matches!(error, StorageError::Full(_)) && self.store.last_limit > 0 {
            self.store.is_full = true;
            self.emit(RunEventKind::StorageTrouble { error: error.to_string().into() });
        } else {
            self.on_storage_error(error);
        }
    }

    /// What a failed operation means: a pause, or the end.
    fn on_storage_error(&mut self, error: StorageError) {
        let is_passing = matches!(error, StorageError::Busy { .. } | StorageError::Unreachable { .. });
        if is_passing && self.world.stop.level < StopLevel::Aborting {
            self.store.retry_at = Some(self.now.saturating_add(RETRY_STORE_AFTER));
            self.emit(RunEventKind::StorageTrouble { error: error.to_string().into() });
        } else if matches!(error, StorageError::LeaseLost { .. }) {
            self.on_lease_lost();
        } else {
            self.fail(error.into());
            self.abandon(Recording::Impossible);
        }
    }

    fn record(&mut self, exchanged: Exchanged) {
        let Exchanged { claims, stale, cancelled, next_due, has_waiting } = exchanged;
        for (token, of) in std::mem::take(&mut self.attempts.releasing) {
            if cancelled.contains(&token) {
                self.report_result(Judged {
                    token,
                    of,
                    elapsed: Duration::ZERO,
                    usage: None,
                    verdict: cancelled_verdict(),
                });
            }
        }
        for mut judged in std::mem::take(&mut self.attempts.settling) {
            if stale.contains(&judged.token) {
                self.emit(RunEventKind::ResultDiscarded { of: judged.of });
                continue;
            }
            if cancelled.contains(&judged.token) {
                judged.verdict = cancelled_verdict();
            }
            self.report_result(judged);
        }
        (self.queue.next_due, self.queue.has_waiting) = (next_due, has_waiting);
        // A cancelled file has failed, which was unknown when the claims were requested.
        self.check_failure_limit();
        for claim in claims {
            self.hand_over(claim);
        }
        for token in cancelled {
            self.cancel(token);
        }
    }

    fn report_result(&mut self, judged: Judged) {
        let Judged { of, elapsed, usage, verdict, .. } = judged;
        let kind = match verdict {
            Verdict::Complete(_) => {
                self.result.processed += 1;
                RunEventKind::FileCompleted { of, elapsed, usage }
            }
            Verdict::Retry { backoff, error } => {
                self.result.retried += 1;
                RunEventKind::FileRequeued { of, elapsed, usage, backoff, error }
            }
            Verdict::Fail { timed_out, error } => {
                self.result.failed += 1;
                if timed_out {
                    RunEventKind::FileTimeout { of, elapsed, usage, error }
                } else {
                    RunEventKind::FileFailed { of, elapsed, usage, error }
                }
            }
            Verdict::Release => RunEventKind::FileReleased { of, elapsed, usage },
        };
        self.emit(kind);
    }

    /// Hands a claim to the orchestrator, or gives it back if nothing may start by now.
    fn hand_over(&mut self, (token, item): Claimed) {
        if self.room() == 0 {
            self.attempts.unused.push((token, AttemptRef::latest(&item)));
            return;
        }
        let attempt = self.attempt(token, &item);
        let of = AttemptRef::latest(&item);
        self.attempts.in_hand.insert(token, InHand::new(of));
        self.actions.push(Action::Start(attempt));
    }

    fn cancel(&mut self, token: ClaimToken) {
        let Some(in_hand) = self.attempts.in_hand.get_mut(&token) else { return };
        if !std::mem::replace(&mut in_hand.is_cancelled, true) {
            self.actions.push(Action::Cancel(token));
        }
    }

    fn on_recovered(&mut self, recovered: Result<Recovery, StorageError>) {
        self.operation = None;
        let recovery = match recovered {
            _ if self.recording != Recording::Possible => return,
            Ok(recovery) => recovery,
            Err(error) => return self.on_storage_error(error),
        };
        self.queue.is_swept = true;
        self.actions.extend(recovery.events().map(Action::Emit));
        self.report_withheld(recovery.unproven);
        for item in recovery.recovered.iter().map(|recovered| &recovered.item) {
            if !self.config.scope.contains(item.id) {
                continue;
            }
            if item.status == Status::Pending {
                self.queue.has_waiting = true;
                self.queue.may_have_work = true;
            } else {
                self.result.failed += 1;
            }
        }
    }

    /// Reports each run and reason once: recovery is repeated whenever the queue seems empty.
    fn report_withheld(&mut self, unproven: Vec<Unproven>) {
        for left in unproven {
            if !self.withheld.contains(&left) {
                self.withheld.push(left.clone());
                self.emit(RunEventKind::RecoveryWithheld { dead_run: left.run, reason: left.reason });
            }
        }
    }

    // What to do next, while no operation is under way.

    fn proceed(&mut self) {
        if self.phase != Phase::Working {
            return;
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
            self.begin(Operation::Count, Action::Count);
        }
    }

    /// Why the run ends whatever waits.
    fn reason_to_end(&self) -> Option<StoppedBy> {
        match self.world.stop.cause {
            _ if self.failure.is_some() => Some(StoppedBy::Error),
            Some(cause) if self.world.stop.level > StopLevel::Running => Some(StoppedBy::Request(cause)),
            _ if self.is_limit_reached => Some(StoppedBy::TooManyFailed),
            _ if self.store.is_full => Some(StoppedBy::StorageFull),
            _ => None,
        }
    }

    /// True if an exchange could claim something, or tell which attempts under way are cancelled.
    fn is_exchange_of_use(&self) -> bool {
        self.may_start() || !self.attempts.in_hand.is_empty()
    }

    fn has_exchanged(&self) -> bool {
        self.store.last_request.get() > 0
    }

    fn exchange(&mut self) {
        let request = self.request();
        self.queue.may_have_work = false;
        self.queue.is_swept = false;
        self.begin(Operation::Exchange, Action::Exchange(request));
    }

    /// Nothing runs and everything is settled: the run is over, or waits for something to fall due.
    fn rest(&mut self) {
        if self.queue.has_waiting {
            if !self.config.wait_for_backoff && !self.is_held() {
                self.wind_up_working(StoppedBy::NothingDue);
            }
        } else if self.queue.is_swept {
            self.wind_up_working(StoppedBy::QueueEmpty);
        } else {
            // What a run left that died in the meantime is this run's to finish.
            self.begin(Operation::Recover, Action::Recover);
        }
    }

    // The end.

    fn wind_up_working(&mut self, stopped_by: StoppedBy) {
        self.result.stopped_by = stopped_by;
        self.phase = Phase::Ending;
        if self.recording == Recording::LeaseLost {
            // The run is not registered any more.
            self.conclude();
        } else if self.recording != Recording::Possible {
            self.begin(Operation::Deregister, Action::Deregister);
        } else {
            self.begin(Operation::Count, Action::Count);
        }
    }

    /// Ends a run that was registered and did not start.
    fn wind_up(&mut self, error: ProcessorError) {
        self.fail(error);
        self.phase = Phase::Ending;
        self.begin(Operation::Deregister, Action::Deregister);
    }

    /// The last run to obey a stop request removes it.
    fn on_deregistered(&mut self, alive: Result<Vec<LiveRun>, StorageError>) {
        self.operation = None;
        match alive {
            Ok(alive) if alive.is_empty() && self.world.stop.level > StopLevel::Running => {
                self.begin(Operation::ClearStop, Action::ClearStop);
            }
            Ok(_) => self.conclude(),
            Err(error @ (StorageError::Busy { .. } | StorageError::Unreachable { .. })) => {
                // Everything is settled. The run ends with its process.
                self.emit(RunEventKind::StorageTrouble { error: error.to_string().into() });
                self.conclude();
            }
            Err(error) => {
                self.fail(error.into());
                self.conclude();
            }
        }
    }

    fn conclude(&mut self) {
        if self.was_started {
            self.result.remaining = self.queue.counts.pending;
            self.result.held = self.queue.counts.held;
            if self.failure.is_some() {
                self.result.stopped_by = StoppedBy::Error;
            }
            self.emit(RunEventKind::ProcessorStopped { result: self.result });
        }
        let outcome = self.failure.take().map_or(Ok(self.result), Err);
        self.end(outcome);
    }

    fn end(&mut self, outcome: Result<ProcessingResult, ProcessorError>) {
        self.phase = Phase::Ending;
        self.actions.push(Action::End(outcome));
    }

    /// When nothing else happens, when to look again.
    fn wakeup(&self) -> Wakeup {
        let judge_at =
            self.attempts.undecided.iter().map(|undecided| undecided.since.saturating_add(STOP_IS_KNOWN_WITHIN));
        let judge_at = judge_at.min();
        if self.operation.is_some() || self.phase != Phase::Working || self.recording != Recording::Possible {
            return Wakeup { at: judge_at, on_change: false };
        }
        let work_at: Option<Timestamp> = match self.store.retry_at {
            Some(until) if self.is_store_resting() => Some(until),
            _ if self.room() > 0 => self.queue.next_due,
            _ => None,
        };
        let on_change = !self.is_store_resting() && (self.may_start() || !self.attempts.in_hand.is_empty());
        Wakeup { at: [judge_at, work_at].into_iter().flatten().min(), on_change }
    }
}

fn cancelled_verdict() -> Verdict {
    Verdict::Fail { timed_out: false, error: CANCELLED.into() }
}

/// True if an attempt, or the step that it failed with, ended by a signal that asks a process to end:
/// SIGHUP, SIGINT or SIGTERM, which have these numbers everywhere (POSIX, the `kill` utility).
///
/// Whatever ends a run in this way often sends the same signal to the command: a service manager to
/// every process of the service, a terminal to its foreground group. Then it is a stop and no fault
/// of the file.
fn may_be_of_a_stop(outcome: &AttemptOutcome) -> bool {
    matches!(outcome.root_cause(), AttemptOutcome::Signalled { signal: 1 | 2 | 15 })
}
