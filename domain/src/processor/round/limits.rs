//! What keeps a run from claiming: too many failures behind it, a gate that is shut, no free slot; and what it leaves alone.

use crate::ports::{Hold, RunEventKind, StopLevel, Unproven};
use crate::processor::ProcessorError;
use crate::processor::round::Rounds;
use crate::processor::round::attempt::Tally;

impl Rounds<'_> {
    /// A result counts from the end of its attempt on: what claims or starts next is not to wait for its settlement.
    pub(super) fn notice_halt(&mut self) {
        let Some(halt) = self.config.halt else { return };
        let (settling, waiting) = (self.settling, Tally::of(&self.ended));
        let processed = self.result.processed + settling.processed + waiting.processed;
        let failed = self.result.failed + settling.failed + waiting.failed;
        self.is_halted |= halt.is_reached(processed, failed);
    }

    /// The gate is asked only where something could be started, and told of only where something waits for it.
    pub(super) fn notice_hold(&mut self) {
        if self.free_slots() == 0 {
            return;
        }
        self.hold = self.ports.gate.hold();
        if self.hold == self.told_hold || (self.told_hold.is_none() && self.counts.pending == 0) {
            return;
        }
        self.told_hold.clone_from(&self.hold);
        self.processor.tell(match &self.hold {
            Some(Hold { reason }) => RunEventKind::StartsHeld { reason: reason.clone() },
            None => RunEventKind::StartsResumed,
        });
    }

    /// How many more attempts the run has place for, whatever the gate says.
    pub(super) fn free_slots(&self) -> usize {
        if self.may_start() { self.config.jobs.get().saturating_sub(self.running.len()) } else { 0 }
    }

    /// Whether the run may start anything at all, as far as the round knows.
    fn may_start(&self) -> bool {
        self.level == StopLevel::Running && !self.is_halted && !self.storage_is_full && self.failure.is_none()
    }

    /// Whether the gate alone keeps the run from claiming.
    pub(super) fn is_held(&self) -> bool {
        self.hold.is_some() && self.free_slots() > 0
    }

    /// How many items may be claimed now: for free slots, and for the reserve.
    pub(super) fn room(&self) -> usize {
        if self.hold.is_some() || !self.may_start() {
            return 0;
        }
        let slots = self.config.jobs.get();
        (slots + self.reserve.target(slots)).saturating_sub(self.running.len() + self.reserve.len())
    }

    /// Starts what is claimed, as far as there are slots. The world is asked again before each start, since the round may
    /// have begun a while ago: a claim in reserve must not start after a stop.
    pub(super) fn start_from_reserve(&mut self) {
        self.notice_halt();
        while self.free_slots() > 0
            && self.ports.stop.request().level == StopLevel::Running
            && self.ports.gate.hold().is_none()
            && self.reserve.is_startable(self.ports.clock.now())
        {
            // A run that is to halt decides on each start: any end may be the last that it bears.
            let most = if self.config.halt.is_some() { 1 } else { usize::MAX };
            let series = self.reserve.take_series(self.config.jobs.get(), most);
            self.start(series);
        }
    }

    /// Gives back what is in reserve where nothing may be started, or no slot was free for too long.
    pub(super) fn tidy_reserve(&mut self) {
        let is_overdue = self.reserve.is_overdue(self.ports.clock.now());
        if is_overdue {
            self.reserve.learn_of_waiting();
        }
        if is_overdue || self.hold.is_some() || !self.may_start() {
            self.unused.extend(self.reserve.clear());
        }
    }

    /// Sees what waits, without claiming it: while a run is held, others may finish what it waits for.
    pub(super) async fn look(&mut self) -> Result<(), ProcessorError> {
        match self.meanwhile(self.ports.storage.counts()).await {
            Ok(counts) => self.counts = counts,
            Err(error) => return self.bear(error, 0),
        }
        Ok(())
    }

    /// Once a run and reason: recovery is tried again whenever the queue seems empty.
    pub(super) fn tell_withheld(&mut self, unproven: Vec<Unproven>) {
        for left in unproven {
            if !self.withheld.contains(&left) {
                self.withheld.push(left.clone());
                let Unproven { run: dead_run, reason } = left;
                self.processor.tell(RunEventKind::RecoveryWithheld { dead_run, reason });
            }
        }
    }
}
