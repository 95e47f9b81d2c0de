//! What will happen, and when.

use std::time::Duration;

use autoproc_domain::item::ClaimToken;

use crate::Random;

/// Something that will happen. Runs, attempts and files are named by their index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    /// A file is added.
    Add(usize),
    /// A person asks for the fault's request again.
    Strike(usize),
    /// A run begins, on a host.
    BeginRun,
    /// The store carries out a run's operation, of this number.
    Commit(usize, u32),
    /// The answer of the operation arrives.
    Answer(usize, u32),
    /// A run learns of a raised stop level.
    StopKnown(usize),
    /// A run that waits for the gate is woken.
    GateKnown(usize),
    /// The lease of a run ends, unless it was renewed.
    LeaseEnds(usize),
    /// The time of a run's wait has come, of the wait with this number.
    Wake(usize, u32),
    /// A run that waits for a change is woken.
    Changed(usize),
    /// A run's orchestrator begins what it holds.
    Begin(usize),
    /// A run's orchestrator gives back a claim that waited too long.
    GiveBack(usize, ClaimToken),
    /// An attempt ends, unless its end was moved.
    End(usize),
    /// A run learns what its attempts did.
    Deliver(usize),
    /// A reason to hold starts back is over.
    GateOpens,
    /// Reapers see again.
    Sight,
    /// The store has room again.
    Room,
    /// A partition is over.
    Reconnect(usize),
    /// A person releases a held file.
    Unhold(usize),
}

#[derive(Debug)]
struct Entry {
    at: Duration,
    /// Decides the order at one moment.
    tie: u64,
    what: Happening,
}

/// Few entries at a time: a search through all of them is the fastest.
#[derive(Debug, Default)]
pub(super) struct Schedule(Vec<Entry>);

impl Schedule {
    pub(super) fn add(&mut self, random: &mut Random, at: Duration, what: Happening) {
        self.0.push(Entry { at, tie: random.number(), what });
    }

    /// Removes the next happening, and returns its time.
    pub(super) fn pop(&mut self) -> Option<(Duration, Happening)> {
        let next = self.0.iter().enumerate().min_by_key(|(_, entry)| (entry.at, entry.tie));
        let index = next.map(|(index, _)| index)?;
        let Entry { at, what, .. } = self.0.swap_remove(index);
        Some((at, what))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Removes what will not matter any more.
    pub(super) fn drop_if(&mut self, is_stale: impl Fn(Happening) -> bool) {
        self.0.retain(|entry| !is_stale(entry.what));
    }
}
