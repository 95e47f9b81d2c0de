//! Handles different files in a row that fail alike; see `breaker.rs`.
//!
//! A failure without a retry ends its file, and an ended file cannot get its attempt back. So the
//! run *keeps* such a failure, and does not record it while its row may still become complete. If
//! the row becomes complete, the run releases the claim, so that the attempt does not count. A
//! failure with a retry is recorded immediately. If its row becomes complete, the run allows the
//! file one attempt more.
//!
//! Failures before the first success of the recipe, in this run or an earlier one, begin no row:
//! the command is probably wrong, and waiting does not correct it.
//!
//! A run that does not wait for items in backoff gives back no attempts. Otherwise, the next run
//! would begin with the same files, and a series of such runs might never reach another file.

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

/// The maximum time for which a failure without a retry is kept before it is recorded. The time is
/// short, because observers see a failure only once it is recorded. Most services that are down
/// refuse a connection immediately, so a row is usually complete sooner.
const MAX_KEPT: Duration = Duration::from_secs(10);

/// The maximum number of additional claims with which an exchange searches for a file that has not
/// failed yet. Usually, far fewer are needed.
const MAX_SEARCHED: usize = 1000;

impl RunState {
    /// Records the verdict on an attempt. If files fail alike, holds starts and gives back the
    /// attempt. `serial` is the position of the attempt in the order of starts.
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

    /// True if the recipe has completed a file, in this run or an earlier one.
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

    /// Gives back one attempt to each of the `rounds`. `last` is the failure that completed the
    /// row.
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

    /// Sets the reason why the hold ended, for the next report. `of` is the attempt that ended the
    /// hold.
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

    /// Updates the hold. Records the failures that were kept for [`MAX_KEPT`], or that no longer
    /// belong to the current row. If no attempt may start, records all kept failures.
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

    /// Records the kept failures if every attempt has ended. Must be called only if no item can be
    /// claimed: then no other file can complete the row.
    pub(super) fn settle_kept(&mut self) {
        if self.attempts.in_hand.is_empty() && self.attempts.undecided.is_empty() {
            let kept = std::mem::take(&mut self.attempts.kept);
            self.attempts.judged.extend(kept.into_iter().map(|kept| kept.judged));
        }
    }

    /// Returns how many items to claim in addition to `room` items, so that one of them has not
    /// failed yet and becomes the probe.
    pub(in crate::run) fn searched(&self, room: usize) -> usize {
        if room == 0 { 0 } else { self.breaker.known_bad().min(MAX_SEARCHED) }
    }

    /// While starts are held, moves the files that have failed alike to the end of the claims, so
    /// that another file becomes the probe.
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

/// True if other files may share the cause of the failure. False for missing programs and folders,
/// because `start_hold.rs` handles them.
fn may_have_other_cause(outcome: &AttemptOutcome) -> bool {
    let is_file = matches!(
        outcome.root_cause(),
        AttemptOutcome::Aborted | AttemptOutcome::InputGone { .. } | AttemptOutcome::InputAway { .. }
    );
    !is_file && !RetryPolicy::names_missing_program(outcome)
}
