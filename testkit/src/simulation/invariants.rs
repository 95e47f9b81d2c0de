//! The invariants checked at every step of a simulation.

use std::time::Duration;

use autoproc_domain::fingerprint::Completion;
use autoproc_domain::item::{AttemptNumber, ClaimToken};
use autoproc_domain::ports::{Attempt, AttemptOutcome, RunEventKind, StopLevel, StorageError};
use autoproc_domain::recovery::Recovery;
use autoproc_domain::request::{ExchangeRequest, Settlement, Verdict};
use autoproc_domain::view::Exchanged;
use autoproc_domain::{Status, Timestamp};

use super::attempts::Recorded;
use super::holds;
use super::run::SimulatedRun;
use super::snapshot::Seen;
use super::world::World;

const MAX_IDLENESS: Duration = Duration::from_secs(3);
const MAX_CANCELLATION: Duration = Duration::from_secs(8);
/// After a signal ends an attempt, the run waits this long for a stop request.
const STOP_IS_KNOWN_WITHIN: Duration = Duration::from_millis(500);

impl World {
    pub(super) fn check_request(&self, run: usize, request: &ExchangeRequest) -> Result<(), String> {
        let asking = &self.runs[run];
        let is_allowed = !asking.knows_of_lost_lease;
        holds(is_allowed, || format!("{} claims or settles after it lost its lease", asking.id))?;
        holds(request.scope == asking.config.scope, || format!("{} left its scope", asking.id))?;
        let may_claim = asking.config.failure_limit.is_none() || !asking.is_limit_reached;
        holds(may_claim || request.limit == 0, || format!("{} claims after its failure limit", asking.id))?;
        let is_repeated = asking.last_exchange.as_ref().is_some_and(|last| last.id == request.id);
        if is_repeated {
            let is_same = asking.last_exchange.as_ref() == Some(request);
            return holds(is_same, || format!("{} changed an unanswered request: {request:?}", asking.id));
        }
        request.settlements.iter().try_for_each(|settlement| self.check_settlement(asking, settlement))
    }

    fn check_settlement(&self, run: &SimulatedRun, settlement: &Settlement) -> Result<(), String> {
        let Settlement { token, verdict } = settlement;
        let Some(attempt) = self.attempt_of(*token).map(|attempt| &self.attempts[attempt]) else {
            let is_queued = run.orchestrator.queued.iter().any(|queued| queued.token == *token);
            let is_right = *verdict == Verdict::Release && !is_queued;
            return holds(is_right, || format!("{} settles what never began: {settlement:?}", run.id));
        };
        let (Some(outcome), Some(known_at)) = (attempt.known_outcome(), attempt.known_at) else {
            return Err(format!("{} settles what has not ended: {settlement:?}, {attempt:?}", run.id));
        };
        let is_right = if run.cancelled.contains(token) && *outcome != AttemptOutcome::Succeeded {
            // The run may have decided the verdict before it was informed of the cancellation.
            matches!(verdict, Verdict::Fail { .. }) || self.is_judged_right(run, attempt, outcome, known_at, verdict)
        } else {
            self.is_judged_right(run, attempt, outcome, known_at, verdict)
        };
        holds(is_right, || format!("{} judges wrongly: {verdict:?} of {attempt:?}", run.id))
    }

    fn is_judged_right(
        &self,
        run: &SimulatedRun,
        attempt: &super::attempts::AttemptTruth,
        outcome: &AttemptOutcome,
        known_at: Duration,
        verdict: &Verdict,
    ) -> bool {
        if matches!(outcome, AttemptOutcome::Signalled { signal: 1 | 2 | 15 }) {
            let was_in_time = run.stop_known_at.is_some_and(|stopped| stopped <= known_at + STOP_IS_KNOWN_WITHIN);
            let has_waited = self.now >= known_at + STOP_IS_KNOWN_WITHIN || self.clock_was_set;
            match verdict {
                Verdict::Release if run.stop_known_at.is_some() => return true,
                _ if !has_waited || (was_in_time && !self.clock_was_set) => return false,
                _ => {}
            }
        }
        if let Some(is_right) = self.is_lack_judged_right(attempt, outcome, verdict) {
            return is_right;
        }
        let by_number = |number| self.is_judged_right_by(number, attempt, outcome, verdict);
        self.is_given_back(attempt, outcome, verdict) || self.numbers(attempt).any(by_number)
    }

    fn is_judged_right_by(
        &self,
        number: AttemptNumber,
        attempt: &super::attempts::AttemptTruth,
        outcome: &AttemptOutcome,
        verdict: &Verdict,
    ) -> bool {
        let fingerprint = attempt.fingerprint;
        let completion = Completion { fingerprint, recipe: self.plan.recipe };
        match (self.plan.retry.judge(outcome, number), verdict) {
            (Verdict::Complete(_), Verdict::Complete(found)) => *found == completion,
            (Verdict::Retry { backoff: wanted, .. }, Verdict::Retry { backoff, .. }) => wanted == *backoff,
            (Verdict::Fail { timed_out: wanted, .. }, Verdict::Fail { timed_out, .. }) => wanted == *timed_out,
            (Verdict::Release, Verdict::Release) => true,
            _ => false,
        }
    }

    pub(super) fn check_start(&mut self, run: usize, attempt: &Attempt) -> Result<(), String> {
        self.check_probe(run, attempt)?;
        self.may_start(run, attempt, "hands over")?;
        self.check_quiet(run, attempt)?;
        let is_early = self.clock_was_set || self.runs[run].config.until.is_none_or(|until| self.wall() < until);
        holds(is_early, || format!("{} hands over an attempt too late: {attempt:?}", self.runs[run].id))?;
        let orchestrator = &self.runs[run].orchestrator;
        let has_room = orchestrator.in_hand() < self.runs[run].known_capacity;
        holds(has_room, || format!("{} hands over more than the orchestrator takes: {attempt:?}", self.runs[run].id))
    }

    fn may_start(&self, run: usize, attempt: &Attempt, doing: &str) -> Result<(), String> {
        let run = &self.runs[run];
        let objection = |why: &str| format!("{} {doing} an attempt {why}: {attempt:?}", run.id);
        holds(!run.is_stopping(), || objection("after it was asked to stop"))?;
        holds(run.known_pressure.is_none(), || objection("while starts are held"))?;
        holds(!run.knows_of_lost_lease, || objection("after it lost its lease"))?;
        holds(!run.is_limit_reached, || objection("after its failure limit"))?;
        let is_right = attempt.timeout == self.plan.timeout
            && attempt.number.get() <= self.plan.retry.max_attempts() + self.granted();
        holds(is_right, || objection("that is not planned"))
    }

    /// Checks that an attempt may begin. Returns the index of its file.
    pub(super) fn check_begin(&self, run: usize, attempt: &Attempt) -> Result<usize, String> {
        self.may_start(run, attempt, "begins")?;
        let file = self.file_of(attempt.token.item).ok_or_else(|| format!("an unknown file: {attempt:?}"))?;
        let truth = &self.files[file];
        let is_alone = truth.at_work.is_none();
        holds(is_alone, || {
            let other = truth.at_work.map(|other| &self.attempts[other]);
            format!("two attempts of one item at the same time: {attempt:?} and {other:?}")
        })?;
        let is_late_enough = self.clock_was_set || truth.backoff_until <= self.now;
        holds(is_late_enough, || format!("an attempt began before its backoff was over: {attempt:?}"))?;
        let is_new = truth.ended_round < attempt.round;
        holds(is_new, || format!("a round that had ended was started again: {attempt:?}"))?;
        Ok(file)
    }

    pub(super) fn check_jobs(&self, run: usize) -> Result<(), String> {
        let (at_work, jobs) = (self.runs[run].orchestrator.at_work.len(), self.plan.jobs.get());
        holds(at_work <= jobs, || format!("{at_work} attempts at the same time, and {jobs} allowed"))
    }

    /// Checks that a run cancels each attempt that the store has reported as cancelled.
    pub(super) fn check_cancellations(&self, run: usize, cancelled: &[ClaimToken]) -> Result<(), String> {
        let run = &self.runs[run];
        let is_in_hand = |token: &ClaimToken| {
            let is_at_work = |attempt: &usize| self.attempts[*attempt].token == *token;
            run.orchestrator.queued.iter().any(|queued| queued.token == *token)
                || run.orchestrator.at_work.iter().any(is_at_work)
        };
        let left = cancelled.iter().find(|token| is_in_hand(token) && !run.cancels_ordered.contains(token));
        let is_over = !run.is_alive() || run.knows_of_lost_lease;
        holds(left.is_none() || is_over, || format!("{} lets a cancelled attempt go on: {left:?}", run.id))
    }

    pub(super) fn check_abort(&self, run: usize) -> Result<(), String> {
        let run = &self.runs[run];
        let is_at_rest = run.orchestrator.in_hand() == 0 || !run.is_alive();
        holds(is_at_rest || run.was_aborted, || format!("{} works on after it lost its lease", run.id))
    }

    pub(super) fn check_cancelled_attempts(&self, until: Duration) -> Result<(), String> {
        for attempt in self.files.iter().filter_map(|file| Some((file.cancelled_at?, &self.attempts[file.at_work?]))) {
            let (cancelled_at, attempt) = attempt;
            let run = &self.runs[attempt.run];
            let is_reachable = run.is_alive() && !run.was_cut_off && run.troubles == 0 && !run.has_failed;
            let is_soon = until.saturating_sub(cancelled_at) <= MAX_CANCELLATION;
            holds(is_soon || !is_reachable, || format!("{} lets a cancelled attempt go on: {attempt:?}", run.id))?;
        }
        Ok(())
    }

    /// Checks that no due item waits while a run has free capacity.
    pub(super) fn check_idleness(&mut self, until: Duration) -> Result<(), String> {
        for index in 0..self.runs.len() {
            let is_free = self.runs[index].pending.is_none() && self.is_able_to_claim(index);
            let due_at = is_free.then(|| self.due_in_scope(index)).flatten();
            let Some((file, due_at)) = due_at else {
                self.runs[index].idle_since = None;
                continue;
            };
            let since = *self.runs[index].idle_since.get_or_insert(self.now.max(due_at));
            let is_soon = until.saturating_sub(since) <= MAX_IDLENESS;
            holds(is_soon, || {
                let truth = &self.files[file];
                format!(
                    "{} is idle at {until:?} while file {file} is due: {truth:?}, {:?}",
                    self.runs[index].id, self.queue
                )
            })?;
        }
        Ok(())
    }

    pub(super) fn is_able_to_claim(&self, run: usize) -> bool {
        let run = &self.runs[run];
        run.is_alive()
            && run.is_working
            && !run.is_stopping()
            && !run.has_failed
            && !run.knows_of_lost_lease
            && !run.is_limit_reached
            && !run.is_cut_off
            && !self.is_full
            && run.known_pressure.is_none()
            && self.pressures == 0
            && run.orchestrator.in_hand() < self.plan.jobs.get()
            && !self.may_hold_starts(run)
            && run.config.until.is_none_or(|until| !self.clock_was_set && self.wall() < until)
    }

    fn due_in_scope(&self, run: usize) -> Option<(usize, Duration)> {
        let scope = &self.runs[run].config.scope;
        let is_due = |truth: &super::world::FileTruth| {
            truth.waiting_since.is_some() && truth.due_at <= self.now && truth.id.is_some_and(|id| scope.contains(id))
        };
        let file = self.files.iter().position(is_due)?;
        Some((file, self.files[file].due_at.max(self.files[file].waiting_since?)))
    }
}

impl World {
    pub(super) fn check_exchange(
        &mut self,
        run: usize,
        request: &ExchangeRequest,
        asked_at: Timestamp,
        before: Option<&[Seen]>,
        answer: &Result<Exchanged, StorageError>,
    ) -> Result<(), String> {
        let Some(before) = before else {
            return self.check_answer(run, request, answer, &[]);
        };
        let id = self.runs[run].id.clone();
        let settled: Vec<_> = before
            .iter()
            .filter_map(|seen| {
                let settled = |settlement: &&Settlement| seen.is_claimed_by(settlement.token, &id);
                let settlement = request.settlements.iter().find(settled)?;
                let is_settled = !self.queue.iter().any(|after| after.is_claimed_by(settlement.token, &id));
                is_settled.then_some(settlement)
            })
            .collect();
        let token_before = |seen: &Seen| before.iter().find(|earlier| earlier.id == seen.id).and_then(Seen::token);
        let is_new_claim = |seen: &&Seen| {
            seen.claim.as_ref().is_some_and(|(_, holder, _)| *holder == id) && seen.token() != token_before(seen)
        };
        let claimed: Vec<_> = self.queue.iter().filter(is_new_claim).collect();
        let is_done = !settled.is_empty() || !claimed.is_empty();
        let is_fenced = !self.runs[run].has_lost_its_lease || (!is_done && answer.is_err());
        holds(is_fenced, || format!("the store served {id}, whose lease is over: {request:?}"))?;
        holds(claimed.len() <= request.limit, || format!("{} claims, and {} allowed", claimed.len(), request.limit))?;
        self.check_claims(request, asked_at, before, &settled, &claimed)?;
        self.check_answer(run, request, answer, &claimed)?;
        self.record(run, asked_at, &settled);
        Ok(())
    }

    fn check_claims(
        &self,
        request: &ExchangeRequest,
        asked_at: Timestamp,
        before: &[Seen],
        settled: &[&Settlement],
        claimed: &[&Seen],
    ) -> Result<(), String> {
        let is_due_again = |seen: &Seen| {
            let settlement = settled.iter().find(|settlement| settlement.token.item == seen.id);
            let is_cancelled = seen.claim.as_ref().is_some_and(|(_, _, is_cancelled)| *is_cancelled);
            settlement.is_some_and(|settlement| match &settlement.verdict {
                Verdict::Retry { backoff, .. } => backoff.is_zero() && !is_cancelled,
                Verdict::Release => !is_cancelled,
                Verdict::Complete(_) | Verdict::Fail { .. } => false,
            })
        };
        let is_claimable =
            |seen: &&Seen| request.scope.contains(seen.id) && (seen.is_claimable(asked_at) || is_due_again(seen));
        let claimable: Vec<_> = before.iter().filter(is_claimable).collect();
        let is_claimed = |seen: &Seen| claimed.iter().any(|claimed| claimed.id == seen.id);
        for claimed in claimed {
            let known = claimable.iter().find(|seen| seen.id == claimed.id);
            holds(known.is_some(), || {
                let earlier = before.iter().find(|seen| seen.id == claimed.id);
                format!("an item was claimed that must not be: {earlier:?}, by {request:?} at {asked_at:?}")
            })?;
            let passed_over = claimable.iter().find(|seen| seen.key < claimed.key && !is_claimed(seen));
            holds(passed_over.is_none(), || format!("an item was passed over: {passed_over:?} for {claimed:?}"))?;
            let is_cancelled =
                self.file_of(claimed.id).is_some_and(|file| self.files[file].cancelled_round == claimed.round);
            holds(!is_cancelled, || format!("a cancelled item was claimed: {claimed:?}"))?;
        }
        Ok(())
    }

    fn check_answer(
        &self,
        run: usize,
        request: &ExchangeRequest,
        answer: &Result<Exchanged, StorageError>,
        claimed: &[&Seen],
    ) -> Result<(), String> {
        let Ok(answer) = answer else { return Ok(()) };
        let id = &self.runs[run].id;
        holds(answer.stale.is_empty(), || format!("the living run {id} lost a claim: {:?}", answer.stale))?;
        let is_repeated = self.runs[run].last_exchange.as_ref().is_some_and(|last| last.id == request.id);
        for (token, _) in answer.claims.iter().filter(|_| !is_repeated) {
            let is_true = claimed.iter().any(|seen| seen.token() == Some(*token));
            holds(is_true, || format!("the answer to {id} contains a claim that the store did not make: {token:?}"))?;
        }
        Ok(())
    }

    fn record(&mut self, run: usize, asked_at: Timestamp, settled: &[&Settlement]) {
        for settlement in settled {
            let item = settlement.token.item;
            let status = self.queue.iter().find(|seen| seen.id == item).map(|seen| seen.status);
            let recorded = match &settlement.verdict {
                Verdict::Complete(_) => Recorded::Completed,
                Verdict::Fail { .. } => Recorded::Failed,
                // The item was cancelled, so the settlement made it fail.
                Verdict::Retry { .. } | Verdict::Release if status == Some(Status::Failed) => Recorded::Failed,
                Verdict::Retry { .. } => Recorded::Retried,
                Verdict::Release => Recorded::Released,
            };
            let tally = &mut self.runs[run].recorded;
            match recorded {
                Recorded::Completed => tally.completed += 1,
                Recorded::Failed => tally.failed += 1,
                Recorded::Retried => tally.retried += 1,
                Recorded::Released => {}
            }
            if let Some(attempt) = self.attempt_of(settlement.token) {
                let truth = &mut self.attempts[attempt];
                truth.recorded = Some(recorded);
                if truth.is_struck && matches!(recorded, Recorded::Failed | Recorded::Retried) {
                    self.files[truth.file].struck_round = truth.round;
                }
            }
            if let (Verdict::Retry { backoff, .. }, Some(file)) = (&settlement.verdict, self.file_of(item)) {
                // The backoff starts at the time of the request, not of the transaction.
                let since_asked = self.wall().saturating_since(asked_at);
                let is_pending = status == Some(Status::Pending);
                self.files[file].backoff_until =
                    if is_pending { (self.now + *backoff).saturating_sub(since_asked) } else { self.now };
            }
        }
    }

    /// Checks that an item is recovered only after its attempt has ended.
    pub(super) fn check_recovery(&mut self, run: usize, recovery: &Recovery) -> Result<(), String> {
        for recovered in &recovery.recovered {
            let Some(file) = self.file_of(recovered.item.id) else { continue };
            let at_work = self.files[file].at_work.map(|attempt| &self.attempts[attempt]);
            holds(at_work.is_none(), || format!("an item was recovered while its attempt is at work: {at_work:?}"))?;
            let dead = self.run_of(&recovered.dead_run);
            let is_far = dead.is_some_and(|dead| self.runs[dead].host != self.runs[run].host);
            self.summary.far_recoveries += usize::from(is_far);
        }
        Ok(())
    }

    pub(super) fn check_event(&mut self, run: usize, kind: &RunEventKind) -> Result<(), String> {
        match kind {
            RunEventKind::ProcessorStarted { .. } => self.runs[run].is_working = true,
            RunEventKind::StopRequested { .. } => self.runs[run].was_stopped = true,
            RunEventKind::StartsHeld { reason, probe_at } => {
                self.summary.pressures += 1;
                self.note_pause(run, reason, *probe_at)?;
            }
            RunEventKind::StartsResumed { .. } => self.runs[run].pausing.end(),
            RunEventKind::RecoveryWithheld { .. } => self.summary.withheld += 1,
            RunEventKind::StorageTrouble { .. } => self.summary.troubles += 1,
            RunEventKind::ResultDiscarded { of } => {
                return Err(format!("the living run {} lost a claim: {of:?}", self.runs[run].id));
            }
            RunEventKind::FileRecovered { of, requeued, .. } => {
                self.summary.recoveries += 1;
                let is_counted = !requeued && self.runs[run].config.scope.contains(of.id);
                self.runs[run].reported.failed += u64::from(is_counted);
                self.runs[run].recorded.failed += u64::from(is_counted);
            }
            RunEventKind::FileStarted { of, size_bytes, recipe } => {
                let attempt = self.attempt_reported(run, kind)?;
                let truth = &mut self.attempts[attempt];
                let is_right = !truth.is_start_reported
                    && *size_bytes == truth.fingerprint.map(|fingerprint| fingerprint.size)
                    && *recipe == self.plan.recipe
                    && (of.round, of.attempt) == (truth.round, truth.number);
                truth.is_start_reported = true;
                return holds(is_right, || format!("a start is reported wrongly: {kind:?}"));
            }
            RunEventKind::FileCompleted { .. } => {
                self.runs[run].reported.completed += 1;
                self.check_result(run, kind, Recorded::Completed)?;
            }
            RunEventKind::FileRequeued { .. } => {
                self.runs[run].reported.retried += 1;
                self.check_result(run, kind, Recorded::Retried)?;
            }
            RunEventKind::FileFailed { .. } | RunEventKind::FileTimeout { .. } => {
                self.runs[run].reported.failed += 1;
                self.check_result(run, kind, Recorded::Failed)?;
            }
            RunEventKind::FileReleased { .. } => {
                self.summary.releases += 1;
                self.check_result(run, kind, Recorded::Released)?;
            }
            RunEventKind::StopSignalCleared
            | RunEventKind::ProcessorPaused
            | RunEventKind::ProcessorResumed
            | RunEventKind::Progress { .. }
            | RunEventKind::ProcessorStopped { .. } => {}
        }
        let run = &mut self.runs[run];
        let limit = run.config.failure_limit;
        run.is_limit_reached |=
            limit.is_some_and(|limit| limit.is_reached(run.reported.completed, run.reported.failed));
        Ok(())
    }

    fn check_result(&mut self, run: usize, kind: &RunEventKind, recorded: Recorded) -> Result<(), String> {
        if self.is_cancelled_before_its_attempt(kind) {
            return Ok(());
        }
        let attempt = self.attempt_reported(run, kind)?;
        let truth = &mut self.attempts[attempt];
        let is_first = !std::mem::replace(&mut truth.is_end_reported, true);
        let is_true = truth.recorded == Some(recorded) && truth.is_start_reported;
        holds(is_true, || format!("what is reported is not recorded: {kind:?}, {truth:?}"))?;
        holds(is_first, || format!("a result is reported twice: {kind:?}"))
    }

    fn is_cancelled_before_its_attempt(&self, kind: &RunEventKind) -> bool {
        let RunEventKind::FileFailed { of, error, .. } = kind else { return false };
        let token = of.claim.map(|number| ClaimToken { item: of.id, number });
        let has_begun = token.is_none_or(|token| self.attempt_of(token).is_some());
        let is_failed = self.queue.iter().any(|seen| seen.id == of.id && seen.status == Status::Failed);
        !has_begun && is_failed && &**error == "cancelled"
    }

    fn attempt_reported(&self, run: usize, kind: &RunEventKind) -> Result<usize, String> {
        let of = kind.attempt().ok_or_else(|| format!("no attempt: {kind:?}"))?;
        let number = of.claim.ok_or_else(|| format!("no claim: {kind:?}"))?;
        let attempt = self.attempt_of(ClaimToken { item: of.id, number });
        let attempt = attempt.filter(|attempt| self.attempts[*attempt].run == run);
        attempt.ok_or_else(|| format!("an attempt that never began is reported: {kind:?}"))
    }

    pub(super) fn stop_bound(&self, run: usize, level: StopLevel) -> Duration {
        let running = if level == StopLevel::Draining { self.plan.timeout } else { Duration::ZERO };
        let asking_again = Duration::from_millis(1500) * self.runs[run].troubles;
        running + asking_again + Duration::from_secs(10)
    }
}
