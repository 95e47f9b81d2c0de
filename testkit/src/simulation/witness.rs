//! Hears every event of every run, and objects at once to what must never happen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use autoproc_domain::item::ItemId;
use autoproc_domain::ports::{Clock, Observer, RunEvent, RunEventKind, StartGate, StopLevel};
use autoproc_domain::queue::ClaimKey;
use autoproc_domain::{FilePath, QueueItem, RunId, Timestamp};

use super::Summary;
use crate::{MemoryPlace, ScriptedGate, VirtualClock};

/// A claim may wait for a slot for half of this, and for its turn in a series for the other half.
const LONGEST_WAIT: Duration = Duration::from_millis(400);

pub(super) struct Witness {
    clock: VirtualClock,
    place: MemoryPlace,
    gate: ScriptedGate,
    seen: Mutex<Seen>,
}

/// Something heard, and when in time elapsed.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    pub(super) at: Duration,
    pub(super) event: RunEvent,
}

/// Somebody asked a run, or all of them, to stop.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) at: Duration,
    pub(super) run: RunId,
    pub(super) level: StopLevel,
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) heard: Vec<Heard>,
    pub(super) asked: Vec<Asked>,
    pub(super) clock_was_set: bool,
    added: BTreeMap<FilePath, Duration>,
    /// Runs that have told that they began and not that they ended.
    under_way: BTreeSet<RunId>,
    stopping: BTreeSet<RunId>,
    /// Since when something has held new starts back without a pause.
    shut_since: Option<Duration>,
    over: BTreeSet<ItemId>,
    objection: Option<String>,
}

impl Witness {
    pub(super) fn new(clock: VirtualClock, place: MemoryPlace, gate: ScriptedGate) -> Self {
        Self { clock, place, gate, seen: Mutex::default() }
    }

    /// The time on the wall.
    pub(super) fn wall(&self) -> Timestamp {
        self.clock.now()
    }

    /// The first objection, where there is one.
    pub(super) fn verdict(&self) -> Result<(), String> {
        self.seen().objection.clone().map_or(Ok(()), Err)
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file is in the queue, and whoever added it knows.
    pub(super) fn note_added(&self, file: FilePath) {
        self.seen().added.insert(file, self.clock.elapsed());
    }

    /// A run is asked to stop, or all that are under way.
    pub(super) fn note_stop(&self, run: Option<RunId>, level: StopLevel) {
        let (at, mut seen) = (self.clock.elapsed(), self.seen());
        let asked: Vec<_> = match run {
            Some(run) => seen.under_way.get(&run).cloned().into_iter().collect(),
            None => seen.under_way.iter().cloned().collect(),
        };
        seen.asked.extend(asked.into_iter().map(|run| Asked { at, run, level }));
    }

    /// The gate was shut or opened.
    pub(super) fn note_gate(&self) {
        let (at, mut seen) = (self.clock.elapsed(), self.seen());
        seen.shut_since = self.gate.hold().map(|_| seen.shut_since.unwrap_or(at));
    }

    pub(super) fn note_clock_was_set(&self) {
        self.seen().clock_was_set = true;
    }

    pub(super) fn summary(&self) -> Summary {
        let seen = self.seen();
        let count =
            |is_such: fn(&RunEventKind) -> bool| seen.heard.iter().filter(|heard| is_such(&heard.event.kind)).count();
        Summary {
            releases: count(|kind| matches!(kind, RunEventKind::FileReleased { .. })),
            recoveries: count(|kind| matches!(kind, RunEventKind::FileRecovered { .. })),
            holds: count(|kind| matches!(kind, RunEventKind::StartsHeld { .. })),
            withheld: count(|kind| matches!(kind, RunEventKind::RecoveryWithheld { .. })),
            troubles: count(|kind| matches!(kind, RunEventKind::StorageTrouble { .. })),
            ..Summary::default()
        }
    }

    /// Whether a file that could have been claimed before this one was passed over: it was never claimed, it was added
    /// before the moment at which this one was claimed, and its place in the order is before this one's.
    fn passed_over(&self, seen: &Seen, started: ItemId) -> Option<QueueItem> {
        let queue = self.place.queue();
        let item = queue.get(started)?;
        let (key, claimed) = (ClaimKey::of(item), self.clock.elapsed().saturating_sub(self.waited(item)));
        let was_there = |item: &QueueItem| seen.added.get(&item.file_path).is_some_and(|added| *added < claimed);
        queue.pending().find(|item| item.last_attempt.is_none() && ClaimKey::of(item) < key && was_there(item)).cloned()
    }

    /// How long ago a file that starts now was claimed. Where the clock was set since, that tells nothing.
    fn waited(&self, item: &QueueItem) -> Duration {
        let waited = item.last_attempt.map_or(Duration::ZERO, |claimed| self.clock.now().saturating_since(claimed));
        waited.min(LONGEST_WAIT)
    }
}

impl Observer for Witness {
    fn observe(&self, event: &RunEvent) {
        let mut seen = self.seen();
        seen.heard.push(Heard { at: self.clock.elapsed(), event: event.clone() });
        let objection = match &event.kind {
            RunEventKind::FileStarted { of } => {
                let passed_over = self.passed_over(&seen, of.id);
                seen.start(&event.run, of.id, passed_over.as_ref())
                    .and_then(|()| seen.gate_was_open(self.clock.elapsed()))
            }
            kind => seen.take_in(&event.run, kind),
        };
        if let Err(objection) = objection {
            seen.objection.get_or_insert(format!("{objection}, at {:?}: {event:?}", self.clock.elapsed()));
        }
    }
}

impl Seen {
    fn start(&self, run: &RunId, id: ItemId, passed_over: Option<&QueueItem>) -> Result<(), String> {
        if self.stopping.contains(run) {
            return Err("a stopping run started something new".to_owned());
        }
        if self.over.contains(&id) {
            return Err("a file that had ended was started again".to_owned());
        }
        passed_over.map_or(Ok(()), |item| Err(format!("{} was passed over", item.file_path)))
    }

    /// What was claimed at the moment the gate was shut may have been claimed before.
    fn gate_was_open(&self, now: Duration) -> Result<(), String> {
        let is_shut = self.shut_since.is_some_and(|since| since < now);
        if is_shut { Err("something was started while starts were held".to_owned()) } else { Ok(()) }
    }

    fn take_in(&mut self, run: &RunId, kind: &RunEventKind) -> Result<(), String> {
        match kind {
            RunEventKind::ProcessorStarted { .. } => drop(self.under_way.insert(run.clone())),
            RunEventKind::ProcessorStopped { .. } => drop(self.under_way.remove(run)),
            RunEventKind::StopRequested { .. } => drop(self.stopping.insert(run.clone())),
            RunEventKind::ResultDiscarded { .. } => return Err("a living run lost a claim".to_owned()),
            RunEventKind::FileCompleted { of, .. }
            | RunEventKind::FileFailed { of, .. }
            | RunEventKind::FileTimeout { of, .. }
            | RunEventKind::FileRecovered { of, requeued: false, .. }
                if !self.over.insert(of.id) =>
            {
                return Err("a file ended twice".to_owned());
            }
            _ => {}
        }
        Ok(())
    }
}
