//! Holds starts after several different files in a row have failed alike.
//!
//! # Theory of operation
//!
//! If different files fail alike, the files are probably not the cause. For instance, a service may
//! be down.
//!
//! Failures are alike if they have the same [`Signature`]. Different files that fail alike form a
//! *row*. A success or another failure ends the row. Once a row has [`Settings::files`] files, a
//! *hold* begins: no attempt starts.
//!
//! After a delay, one attempt may start: the *probe*. Each time the probe fails alike, the delay
//! doubles, up to [`MAX_DELAY`]. The hold ends
//!
//! - if an attempt succeeds that started after the first failure of the row,
//! - if the probe fails in another way,
//! - if the probe runs for much longer than the failed attempts did, or
//! - if the probe fails alike after this signature has held starts for [`MAX_HELD`] in total. The
//!   run then takes the files to be the cause, and this signature begins no further hold.
//!
//! The failures of a complete row are *given back*: they do not count for their files. The same
//! applies to failures during the hold that are alike. Each round of a file gets back at most one
//! attempt, so that a bad file still fails in the end.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use crate::attempt::AttemptRef;
use crate::item::{AttemptNumber, ClaimToken, ItemId};
use crate::run::probe::Probe;
use crate::signature::{Signature, SignatureId};
use crate::time::Timestamp;

/// The maximum delay before a probe, unless `probe_after` is longer.
const MAX_DELAY: Duration = Duration::from_mins(10);

/// The total time for which one signature may hold starts in a run. After this time, the next probe
/// with the same failure ends the hold.
const MAX_HELD: Duration = Duration::from_hours(1);

/// A probe that is still running proves nothing before this time.
const MIN_PROOF: Duration = Duration::from_secs(30);

pub(super) type Round = (ItemId, u32);

#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// The number of files that make a row complete.
    pub(super) files: NonZeroUsize,
    pub(super) probe_after: Duration,
}

/// A failed attempt whose cause may lie outside its file.
pub(super) struct Failure<'a> {
    pub(super) token: ClaimToken,
    pub(super) of: &'a AttemptRef,
    pub(super) signature: Signature,
    pub(super) elapsed: Duration,
    /// The number of attempts that the run had started when the failure was handled.
    pub(super) started: u64,
}

/// Whether a failure counts for its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    Counts,
    /// Counts unless the row becomes complete.
    InRow,
    GivenBack,
    /// The caller must pass each round to [`give_back`](Breaker::give_back).
    CompletesRow(Vec<Round>),
}

/// The reason why a hold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Release {
    Succeeded,
    FailedOtherwise,
    /// The probe has run for long enough.
    Runs(ClaimToken),
    /// Starts were held for [`MAX_HELD`] in total.
    GivenUp,
}

#[derive(Debug)]
struct Row {
    signature: Signature,
    rounds: Vec<Round>,
    /// The number of started attempts at the first failure of the row.
    started: u64,
    longest: Duration,
}

#[derive(Debug)]
struct Hold {
    row: Row,
    since: Timestamp,
    delay: Duration,
    probe_at: Timestamp,
    probe: Probe,
}

/// Decides whether starts are held because files fail alike, and which failures count.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    row: Option<Row>,
    hold: Option<Hold>,
    /// The total hold time of each signature, without the current hold.
    held_for: BTreeMap<SignatureId, Duration>,
    /// The rounds that got an attempt back. True if the store counted the attempt.
    given_back: BTreeMap<Round, bool>,
}

impl Breaker {
    pub(super) fn on_failure(
        &mut self,
        settings: Settings,
        failure: Failure<'_>,
        now: Timestamp,
    ) -> (Meaning, Option<Release>) {
        let round = round_of(failure.of);
        let Some(hold) = &self.hold else { return (self.extend_row(settings, failure, now), None) };
        let (is_alike, is_probe) = (hold.row.signature.id() == failure.signature.id(), hold.probe.is(failure.token));
        match (is_alike, is_probe) {
            (true, _) => {
                let release = if is_probe { self.on_probe_failed(now) } else { None };
                (if self.give_back(round, false) { Meaning::GivenBack } else { Meaning::Counts }, release)
            }
            (false, true) => {
                self.release(now);
                (self.extend_row(settings, failure, now), Some(Release::FailedOtherwise))
            }
            // This attempt may have failed before it reached the point at which the others fail, so
            // it does not show that the cause is gone.
            (false, false) => (Meaning::Counts, None),
        }
    }

    fn extend_row(&mut self, settings: Settings, failure: Failure<'_>, now: Timestamp) -> Meaning {
        let Failure { of, signature, elapsed, started, .. } = failure;
        if self.left_of(signature.id()).is_zero() {
            self.row = None;
            return Meaning::Counts;
        }
        let same = self.row.take().filter(|row| row.signature.id() == signature.id());
        let new = || Row { signature, rounds: Vec::new(), started, longest: Duration::ZERO };
        let (round, mut row) = (round_of(of), same.unwrap_or_else(new));
        row.longest = row.longest.max(elapsed);
        if !row.rounds.iter().any(|(item, _)| *item == of.id) {
            row.rounds.push(round);
        }
        if row.rounds.len() < settings.files.get() {
            self.row = Some(row);
            return if self.given_back.contains_key(&round) { Meaning::Counts } else { Meaning::InRow };
        }
        let rounds = row.rounds.clone();
        self.begin_hold(row, settings.probe_after, now);
        Meaning::CompletesRow(rounds)
    }

    fn begin_hold(&mut self, row: Row, probe_after: Duration, now: Timestamp) {
        let delay = probe_after.min(self.left_of(row.signature.id()));
        let probe_at = now.saturating_add(delay);
        self.hold = Some(Hold { row, since: now, delay, probe_at, probe: Probe::Waiting(probe_at) });
    }

    /// Returns how long this signature may still hold starts. Ignores the current hold.
    fn left_of(&self, id: SignatureId) -> Duration {
        MAX_HELD.saturating_sub(self.held_for.get(&id).copied().unwrap_or_default())
    }

    fn on_probe_failed(&mut self, now: Timestamp) -> Option<Release> {
        let hold = self.hold.as_ref()?;
        let left = self.left_of(hold.row.signature.id()).saturating_sub(now.saturating_since(hold.since));
        if left.is_zero() {
            self.release(now);
            return Some(Release::GivenUp);
        }
        let hold = self.hold.as_mut()?;
        hold.delay = hold.delay.saturating_mul(2).min(MAX_DELAY).max(hold.delay).min(left);
        hold.probe_at = now.saturating_add(hold.delay);
        hold.probe = Probe::Waiting(hold.probe_at);
        None
    }

    fn release(&mut self, now: Timestamp) {
        if let Some(hold) = self.hold.take() {
            let held = self.held_for.entry(hold.row.signature.id()).or_default();
            *held = held.saturating_add(now.saturating_since(hold.since));
        }
        self.row = None;
    }

    /// Returns false if the round got an attempt back before.
    pub(super) fn give_back(&mut self, round: Round, is_counted: bool) -> bool {
        let is_first = !self.given_back.contains_key(&round);
        self.given_back.entry(round).or_insert(is_counted);
        is_first
    }

    /// If the attempt started before the first failure of the row, its success proves nothing.
    pub(super) fn on_success(&mut self, serial: u64, now: Timestamp) -> Option<Release> {
        self.row = None;
        self.hold.as_ref().filter(|hold| serial > hold.row.started)?;
        self.release(now);
        Some(Release::Succeeded)
    }

    pub(super) fn on_handed_over(&mut self, token: ClaimToken) {
        if let Some(hold) = self.hold.as_mut().filter(|hold| hold.probe == Probe::Due) {
            hold.probe = Probe::InHand(token);
        }
    }

    pub(super) fn on_started(&mut self, token: ClaimToken, now: Timestamp) {
        if let Some(hold) = &mut self.hold {
            hold.probe.on_started(token, now);
        }
    }

    pub(super) fn on_no_proof(&mut self, token: ClaimToken) {
        if let Some(hold) = &mut self.hold {
            hold.probe.on_no_proof(token);
        }
    }

    /// Returns true if the hold ended or the probe became due, and the reason if the hold ended.
    pub(super) fn tick(&mut self, now: Timestamp) -> (bool, Option<Release>) {
        let Some(hold) = &mut self.hold else { return (false, None) };
        // If the clock was set back, the hold begins anew.
        hold.since = hold.since.min(now);
        if let Some(token) = hold.probe.that_runs(hold.row.proof(), now) {
            self.release(now);
            return (true, Some(Release::Runs(token)));
        }
        (hold.probe.become_due(hold.delay, now), None)
    }

    pub(super) fn next_change(&self) -> Option<Timestamp> {
        let hold = self.hold.as_ref()?;
        hold.probe.next_change(hold.row.proof())
    }

    pub(super) fn room(&self) -> usize {
        self.hold.as_ref().map_or(usize::MAX, |hold| usize::from(hold.probe == Probe::Due))
    }

    pub(super) fn is_held(&self) -> bool {
        self.hold.is_some()
    }

    pub(super) fn known_bad(&self) -> usize {
        if self.is_held() { self.given_back.len() } else { 0 }
    }

    pub(super) fn has_given_back(&self, round: Round) -> bool {
        self.given_back.contains_key(&round)
    }

    pub(super) fn is_in_row(&self, round: Round) -> bool {
        self.row.as_ref().is_some_and(|row| row.rounds.contains(&round))
    }

    /// Returns the attempt's number in its round, without the attempt that was given back.
    pub(super) fn counted(&self, of: &AttemptRef) -> AttemptNumber {
        AttemptNumber::new(of.attempt.get() - u32::from(self.has_granted(round_of(of)))).unwrap_or(of.attempt)
    }

    pub(super) fn has_granted(&self, round: Round) -> bool {
        self.given_back.get(&round).copied().unwrap_or_default()
    }

    pub(super) fn reason(&self) -> Option<(Box<str>, Timestamp)> {
        let Hold { row, probe_at, .. } = self.hold.as_ref()?;
        let (count, reason, id) = (row.rounds.len(), row.signature.reason(), row.signature.id());
        let files = if count == 1 { "file failed" } else { "files in a row failed alike" };
        Some((format!("{count} {files}: {reason} ({id})").into(), *probe_at))
    }
}

impl Row {
    /// Returns how long a probe must run to end the hold.
    fn proof(&self) -> Duration {
        self.longest.saturating_mul(2).max(MIN_PROOF)
    }
}

pub(super) fn round_of(of: &AttemptRef) -> Round {
    (of.id, of.round)
}
