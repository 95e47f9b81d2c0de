//! What the world does to the runs.

use std::time::Duration;

use autoproc_domain::ports::{StopCause, StopLevel};

use super::plan::SPAN;
use crate::Random;

/// Disturbances in one simulation, at the most.
const MAX_DISTURBANCES: u64 = 8;

/// Something that happens once, at a time or in the middle of things.
#[derive(Debug, Clone)]
pub(super) struct Disturbance {
    pub(super) when: When,
    pub(super) what: What,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    /// When so much time has passed.
    At(Duration),
    /// When futures have been polled so often. This is what strikes in the middle of a transaction.
    AfterPolls(u64),
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// Somebody makes the stop file.
    StopFile(StopLevel),
    /// One of the runs receives a signal.
    Signal(StopLevel, StopCause),
    /// One of the runs dies.
    Kill,
    /// Another run begins beside whatever runs.
    Begin,
    /// The clock is set, forward where positive; in seconds.
    SetClock(i64),
    /// Somebody holds the store for so many transactions.
    Busy(usize),
    /// The disk fills up for so long.
    Full(Duration),
    /// Something holds new starts back for so long.
    Hold(Duration),
    /// For so long nobody can prove that a dead run is over.
    Blind(Duration),
}

/// What this seed's world does, in no order. One seed in four has none: there the outcome of every file is certain.
pub(super) fn disturbances(random: &mut Random) -> Vec<Disturbance> {
    if random.one_in(4) {
        return Vec::new();
    }
    (0..=random.below(MAX_DISTURBANCES)).map(|_| Disturbance { when: when(random), what: what(random) }).collect()
}

fn when(random: &mut Random) -> When {
    match random.below(3) {
        0 => When::At(Duration::from_secs(random.below(SPAN.as_secs()))),
        1 => When::At(Duration::from_millis(random.below(SPAN.as_secs() * 1000))),
        _ => When::AfterPolls(random.below(300)),
    }
}

fn what(random: &mut Random) -> What {
    let level = *random.pick(&[StopLevel::Draining, StopLevel::Draining, StopLevel::Aborting, StopLevel::Killing]);
    match random.below(18) {
        0 | 1 => What::StopFile(level.min(StopLevel::Aborting)),
        2 => What::Signal(level, *random.pick(&[StopCause::Interrupt, StopCause::Terminate, StopCause::HangUp])),
        3..=5 => What::Kill,
        6 | 7 => What::Begin,
        8 => What::SetClock(*random.pick(&[1, 30, 7200, -1, -30, -7200])),
        9 | 10 => What::Busy(1 + usize::try_from(random.below(3)).unwrap_or(0)),
        11 => What::Full(Duration::from_secs(1 + random.below(20))),
        12 | 13 => What::Hold(Duration::from_secs(1 + random.below(60))),
        _ => What::Blind(Duration::from_secs(1 + random.below(120))),
    }
}
