//! Handles the progress of attempts, and decides their verdicts.

use crate::attempt::{AttemptOutcome, AttemptProgress, AttemptReport, LostAttempt};
use crate::failure::CANCELLED;
use crate::fingerprint::{Completion, has_changed};
use crate::item::ClaimToken;
use crate::ports::RunEventKind;
use crate::request::Verdict;
use crate::run::start_hold::Lack;
use crate::run::state::{InHand, Judged, RunState, STOP_IS_KNOWN_WITHIN, Undecided};
use crate::stop::StopLevel;

impl RunState {
    pub(super) fn on_progress(&mut self, token: ClaimToken, progress: AttemptProgress) {
        match progress {
            AttemptProgress::Started { fingerprint } => {
                let Some(in_hand) = self.attempts.in_hand.get_mut(&token) else { return };
                self.started += 1;
                (in_hand.has_started, in_hand.fingerprint, in_hand.serial) = (true, fingerprint, self.started);
                let of = in_hand.of.clone();
                self.starts.on_started(token, self.running(), self.now);
                self.breaker.on_started(token, self.now);
                let size_bytes = fingerprint.map(|fingerprint| fingerprint.size);
                self.emit(RunEventKind::FileStarted { of, size_bytes, recipe: self.config.recipe });
            }
            AttemptProgress::NotStarted { shortage } => self.on_not_started(token, shortage),
            AttemptProgress::Lost(lost) => self.on_lost(token, lost),
            AttemptProgress::Ended(report) => self.on_ended(token, report),
        }
    }

    fn on_not_started(&mut self, token: ClaimToken, shortage: Option<Box<str>>) {
        let Some(in_hand) = self.attempts.in_hand.remove(&token) else { return };
        self.breaker.on_no_proof(token);
        match shortage {
            Some(reason) => self.hold_starts(Lack::Resource, reason, token),
            None => self.starts.on_no_proof(token),
        }
        if self.recording.keeps_results() {
            self.attempts.unused.push((token, in_hand.of));
        }
    }

    fn on_lost(&mut self, token: ClaimToken, lost: LostAttempt) {
        self.attempts.in_hand.remove(&token);
        self.fail(lost.into());
    }

    fn on_ended(&mut self, token: ClaimToken, report: AttemptReport) {
        let Some(in_hand) = self.attempts.in_hand.remove(&token) else { return };
        if !self.recording.keeps_results() {
            return;
        }
        let undecided = Undecided { token, in_hand, report, since: self.now };
        if may_be_of_a_stop(&undecided.report.outcome) {
            self.attempts.undecided.push(undecided);
        } else {
            self.judge(undecided);
        }
    }

    /// A signal shortly before a stop request belongs to the stop.
    pub(super) fn judge_undecided(&mut self) {
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
        let lack = self.lack_behind(&in_hand, &report.outcome);
        let verdict = if lack.is_some() { Verdict::Release } else { self.verdict(&in_hand, &report) };
        match lack {
            Some(lack) => self.on_lack(lack, token, &in_hand.of, &report),
            None => self.on_worked(token, &in_hand, &report.outcome, &verdict),
        }
        if let (Verdict::Complete(_), Some(fingerprint)) = (&verdict, in_hand.fingerprint)
            && self.config.uses_forecasts()
        {
            self.forecast.record(&in_hand.of.file_path, fingerprint.size, report.elapsed);
        }
        let AttemptReport { outcome, elapsed, usage, input_after, .. } = report;
        let input_changed = !self.config.edits_files && has_changed(in_hand.fingerprint, input_after);
        let judged = Judged { token, of: in_hand.of, elapsed, usage, input_changed, verdict };
        match lack {
            Some(Lack::Program | Lack::Input) => self.attempts.suspects.push(judged),
            Some(Lack::Resource) => self.attempts.judged.push(judged),
            None => self.on_verdict(judged, (in_hand.serial, in_hand.is_cancelled), &outcome),
        }
    }

    fn verdict(&self, in_hand: &InHand, report: &AttemptReport) -> Verdict {
        let outcome = &report.outcome;
        if in_hand.is_cancelled && *outcome != AttemptOutcome::Succeeded {
            return cancelled_verdict();
        }
        if may_be_of_a_stop(outcome) && self.world.stop.level > StopLevel::Running {
            return Verdict::Release;
        }
        let edited = report.input_after.filter(|_| self.config.edits_files);
        let fingerprint = edited.or(in_hand.fingerprint);
        match self.config.retry.judge(outcome, self.counted_attempt(&in_hand.of)) {
            Verdict::Complete(_) => Verdict::Complete(Completion { fingerprint, recipe: self.config.recipe }),
            verdict => self.with_wait(verdict.with_error(report.error()), in_hand),
        }
    }

    fn with_wait(&self, verdict: Verdict, in_hand: &InHand) -> Verdict {
        match (verdict, &self.config.backoff_rules) {
            (Verdict::Retry { backoff, error }, Some(rules)) => {
                let attempt = self.counted_attempt(&in_hand.of);
                let backoff = rules.wait(&error, &in_hand.of.file_path, attempt, backoff);
                Verdict::Retry { backoff, error }
            }
            (verdict, _) => verdict,
        }
    }

    /// Also counts results that are not recorded yet, because the next attempt may start before
    /// they are recorded.
    pub(super) fn check_failure_limit(&mut self) {
        let Some(limit) = self.config.failure_limit else { return };
        let kept = || self.attempts.kept.iter().map(|kept| &kept.judged);
        let settled = || self.attempts.judged.iter().chain(&self.attempts.settling);
        let open = || settled().chain(kept()).map(|judged| &judged.verdict);
        let processed = open().filter(|verdict| matches!(verdict, Verdict::Complete(_))).count() as u64;
        let failed = open().filter(|verdict| matches!(verdict, Verdict::Fail { .. })).count() as u64;
        self.reached.failure_limit |= limit.is_reached(self.result.processed + processed, self.result.failed + failed);
    }
}

pub(super) fn cancelled_verdict() -> Verdict {
    Verdict::Fail { timed_out: false, error: CANCELLED.into() }
}

/// True for SIGHUP, SIGINT and SIGTERM (numbers from POSIX, the `kill` utility).
///
/// A terminal or a service manager often signals both the command and the run.
fn may_be_of_a_stop(outcome: &AttemptOutcome) -> bool {
    matches!(outcome.root_cause(), AttemptOutcome::Signalled { signal: 1 | 2 | 15 })
}
