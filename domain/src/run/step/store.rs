//! Handles the store's answers, including errors.

use std::time::Duration;

use super::attempts::cancelled_verdict;
use crate::attempt::AttemptRef;
use crate::item::{ClaimToken, Status};
use crate::ports::{RunEventKind, StorageError};
use crate::recovery::Recovery;
use crate::request::Verdict;
use crate::run::Action;
use crate::run::state::{Attempts, InHand, Judged, Operation, Phase, RETRY_STORE_AFTER, Recording, RunState};
use crate::run_info::Unproven;
use crate::stop::StopLevel;
use crate::view::{Claimed, Exchanged};

impl RunState {
    pub(super) fn exchange(&mut self) {
        let request = self.request();
        self.queue.may_have_work = false;
        self.queue.is_swept = false;
        self.begin(Operation::Exchange, Action::Exchange(request));
    }

    pub(super) fn on_exchanged(&mut self, exchanged: Result<Exchanged, StorageError>) {
        self.operation = None;
        let is_repeated = self.store.is_unanswered;
        self.store.is_unanswered = match &exchanged {
            Err(StorageError::Unreachable { .. }) => true,
            // The store did not process this request. If it was a repetition, the outcome of the
            // first request is still unknown.
            Err(StorageError::Busy { .. }) => is_repeated,
            _ => false,
        };
        // The answer to a repeated request shows the queue as it was at the first request, so items
        // may have become claimable since.
        self.queue.may_have_work |= is_repeated;
        match exchanged {
            _ if self.recording != Recording::Possible => {}
            Ok(exchanged) => self.record(exchanged),
            Err(error) => self.on_exchange_failed(error),
        }
    }

    fn on_exchange_failed(&mut self, error: StorageError) {
        if !self.store.is_unanswered {
            // The exchange was not committed. The next exchange repeats the settlements of this
            // one, followed by newer settlements.
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

    fn record(&mut self, exchanged: Exchanged) {
        let Exchanged { claims, stale, cancelled, next_due, has_waiting } = exchanged;
        for (token, of) in std::mem::take(&mut self.attempts.releasing) {
            if cancelled.contains(&token) {
                self.report_result(Judged {
                    token,
                    of,
                    elapsed: Duration::ZERO,
                    usage: None,
                    input_changed: false,
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
        // Files that the answer reports as cancelled count as failed, so the limit may be reached
        // now.
        self.check_failure_limit();
        let has_no_claims = claims.is_empty();
        self.offer_suspects(has_no_claims);
        self.on_claims(self.with_probe_first(claims));
        if has_no_claims && self.store.last_limit > 0 {
            self.settle_kept();
        }
        for token in cancelled {
            self.cancel(token);
        }
    }

    fn report_result(&mut self, judged: Judged) {
        let Judged { of, elapsed, usage, input_changed, verdict, .. } = judged;
        let kind = match verdict {
            Verdict::Complete(_) => {
                self.result.processed += 1;
                self.result.changed += u64::from(input_changed);
                RunEventKind::FileCompleted { of, elapsed, usage, input_changed }
            }
            Verdict::Retry { backoff, error } => {
                self.result.retried += 1;
                RunEventKind::FileRequeued { of, elapsed, usage, input_changed, backoff, error }
            }
            Verdict::Fail { timed_out, error } => {
                self.result.failed += 1;
                if timed_out {
                    RunEventKind::FileTimeout { of, elapsed, usage, input_changed, error }
                } else {
                    RunEventKind::FileFailed { of, elapsed, usage, input_changed, error }
                }
            }
            Verdict::Release => RunEventKind::FileReleased { of, elapsed, usage, input_changed },
        };
        self.emit(kind);
    }

    pub(super) fn hand_over(&mut self, (token, item): Claimed, timeout: Duration) {
        if self.room() == 0 {
            self.attempts.unused.push((token, AttemptRef::latest(&item)));
            return;
        }
        let attempt = self.attempt(token, &item, timeout);
        let of = AttemptRef::latest(&item);
        self.starts.on_handed_over(token, self.attempts.in_hand.len() + self.attempts.undecided.len());
        self.breaker.on_handed_over(token);
        self.attempts.in_hand.insert(token, InHand::new(of));
        self.actions.push(Action::Start(attempt));
    }

    fn cancel(&mut self, token: ClaimToken) {
        if self.give_up_set_aside(token) {
            return;
        }
        let Some(in_hand) = self.attempts.in_hand.get_mut(&token) else { return };
        if !std::mem::replace(&mut in_hand.is_cancelled, true) {
            self.actions.push(Action::Cancel(token));
        }
    }

    pub(super) fn on_recovered(&mut self, recovered: Result<Recovery, StorageError>) {
        self.operation = None;
        let recovery = match recovered {
            Ok(recovery) => recovery,
            Err(error) => return self.on_storage_error(error),
        };
        self.queue.is_swept = true;
        self.actions.extend(recovery.events(&self.config.scope).map(Action::Emit));
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

    /// Reports each dead run and reason only once, although recovery is repeated.
    fn report_withheld(&mut self, unproven: Vec<Unproven>) {
        for left in unproven {
            if !self.withheld.contains(&left) {
                self.withheld.push(left.clone());
                self.emit(RunEventKind::RecoveryWithheld { dead_run: left.run, reason: left.reason });
            }
        }
    }

    fn on_storage_error(&mut self, error: StorageError) {
        let is_passing = matches!(error, StorageError::Busy { .. } | StorageError::Unreachable { .. });
        if is_passing && self.world.stop.level < StopLevel::Aborting {
            self.store.retry_at = Some(self.now.saturating_add(RETRY_STORE_AFTER));
            self.emit(RunEventKind::StorageTrouble { error: error.to_string().into() });
        } else if matches!(error, StorageError::LeaseLost { .. }) {
            self.on_lease_lost();
        } else if matches!(error, StorageError::Damaged { .. }) {
            self.fail(error.into());
            self.recording = Recording::OnlyOffered;
        } else {
            self.fail(error.into());
            self.abandon(Recording::Impossible);
        }
    }

    /// A damaged store may write the last results to a separate file.
    pub(super) fn offer_results(&mut self) {
        self.recording = Recording::Impossible;
        if !self.attempts.judged.is_empty() || !self.attempts.unused.is_empty() {
            self.exchange();
        }
    }

    pub(super) fn on_lease_lost(&mut self) {
        if self.phase != Phase::Working || self.recording == Recording::LeaseLost {
            return;
        }
        let run = self.config.run.clone();
        self.fail(StorageError::LeaseLost { run }.into());
        self.abandon(Recording::LeaseLost);
        self.operation = None;
        self.actions.push(Action::Abort);
    }

    /// Drops all attempts that have ended.
    fn abandon(&mut self, recording: Recording) {
        self.recording = recording;
        self.store.is_unanswered = false;
        let in_hand = std::mem::take(&mut self.attempts.in_hand);
        self.attempts = Attempts { in_hand, ..Attempts::default() };
    }
}
