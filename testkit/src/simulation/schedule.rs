//! The schedule of future events.

use std::time::Duration;

use autoproc_domain::item::ClaimToken;

use crate::Random;

/// A future event. Each `usize` is the index of a run, an attempt, a file or a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    Add(usize),
    /// A fault is injected, or a user repeats a request that the store did not answer.
    Strike(usize),
    BeginRun,
    /// The store carries out an operation of a run. The number identifies the operation.
    Commit(usize, u32),
    /// The answer to an operation of a run arrives. The number identifies the operation.
    Answer(usize, u32),
    /// A run is informed of a stop request.
    StopKnown(usize),
    /// A run is informed that back-pressure has changed.
    GateKnown(usize),
    /// The lease of a run expires, unless it was renewed.
    LeaseEnds(usize),
    /// A wait of a run ends. The number identifies the wait.
    Wake(usize, u32),
    /// A run is informed of a change of the queue.
    Changed(usize),
    Begin(usize),
    /// The orchestrator of a run returns an attempt that has waited too long without starting.
    GiveBack(usize, ClaimToken),
    /// An attempt ends, unless the end was rescheduled.
    End(usize),
    Deliver(usize),
    /// A fault that caused back-pressure ends.
    GateOpens,
    /// A fault that caused a shortage of processes ends.
    Processes,
    /// A fault that made the program or a folder missing ends.
    Program,
    /// The reapers can observe processes again.
    Sight,
    /// The store is no longer full.
    Room,
    Reconnect(usize),
    Unhold(usize),
}

#[derive(Debug)]
struct Entry {
    at: Duration,
    /// Decides the order of events at the same time.
    tie: u64,
    what: Happening,
}

/// The pending events. There are few at a time, so a linear search is fastest.
#[derive(Debug, Default)]
pub(super) struct Schedule(Vec<Entry>);

impl Schedule {
    pub(super) fn add(&mut self, random: &mut Random, at: Duration, what: Happening) {
        self.0.push(Entry { at, tie: random.number(), what });
    }

    pub(super) fn pop(&mut self) -> Option<(Duration, Happening)> {
        let next = self.0.iter().enumerate().min_by_key(|(_, entry)| (entry.at, entry.tie));
        let index = next.map(|(index, _)| index)?;
        let Entry { at, what, .. } = self.0.swap_remove(index);
        Some((at, what))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn drop_if(&mut self, is_stale: impl Fn(Happening) -> bool) {
        self.0.retain(|entry| !is_stale(entry.what));
    }
}
