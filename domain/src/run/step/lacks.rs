//! Handles attempts that failed because the machine lacks something.
//!
//! Such an attempt does not count for its file, and starts are held (`start_hold.rs`).
//!
//! A missing program or folder may concern only one file. So the failed attempt becomes a
//! *suspect*: its claim is kept, and another file becomes the probe. If other files succeed and the
//! suspect's file fails in this way again, the failure counts.

use crate::attempt::{AttemptOutcome, AttemptRef, AttemptReport, StartFault};
use crate::failure;
use crate::item::{ClaimToken, ItemId};
use crate::request::Verdict;
use crate::retry::RetryPolicy;
use crate::run::start_hold::Lack;
use crate::run::state::{InHand, RunState};
use crate::run_info::StoppedBy;

impl RunState {
    pub(super) fn running(&self) -> usize {
        self.attempts.in_hand.values().filter(|in_hand| in_hand.has_started).count()
    }

    /// If the attempt failed because the machine lacked something, returns what it lacked.
    pub(super) fn lack_behind(&self, in_hand: &InHand, outcome: &AttemptOutcome) -> Option<Lack> {
        match outcome.root_cause() {
            _ if in_hand.is_cancelled => None,
            AttemptOutcome::CannotStart { fault: StartFault::Shortage, .. } => Some(Lack::Resource),
            _ if self.config.program_wait.is_zero() || self.is_own_fault(in_hand.of.id) => None,
            _ => self.missing_behind(in_hand, outcome),
        }
    }

    fn missing_behind(&self, in_hand: &InHand, outcome: &AttemptOutcome) -> Option<Lack> {
        let verdict = self.config.retry.judge(outcome, in_hand.of.attempt);
        if matches!(outcome.root_cause(), AttemptOutcome::InputAway { .. }) {
            return (!matches!(verdict, Verdict::Complete(_))).then_some(Lack::Input);
        }
        let is_missed = RetryPolicy::names_missing_program(outcome) && matches!(verdict, Verdict::Fail { .. });
        (is_missed && self.has_worked(outcome)).then_some(Lack::Program)
    }

    /// The start of a wrapper does not prove that its program was there.
    fn has_worked(&self, outcome: &AttemptOutcome) -> bool {
        match outcome {
            AttemptOutcome::CannotStart { .. } => self.program.has_started,
            _ => self.program.has_succeeded,
        }
    }

    fn is_own_fault(&self, item: ItemId) -> bool {
        self.program.doubts.get(&item).is_some_and(|started| self.program.last_success > *started)
    }

    pub(super) fn on_lack(&mut self, lack: Lack, token: ClaimToken, of: &AttemptRef, report: &AttemptReport) {
        self.breaker.on_no_proof(token);
        let error = report.error();
        let reason = failure::first_line(&error);
        let reason = match lack {
            Lack::Resource => reason.to_owned(),
            Lack::Program => format!("a program that worked before is missing: {reason}"),
            Lack::Input => {
                let folder = of.file_path.as_path().parent().unwrap_or(of.file_path.as_path());
                format!("the folder {} is missing", folder.display())
            }
        };
        if lack != Lack::Resource {
            self.program.doubts.insert(of.id, self.started);
        }
        self.hold_starts(lack, reason.into(), token);
    }

    pub(super) fn hold_starts(&mut self, lack: Lack, reason: Box<str>, token: ClaimToken) {
        let extent = (self.running(), self.started);
        self.is_recall_due |= self.starts.on_lack(lack, reason, token, extent, self.now);
    }

    /// Handles the end of an attempt without a [`Lack`].
    pub(super) fn on_worked(
        &mut self,
        token: ClaimToken,
        in_hand: &InHand,
        outcome: &AttemptOutcome,
        verdict: &Verdict,
    ) {
        match outcome.root_cause() {
            AttemptOutcome::Aborted => return self.starts.on_no_proof(token),
            AttemptOutcome::CannotStart { .. } => {}
            _ => self.program.has_started = true,
        }
        if matches!(verdict, Verdict::Complete(_)) {
            self.program.has_succeeded = true;
            self.program.last_success = self.program.last_success.max(in_hand.serial);
            self.program.doubts.remove(&in_hand.of.id);
        }
        if self.missed_again(outcome, verdict) {
            // The attempt counts as a failure of its file, but does not prove that the program is
            // there.
            return self.starts.on_no_proof(token);
        }
        self.starts.on_ended(token, in_hand.serial);
    }

    fn missed_again(&self, outcome: &AttemptOutcome, verdict: &Verdict) -> bool {
        let is_away = matches!(outcome.root_cause(), AttemptOutcome::InputAway { .. });
        let is_held = matches!(self.starts.lack(), Some(Lack::Program | Lack::Input));
        is_held && !matches!(verdict, Verdict::Complete(_)) && (is_away || RetryPolicy::names_missing_program(outcome))
    }

    /// Gives up on a missing program or folder after `program_wait`.
    pub(super) fn check_starts(&mut self) {
        self.queue.may_have_work |= self.starts.tick(self.config.program_wait, self.now);
        let undecided = self.attempts.undecided.iter().map(|undecided| &undecided.in_hand);
        let is_proving =
            self.attempts.in_hand.values().chain(undecided).any(|in_hand| self.starts.may_prove(in_hand.serial));
        if !is_proving && self.starts.is_over_due(self.config.program_wait, self.now) {
            let is_input = self.starts.lack() == Some(Lack::Input);
            let reason = if is_input { StoppedBy::InputMissing } else { StoppedBy::ProgramMissing };
            self.program.given_up.get_or_insert(reason);
        }
        if !matches!(self.starts.lack(), Some(Lack::Program | Lack::Input)) || !self.may_start() {
            self.release_suspects();
        }
    }

    /// Releases the suspects if no other file can become the probe.
    pub(super) fn offer_suspects(&mut self, has_no_claims: bool) {
        if has_no_claims && self.store.last_limit > 0 && self.starts.is_probe_due() {
            self.release_suspects();
        }
    }

    fn release_suspects(&mut self) {
        let mut suspects = std::mem::take(&mut self.attempts.suspects);
        self.attempts.judged.append(&mut suspects);
    }
}
