//! Holds starts while the machine lacks something that attempts need.
//!
//! # Theory of operation
//!
//! A *lack* is a missing program, a missing folder, or a shortage of resources. The resources are
//! processes, file descriptors and memory.
//!
//! If an attempt fails because of a lack, the attempt does not count for its file, and a *hold*
//! begins. During a shortage, no more attempts may run than were running when the attempt failed.
//! If the program or a folder is missing, no attempt may start.
//!
//! After a delay, one additional attempt may start: the *probe*. If the probe fails because of a
//! lack, the delay doubles, up to [`MAX_DELAY`]. If the probe proves nothing, for instance because
//! it was aborted, the next claim becomes the probe. If the probe ends in another way, or runs for
//! [`PROBE_PROVES_AFTER`], the hold ends.

use std::time::Duration;

use crate::item::ClaimToken;
use crate::ports::BackPressure;
use crate::run::probe::Probe;
use crate::time::Timestamp;

/// The delay before the first probe. An upgrade usually replaces a program sooner.
const FIRST_DELAY: Duration = Duration::from_millis(500);

const MAX_DELAY: Duration = Duration::from_secs(5);

/// A probe that runs for this long ends the hold. A shell that misses its command exits much
/// sooner.
const PROBE_PROVES_AFTER: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    /// The system had no processes, file descriptors or memory left.
    Resource,
    Program,
    /// The folder of a file is missing.
    Input,
}

#[derive(Debug)]
struct Hold {
    lack: Lack,
    reason: Box<str>,
    /// The maximum number of unfinished attempts, not counting the probe.
    limit: usize,
    probe: Probe,
}

/// The absence of the program or of a folder.
#[derive(Debug, Clone, Copy)]
struct Missing {
    since: Timestamp,
    /// The number of started attempts at the beginning of the absence.
    started: u64,
}

/// Decides how many attempts may start while the machine lacks something.
#[derive(Debug, Default)]
pub(super) struct StartHold {
    hold: Option<Hold>,
    delay: Duration,
    /// The last time at which a hold ended because its probe had run for long enough.
    lifted_at: Option<Timestamp>,
    missing: Option<Missing>,
}

impl StartHold {
    /// Returns true if fewer attempts may run than before. The caller must then recall the attempts
    /// that have not started. `running` does not count this attempt.
    pub(super) fn on_lack(
        &mut self,
        lack: Lack,
        reason: Box<str>,
        token: ClaimToken,
        (running, started): (usize, u64),
        now: Timestamp,
    ) -> bool {
        let limit = if lack == Lack::Resource { running } else { 0 };
        if lack != Lack::Resource {
            self.missing.get_or_insert(Missing { since: now, started });
        }
        let Some(hold) = &mut self.hold else {
            let is_repeated = self.lifted_at.is_some_and(|at| at <= now && now < at.saturating_add(MAX_DELAY));
            self.delay = if is_repeated { longer(self.delay) } else { FIRST_DELAY };
            let probe = Probe::after(self.delay, now);
            self.hold = Some(Hold { lack, reason, limit, probe });
            return true;
        };
        if hold.probe.is(token) || hold.probe == Probe::Due {
            self.delay = longer(self.delay);
            hold.probe = Probe::after(self.delay, now);
        }
        if hold.lack != lack {
            (hold.lack, hold.reason) = (lack, reason);
        }
        std::mem::replace(&mut hold.limit, limit) > limit
    }

    /// Returns true if the hold ended or the probe became due. `wait` is the run's `program_wait`.
    pub(super) fn tick(&mut self, wait: Duration, now: Timestamp) -> bool {
        if let Some(missing) = &mut self.missing {
            // If the clock was set back, the wait begins anew.
            missing.since = missing.since.min(now);
        }
        // Once the run has waited for `wait`, a probe that is still running does not end the hold.
        // Otherwise, attempts that run for a while before they miss the program would keep the run
        // alive for ever.
        let is_late = self.missing.is_some_and(|missing| now >= missing.since.saturating_add(wait));
        let Some(hold) = &mut self.hold else { return false };
        if !is_late && hold.probe.that_runs(PROBE_PROVES_AFTER, now).is_some() {
            self.hold = None;
            self.lifted_at = Some(now);
            return true;
        }
        hold.probe.become_due(MAX_DELAY, now)
    }

    /// `in_hand` does not count this attempt.
    pub(super) fn on_handed_over(&mut self, token: ClaimToken, in_hand: usize) {
        if let Some(hold) = self.hold.as_mut().filter(|hold| in_hand >= hold.limit) {
            hold.probe = Probe::InHand(token);
        }
    }

    /// `running` includes this attempt.
    pub(super) fn on_started(&mut self, token: ClaimToken, running: usize, now: Timestamp) {
        let Some(hold) = &mut self.hold else { return };
        if !hold.probe.on_started(token, now) && hold.lack == Lack::Resource {
            // The attempt may have started before the hold, although its start is reported only
            // now.
            hold.limit = hold.limit.max(running);
        }
    }

    pub(super) fn on_no_proof(&mut self, token: ClaimToken) {
        if let Some(hold) = &mut self.hold {
            hold.probe.on_no_proof(token);
        }
    }

    /// Handles the end of an attempt without a [`Lack`].
    pub(super) fn on_ended(&mut self, token: ClaimToken, serial: u64) {
        // Any attempt that began after the program was found missing proves that the program is
        // back. For instance, an attempt in a batch may begin before it can be recalled.
        let is_proof = self.may_prove(serial);
        let is_lifted = |hold: &Hold| hold.probe.is(token) || (is_proof && hold.lack != Lack::Resource);
        if self.hold.as_ref().is_some_and(is_lifted) {
            *self = Self::default();
        } else if is_proof {
            self.missing = None;
        }
    }

    pub(super) fn may_prove(&self, serial: u64) -> bool {
        self.missing.is_some_and(|missing| serial > missing.started)
    }

    pub(super) fn room(&self, in_hand: usize) -> usize {
        let Some(hold) = &self.hold else { return usize::MAX };
        hold.limit.saturating_sub(in_hand) + usize::from(hold.probe == Probe::Due)
    }

    pub(super) fn is_held(&self) -> bool {
        self.hold.is_some()
    }

    pub(super) fn lack(&self) -> Option<Lack> {
        self.hold.as_ref().map(|hold| hold.lack)
    }

    pub(super) fn is_probe_due(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.probe == Probe::Due)
    }

    /// True if the run should stop waiting for the program or folder.
    pub(super) fn is_over_due(&self, wait: Duration, now: Timestamp) -> bool {
        self.gives_up_at(wait).is_some_and(|at| now >= at)
    }

    /// Returns `None` while a probe is under way.
    fn gives_up_at(&self, wait: Duration) -> Option<Timestamp> {
        let hold = self.hold.as_ref().filter(|hold| hold.lack != Lack::Resource)?;
        let is_probing = !matches!(hold.probe, Probe::Waiting(_) | Probe::Due);
        self.missing.filter(|_| !is_probing).map(|missing| missing.since.saturating_add(wait))
    }

    /// Returns the next time after `now` at which [`tick`](Self::tick) or
    /// [`is_over_due`](Self::is_over_due) gives another result.
    pub(super) fn next_change(&self, wait: Duration, now: Timestamp) -> Option<Timestamp> {
        let by_probe = self.hold.as_ref()?.probe.next_change(PROBE_PROVES_AFTER);
        [by_probe, self.gives_up_at(wait)].into_iter().flatten().filter(|at| *at > now).min()
    }

    pub(super) fn pressure(&self) -> Option<BackPressure> {
        let Hold { reason, limit, .. } = self.hold.as_ref()?;
        let meanwhile = if *limit > 0 { "; processing fewer files at a time" } else { "" };
        Some(BackPressure { reason: format!("{reason}{meanwhile}").into() })
    }
}

fn longer(delay: Duration) -> Duration {
    (delay * 2).clamp(FIRST_DELAY, MAX_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::{ClaimNumber, ItemId};

    const WAIT: Duration = Duration::MAX;

    fn token(id: u64) -> ClaimToken {
        ClaimToken { item: ItemId::new(id), number: ClaimNumber::new(id) }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(1_000_000_000 + millis * 1000)
    }

    fn lacking(hold: &mut StartHold, lack: Lack, id: u64, running: usize, now: i64) {
        hold.on_lack(lack, "why".into(), token(id), (running, id), at(now));
    }

    fn delays(hold: &mut StartHold, count: u64) -> Vec<i64> {
        let mut now = 0;
        let mut delays = Vec::new();
        for id in 1..=count {
            let since = now;
            while !hold.tick(WAIT, at(now)) {
                assert_eq!(hold.room(0), 0);
                now += 100;
            }
            delays.push(now - since);
            assert_eq!(hold.room(0), 1, "one probe");
            hold.on_handed_over(token(id), 0);
            assert_eq!(hold.room(1), 0, "no second probe");
            lacking(hold, Lack::Resource, id, 0, now);
        }
        delays
    }

    #[test]
    fn the_delay_before_a_probe_doubles_up_to_its_limit() {
        let mut hold = StartHold::default();
        assert_eq!(hold.room(9), usize::MAX);
        lacking(&mut hold, Lack::Resource, 99, 0, 0);
        assert_eq!(delays(&mut hold, 6), [500, 1000, 2000, 4000, 5000, 5000]);
    }

    #[test]
    fn several_failures_at_once_lengthen_the_delay_once() {
        let mut hold = StartHold::default();
        (1..9).for_each(|id| lacking(&mut hold, Lack::Resource, id, 0, 0));
        assert!(hold.tick(WAIT, at(500)));
    }

    #[test]
    fn as_many_may_run_as_the_machine_bears() {
        let mut hold = StartHold::default();
        lacking(&mut hold, Lack::Resource, 1, 2, 0);
        assert_eq!((hold.room(2), hold.room(1)), (0, 1), "one that ends is replaced");
        hold.tick(WAIT, at(500));
        assert_eq!((hold.room(2), hold.room(1)), (1, 2), "the probe is one more");
        hold.on_handed_over(token(6), 2);
        hold.on_started(token(7), 3, at(1));
        assert_eq!(hold.room(2), 1, "its start was reported late");
        lacking(&mut hold, Lack::Program, 2, 3, 2);
        assert_eq!(hold.room(0), 0, "without the program nothing starts");
    }

    #[test]
    fn a_probe_that_ends_otherwise_or_runs_for_a_while_lifts_the_hold() {
        for ends in [true, false] {
            let mut hold = StartHold::default();
            lacking(&mut hold, Lack::Program, 1, 0, 0);
            hold.tick(WAIT, at(500));
            hold.on_handed_over(token(2), 0);
            hold.on_started(token(2), 1, at(510));
            assert!(!hold.tick(WAIT, at(1009)) && hold.is_held());
            if ends {
                hold.on_ended(token(2), 2);
            } else {
                assert!(hold.tick(WAIT, at(1010)));
            }
            assert_eq!(hold.room(1), usize::MAX);
            lacking(&mut hold, Lack::Program, 3, 0, 1100);
            let again = if ends { 1600 } else { 2100 };
            let next = hold.next_change(Duration::MAX, at(1100));
            assert_eq!(next, Some(at(again)), "only a proof shortens the delay");
        }
    }

    #[test]
    fn the_wait_for_a_program_begins_when_it_was_first_missed() {
        let wait = Duration::from_secs(2);
        let mut hold = StartHold::default();
        lacking(&mut hold, Lack::Program, 1, 0, 0);
        hold.tick(WAIT, at(500));
        hold.on_handed_over(token(2), 0);
        assert!(!hold.is_over_due(wait, at(9000)), "the probe decides");
        lacking(&mut hold, Lack::Program, 2, 0, 1900);
        assert!(!hold.is_over_due(wait, at(1999)) && hold.is_over_due(wait, at(2000)));
        hold.on_ended(token(9), 1);
        assert!(hold.is_over_due(wait, at(2000)), "it began before the program was missed");
        hold.on_ended(token(10), 2);
        assert!(!hold.is_over_due(wait, at(2000)));
    }

    #[test]
    fn after_the_wait_only_an_end_is_a_proof() {
        let wait = Duration::from_secs(1);
        let mut hold = StartHold::default();
        lacking(&mut hold, Lack::Program, 1, 0, 0);
        hold.tick(wait, at(500));
        hold.on_handed_over(token(2), 0);
        hold.on_started(token(2), 1, at(600));
        assert!(!hold.tick(wait, at(1100)) && hold.is_held());
        hold.on_ended(token(2), 2);
        assert!(!hold.is_held());
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_prolong_the_wait() {
        let mut hold = StartHold::default();
        lacking(&mut hold, Lack::Program, 1, 0, 100_000);
        assert!(hold.tick(WAIT, at(0)));
        assert!(
            !hold.is_over_due(Duration::from_secs(1), at(999)) && hold.is_over_due(Duration::from_secs(1), at(1000))
        );
    }

    #[test]
    fn the_limit_falls_with_the_attempts_that_the_machine_supports() {
        let mut hold = StartHold::default();
        let mut is_recall_due =
            |id, running| hold.on_lack(Lack::Resource, "why".into(), token(id), (running, id), at(0));
        assert!(is_recall_due(1, 2), "starts were not held");
        assert_eq!([is_recall_due(2, 2), is_recall_due(3, 1), is_recall_due(4, 2)], [false, true, false]);
    }

    #[test]
    fn a_hold_reports_the_latest_kind_of_lack_and_its_first_reason() {
        let mut hold = StartHold::default();
        for (id, lack, reason, expected) in [
            (1, Lack::Resource, "no process", "no process"),
            (2, Lack::Resource, "no memory", "no process"),
            (3, Lack::Program, "no wc", "no wc"),
        ] {
            hold.on_lack(lack, reason.into(), token(id), (0, id), at(0));
            assert_eq!(hold.lack(), Some(lack));
            assert_eq!(hold.pressure().map(|pressure| pressure.reason), Some(expected.into()));
        }
    }

    #[test]
    fn the_probe_ends_any_hold_and_another_attempt_only_that_of_a_missing_program() {
        let because_of = |lacks: &[Lack]| {
            let mut hold = StartHold::default();
            for lack in lacks {
                lacking(&mut hold, *lack, 2, 0, 0);
            }
            hold.tick(WAIT, at(500));
            hold.on_handed_over(token(9), 0);
            hold
        };
        let (program, resource) = (&[Lack::Program][..], &[Lack::Resource][..]);
        for (lacks, id, serial, is_held) in [
            (program, 9, 1, false),
            (program, 3, 3, false),
            (program, 3, 2, true),
            (resource, 9, 1, false),
            (resource, 3, 3, true),
            // The program is back, but the machine has now run out of processes.
            (&[Lack::Program, Lack::Resource], 3, 3, true),
        ] {
            let mut hold = because_of(lacks);
            hold.on_ended(token(id), serial);
            assert_eq!(hold.is_held(), is_held, "{lacks:?}: attempt {id}, the start number {serial}");
        }
    }

    #[test]
    fn a_lack_soon_after_a_probe_has_run_prolongs_the_delay() {
        for (now, delay) in [(1010, 1000), (6009, 1000), (6010, 500), (60_000, 500), (1009, 500)] {
            let mut hold = StartHold::default();
            lacking(&mut hold, Lack::Resource, 1, 0, 0);
            hold.tick(WAIT, at(500));
            hold.on_handed_over(token(2), 0);
            hold.on_started(token(2), 1, at(510));
            assert!(hold.tick(WAIT, at(1010)));
            lacking(&mut hold, Lack::Resource, 3, 0, now);
            assert_eq!(hold.next_change(WAIT, at(now)), Some(at(now + delay)), "at {now} ms");
        }
    }
}
