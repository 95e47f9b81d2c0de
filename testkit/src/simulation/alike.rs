//! Checks how a run pauses when different files fail in the same way.
//!
//! A paused run starts one attempt at a time, called a probe. Simulated files often fail in the
//! same way by chance. So the checks state only what must always hold.

use autoproc_domain::item::{AttemptNumber, ClaimToken};
use autoproc_domain::ports::{Attempt, AttemptOutcome};
use autoproc_domain::request::Verdict;
use autoproc_domain::{RetryPolicy, Timestamp};

use super::attempts::{AttemptTruth, Recorded};
use super::holds;
use super::run::SimulatedRun;
use super::world::World;

/// What a run has reported about its pause.
#[derive(Debug, Default)]
pub(super) struct Pausing {
    /// True if the run knew the durations of earlier attempts when it began.
    pub(super) has_history: bool,
    probe_at: Option<Timestamp>,
    probe: Option<ClaimToken>,
    has_given_up: bool,
}

impl Pausing {
    pub(super) fn is_paused(&self) -> bool {
        self.probe_at.is_some() || self.has_given_up
    }

    pub(super) fn end(&mut self) {
        (self.probe_at, self.probe) = (None, None);
    }
}

impl World {
    /// Records the pause of a run, and checks that the pause is allowed.
    pub(super) fn note_pause(&mut self, run: usize, reason: &str, probe_at: Option<Timestamp>) -> Result<(), String> {
        let pausing = &mut self.runs[run].pausing;
        if !reason.contains("failed alike") && probe_at.is_none() {
            pausing.end();
            return Ok(());
        }
        self.summary.pauses += usize::from(!pausing.is_paused());
        (pausing.probe_at, pausing.has_given_up) = (probe_at, probe_at.is_none());
        let succeeded = |attempt: &AttemptTruth| attempt.known_outcome() == Some(&AttemptOutcome::Succeeded);
        let has_worked = pausing.has_history || self.attempts.iter().any(|one| one.run == run && succeeded(one));
        holds(has_worked, || format!("{} pauses before its recipe has completed a file", self.runs[run].id))?;
        let mut failed: Vec<_> = self.own_failures(run).map(|attempt| attempt.file).collect();
        failed.sort_unstable();
        failed.dedup();
        let is_allowed = self.plan.pause_on_same.is_some_and(|limit| failed.len() >= limit.get());
        holds(is_allowed, || format!("{} pauses after {} files have failed", self.runs[run].id, failed.len()))
    }

    /// Returns the failed attempts of a run, except those that failed because something was
    /// missing.
    fn own_failures(&self, run: usize) -> impl Iterator<Item = &AttemptTruth> {
        let is_failure = move |attempt: &&AttemptTruth| {
            attempt.run == run && !attempt.is_struck && attempt.known_outcome().is_some_and(fails)
        };
        self.attempts.iter().filter(is_failure)
    }

    pub(super) fn check_probe(&mut self, run: usize, attempt: &Attempt) -> Result<(), String> {
        let (wall, clock_was_set) = (self.wall(), self.clock_was_set);
        let SimulatedRun { pausing, orchestrator, id, .. } = &mut self.runs[run];
        holds(!pausing.has_given_up, || {
            format!("{id} hands over an attempt after it has reported that it gives up: {attempt:?}")
        })?;
        let Some(probe_at) = pausing.probe_at else { return Ok(()) };
        let at_work = || orchestrator.at_work.iter().map(|index| self.attempts[*index].token);
        let mut in_hand = orchestrator.queued.iter().map(|queued| queued.token).chain(at_work());
        let is_single = pausing.probe.is_none_or(|probe| in_hand.all(|token| token != probe));
        pausing.probe = Some(attempt.token);
        holds(is_single, || format!("{id} hands over a second probe: {attempt:?}"))?;
        holds(wall >= probe_at || clock_was_set, || format!("{id} probes too early: {attempt:?}"))
    }

    /// Returns the possible numbers of an attempt. The run may have left an earlier attempt
    /// uncounted.
    pub(super) fn numbers(&self, attempt: &AttemptTruth) -> impl Iterator<Item = AttemptNumber> {
        let before = AttemptNumber::new(attempt.number.get() - 1);
        let mut earlier = self.own_failures(attempt.run).filter(|other| is_same_round(other, attempt));
        let is_granted = self.plan.pause_on_same.is_some() && earlier.any(|other| other.number < attempt.number);
        std::iter::once(attempt.number).chain(before.filter(|_| is_granted))
    }

    /// True if the verdict rightly leaves a failed attempt uncounted. A run may do so once per file
    /// and round.
    pub(super) fn is_given_back(&self, attempt: &AttemptTruth, outcome: &AttemptOutcome, verdict: &Verdict) -> bool {
        let is_released = |other: &&AttemptTruth| other.recorded == Some(Recorded::Released);
        let earlier = self.own_failures(attempt.run).filter(|other| is_same_round(other, attempt)).filter(is_released);
        let mut earlier = earlier.filter(|other| other.token != attempt.token);
        *verdict == Verdict::Release && self.plan.pause_on_same.is_some() && fails(outcome) && earlier.next().is_none()
    }

    /// Returns the maximum number of uncounted attempts per file and round.
    pub(super) fn granted(&self) -> u32 {
        let runs = u32::try_from(self.runs.len()).unwrap_or(u32::MAX);
        if self.plan.pause_on_same.is_some() { runs } else { 0 }
    }

    /// Returns the retry policy, once for each possible number of uncounted attempts.
    pub(super) fn policies(&self) -> impl Iterator<Item = RetryPolicy> {
        let policy = &self.plan.retry;
        (0..=self.granted()).map(|extra| RetryPolicy { retries: policy.retries + extra, ..policy.clone() })
    }
}

fn is_same_round(a: &AttemptTruth, b: &AttemptTruth) -> bool {
    (a.file, a.round) == (b.file, b.round)
}

/// True if the outcome may make a run pause. `lacks.rs` checks the exit statuses 126 and 127.
fn fails(outcome: &AttemptOutcome) -> bool {
    !matches!(outcome, AttemptOutcome::Succeeded | AttemptOutcome::Aborted | AttemptOutcome::Exited { code: 126 | 127 })
}
