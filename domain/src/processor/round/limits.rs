//! What keeps a run from claiming: too many failures behind it, a gate that is shut, no free slot; and what it leaves alone.

use crate::command::Verdict;
use crate::ports::{Hold, RunEventKind, StopLevel, Unproven};
use crate::processor::ProcessorError;
use crate::processor::round::Rounds;

impl Rounds<'_> {
    /// Results that are still to be settled count, because the transaction that settles them would claim too.
    pub(super) fn notice_halt(&mut self) {
        let Some(halt) = self.config.halt else { return };
        let (mut processed, mut failed) = (self.result.processed, self.result.failed);
        for ended in &self.ended {
            processed += u64::from(ended.verdict == Verdict::Complete);
            failed += u64::from(matches!(ended.verdict, Verdict::Fail { .. }));
        }
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
        let may_claim =
            self.level == StopLevel::Running && !self.is_halted && !self.storage_is_full && self.failure.is_none();
        if may_claim { self.config.jobs.get().saturating_sub(self.running.len()) } else { 0 }
    }

    /// Whether the gate alone keeps the run from claiming.
    pub(super) fn is_held(&self) -> bool {
        self.hold.is_some() && self.free_slots() > 0
    }

    /// How many items may be claimed now.
    pub(super) fn room(&self) -> usize {
        if self.hold.is_some() { 0 } else { self.free_slots() }
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
