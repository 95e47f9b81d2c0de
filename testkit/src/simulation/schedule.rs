//! The schedule of future events.

use std::time::Duration;

use autoproc_domain::item::ClaimToken;

use crate::Random;

/// A future event. Each `usize` is the index of a run, attempt, file or fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    Add(usize),
    /// A fault is injected, or a user repeats an unanswered request.
    Strike(usize),
    BeginRun,
    /// The store carries out the operation with this number.
    Commit(usize, u32),
    /// The answer to the operation with this number arrives.
    Answer(usize, u32),
    /// A run learns of a stop request.
    StopKnown(usize),
    /// A run learns of changed back-pressure.
    GateKnown(usize),
    LeaseEnds(usize),
    /// The wait with this number ends.
    Wake(usize, u32),
    /// A run learns of a changed queue.
    Changed(usize),
    Begin(usize),
    /// The orchestrator returns an attempt that has waited too long.
    GiveBack(usize, ClaimToken),
    End(usize),
    Deliver(usize),
    /// A fault that caused back-pressure ends.
    GateOpens,
    /// A shortage of processes ends.
    Processes,
    /// An absence of the program or folder ends.
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
    /// Orders events at the same time.
    tie: u64,
    what: Happening,
}

/// The pending events. There are few, so a linear search is fastest.
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
