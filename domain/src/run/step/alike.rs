//! Handles different files that fail alike; see `breaker.rs`.
//!
//! Different files that fail alike in sequence form a *row*. The attempts of a complete row do not
//! count. A failure without a retry is *kept*, because a recorded failure would be final. If its
//! row becomes complete, its claim is released instead. A failure with a retry is recorded
//! immediately. If its row becomes complete, the file may have one more attempt.
//!
//! Before the first success of the recipe, failures form no row. The command is then probably
//! wrong, and waiting does not help.
//!
//! If a run does not wait for items in backoff, all failures count. Otherwise, a series of such
//! runs might always process the same files.

use std::time::Duration;

use crate::attempt::{AttemptOutcome, AttemptRef};
use crate::item::AttemptNumber;
use crate::ports::{Resumption, RunEventKind};
use crate::request::Verdict;
use crate::retry::RetryPolicy;
use crate::run::breaker::{Failure, Meaning, Release, Round, Settings, round_of};
use crate::run::state::{Judged, Kept, RunState};
use crate::run_info::StoppedBy;
use crate::signature::Signature;
use crate::time::Timestamp;
use crate::view::Claimed;

/// How long a failure may be kept. Observers do not see a kept failure, so the time is short.
const MAX_KEPT: Duration = Duration::from_secs(10);

/// The maximum number of additional claims in the search for a probe.
const MAX_SEARCHED: usize = 1000;

impl RunState {
    pub(super) fn on_verdict(&mut self, judged: Judged, (serial, is_cancelled): (u64, bool), outcome: &AttemptOutcome) {
        let files = self.config.pause_on_same.filter(|_| self.has_ever_succeeded());
        let Some(files) = files else { return self.attempts.judged.push(judged) };
        let signature = match &judged.verdict {
            Verdict::Complete(_) => {
                let release = self.breaker.on_success(serial, self.now);
                self.resume(release, &judged.of);
                return self.attempts.judged.push(judged);
            }
            Verdict::Retry { error, .. } | Verdict::Fail { error, .. }
                if !is_cancelled && may_have_other_cause(outcome) =>
            {
                Signature::of(Some(error), &judged.of.file_path)
            }
            _ => {
                self.breaker.on_no_proof(judged.token);
                return self.attempts.judged.push(judged);
            }
        };
        let settings = Settings { files, probe_after: self.config.probe_after };
        let Judged { token, of, elapsed, .. } = &judged;
        let failure = Failure { token: *token, of, signature, elapsed: *elapsed, started: self.started };
        let (meaning, release) = self.breaker.on_failure(settings, failure, self.now);
        self.resume(release, &judged.of);
        self.record_failure(judged, meaning);
    }

    /// Includes earlier runs of the recipe.
    fn has_ever_succeeded(&self) -> bool {
        self.program.has_succeeded || !self.forecast.is_empty()
    }

    fn record_failure(&mut self, judged: Judged, meaning: Meaning) {
        let waits = self.config.wait_for_backoff;
        match meaning {
            Meaning::CompletesRow(rounds) if waits => self.give_back_row(judged, rounds),
            Meaning::CompletesRow(_) => {
                self.end_without_waiting();
                self.attempts.judged.push(judged);
            }
            Meaning::GivenBack if waits => self.attempts.judged.push(released(judged)),
            Meaning::InRow if waits && matches!(judged.verdict, Verdict::Fail { .. }) => {
                self.attempts.kept.push(Kept { judged, since: self.now });
                self.queue.may_have_work = true;
            }
            Meaning::Counts | Meaning::InRow | Meaning::GivenBack => self.attempts.judged.push(judged),
        }
    }

    /// `last` is the failure that completed the row.
    fn give_back_row(&mut self, last: Judged, rounds: Vec<Round>) {
        self.attempts.kept.push(Kept { judged: last, since: self.now });
        for round in rounds {
            let kept: Vec<_> = self.attempts.kept.extract_if(.., |kept| round_of(&kept.judged.of) == round).collect();
            let is_given_back = self.breaker.give_back(round, kept.is_empty());
            let judged = kept.into_iter().map(|kept| kept.judged);
            let judged = judged.map(|judged| if is_given_back { released(judged) } else { judged });
            self.attempts.judged.extend(judged);
        }
        self.is_recall_due = true;
    }

    fn end_without_waiting(&mut self) {
        if let Some((reason, _)) = self.breaker.reason() {
            self.program.given_up.get_or_insert(StoppedBy::FailingAlike);
            self.emit(RunEventKind::StartsHeld { reason, probe_at: None });
        }
    }

    /// `of` is the attempt that ended the hold.
    fn resume(&mut self, release: Option<Release>, of: &AttemptRef) {
        let Some(release) = release else { return };
        let path = || of.file_path.clone();
        self.resumption = Some(match release {
            Release::Succeeded => Resumption::Succeeded(path()),
            Release::FailedOtherwise => Resumption::FailedOtherwise(path()),
            Release::Runs(_) => Resumption::KeepsRunning(path()),
            Release::GivenUp => Resumption::GivenUp,
        });
        self.queue.may_have_work = true;
    }

    /// Updates the hold, and records failures that need not be kept longer.
    pub(super) fn check_alike(&mut self) {
        let (is_open, release) = self.breaker.tick(self.now);
        self.queue.may_have_work |= is_open;
        if let Some(Release::Runs(token)) = release
            && let Some(of) = self.attempts.in_hand.get(&token).map(|in_hand| in_hand.of.clone())
        {
            self.resume(release, &of);
        }
        let (now, may_start) = (self.now, self.may_start());
        let is_over = |kept: &mut Kept| {
            let is_old = now < kept.since || now >= kept.settled_at();
            !may_start || is_old || !self.breaker.is_in_row(round_of(&kept.judged.of))
        };
        let over: Vec<_> = self.attempts.kept.extract_if(.., is_over).collect();
        self.attempts.judged.extend(over.into_iter().map(|kept| kept.judged));
    }

    /// Must be called only if no other file can complete the row.
    pub(super) fn settle_kept(&mut self) {
        if self.attempts.in_hand.is_empty() && self.attempts.undecided.is_empty() {
            let kept = std::mem::take(&mut self.attempts.kept);
            self.attempts.judged.extend(kept.into_iter().map(|kept| kept.judged));
        }
    }

    /// Returns how many additional items to claim in the search for a probe.
    pub(in crate::run) fn searched(&self, room: usize) -> usize {
        if room == 0 { 0 } else { self.breaker.known_bad().min(MAX_SEARCHED) }
    }

    pub(super) fn with_probe_first(&self, mut claims: Vec<Claimed>) -> Vec<Claimed> {
        if self.breaker.is_held() {
            claims.sort_by_key(|(_, item)| self.breaker.has_given_back((item.id, item.round)));
        }
        claims
    }

    pub(super) fn counted_attempt(&self, of: &AttemptRef) -> AttemptNumber {
        self.breaker.counted(of)
    }
}

impl Kept {
    /// Returns the time by which the failure must be recorded.
    pub(in crate::run) fn settled_at(&self) -> Timestamp {
        self.since.saturating_add(MAX_KEPT)
    }
}

fn released(judged: Judged) -> Judged {
    Judged { verdict: Verdict::Release, ..judged }
}

/// True if other files may share the cause. `start_hold.rs` handles missing programs and folders.
fn may_have_other_cause(outcome: &AttemptOutcome) -> bool {
    let is_file = matches!(
        outcome.root_cause(),
        AttemptOutcome::Aborted | AttemptOutcome::InputGone { .. } | AttemptOutcome::InputAway { .. }
    );
    !is_file && !RetryPolicy::names_missing_program(outcome)
}
