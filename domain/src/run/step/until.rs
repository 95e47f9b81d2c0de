//! Decides which attempts may still start before the time [`RunConfig::until`].
//!
//! An attempt does not start if it would end too late at the upper end of its forecast. Its claim
//! is *set aside*: the run keeps the claim, so that other files are claimed. Once no more attempts
//! start, the claim is released.
//!
//! [`RunConfig::until`]: crate::RunConfig::until

use std::time::Duration;

use crate::attempt::AttemptRef;
use crate::item::ClaimToken;
use crate::run::state::RunState;
use crate::view::Claimed;

/// Once the run has set aside more claims than this, no more attempts start. Otherwise, the run
/// might claim the whole queue.
const MAX_SET_ASIDE: usize = 100;

impl RunState {
    pub(super) fn hand_over_in_time(&mut self, (token, item): Claimed, longest: Option<Duration>) {
        if self.ends_in_time(longest) {
            return self.hand_over((token, item), self.timeout(longest));
        }
        self.attempts.set_aside.push((token, AttemptRef::latest(&item)));
        // Another file may be claimed instead.
        self.queue.may_have_work = true;
        self.reached.time |= self.attempts.set_aside.len() > MAX_SET_ASIDE;
    }

    /// An attempt without a forecast is assumed to take no time.
    fn ends_in_time(&self, longest: Option<Duration>) -> bool {
        let end = self.now.saturating_add(longest.unwrap_or_default());
        self.config.until.is_none_or(|until| end <= until)
    }

    pub(super) fn check_time(&mut self) {
        self.reached.time |= self.config.until.is_some_and(|until| until <= self.now);
    }

    pub(super) fn release_set_aside(&mut self) {
        if !self.may_start() {
            self.attempts.unused.append(&mut self.attempts.set_aside);
        }
    }

    /// True if waiting is useless: no further file can end in time.
    pub(super) fn is_time_useless(&self) -> bool {
        let Some(until) = self.config.until else { return false };
        let is_due_too_late = self.room() > 0 && self.queue.next_due.is_some_and(|due| until <= due);
        let has_set_aside = !self.attempts.set_aside.is_empty();
        let waits = self.queue.has_waiting && (self.config.wait_for_backoff || self.is_under_pressure());
        is_due_too_late || (has_set_aside && !waits)
    }

    pub(super) fn end_starts(&mut self) {
        self.reached.time = true;
        self.release_set_aside();
        self.exchange();
    }

    /// Returns false if the claim was not set aside.
    pub(super) fn give_up_set_aside(&mut self, token: ClaimToken) -> bool {
        let cancelled: Vec<_> = self.attempts.set_aside.extract_if(.., |(aside, _)| *aside == token).collect();
        let is_found = !cancelled.is_empty();
        self.attempts.unused.extend(cancelled);
        is_found
    }
}
