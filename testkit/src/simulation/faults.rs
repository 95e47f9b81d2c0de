//! The faults injected into a simulation.

use std::time::Duration;

use autoproc_domain::Recipe;
use autoproc_domain::ports::{StopCause, StopLevel};
use autoproc_domain::request::Repeat;

use crate::{Outage, Random};

const MAX_FAULTS: u64 = 9;
/// All files are added, and all timed faults occur, within this time.
pub(super) const SPAN: Duration = Duration::from_secs(60);
pub(super) const RECIPES: [Recipe; 2] = [Recipe::new([1; 8]), Recipe::new([2; 8])];

#[derive(Debug, Clone)]
pub(super) struct PlannedFault {
    pub(super) when: When,
    pub(super) fault: Fault,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    At(Duration),
    /// The number of events before the fault.
    After(u64),
}

/// A fault, or a request of a user.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    StopFile(StopLevel),
    Signal(StopLevel, StopCause),
    /// A run and its attempts receive SIGTERM.
    TerminateAll,
    Kill,
    Begin,
    /// The clock jumps by this many seconds.
    SetClock(i64),
    /// The store is busy for this many transactions.
    Busy(usize),
    Unreachable(Vec<Outage>),
    /// The store is full for this long.
    Full(Duration),
    Pressure(Duration),
    /// The machine has too few processes. The fields are the time that this lasts, and the maximum
    /// number of running attempts of each run.
    Shortage(Duration, usize),
    /// The program or the folder is missing for this long.
    ProgramAway(Duration),
    /// Reapers cannot observe processes for this long.
    Blind(Duration),
    /// One run cannot reach the store for this long.
    Partition(Duration),
    Cancel(usize),
    Hold(usize, Duration),
    /// The `bool` is true if the file has changed.
    AddAgain(usize, Repeat, bool),
    Reprioritise(usize, i32),
}

/// Returns random faults. One seed in four has no faults.
pub(super) fn faults(random: &mut Random, files: usize) -> Vec<PlannedFault> {
    if random.one_in(4) {
        return Vec::new();
    }
    let count = 1 + random.below(MAX_FAULTS);
    (0..count).map(|_| PlannedFault { when: when(random), fault: fault(random, files) }).collect()
}

fn when(random: &mut Random) -> When {
    match random.below(3) {
        0 => When::At(Duration::from_secs(random.below(SPAN.as_secs()))),
        1 => When::At(Duration::from_millis(random.below(SPAN.as_secs() * 1000))),
        _ => When::After(random.below(200)),
    }
}

fn fault(random: &mut Random, files: usize) -> Fault {
    let level = *random.pick(&[StopLevel::Draining, StopLevel::Draining, StopLevel::Aborting, StopLevel::Killing]);
    match random.below(32) {
        0 | 1 => Fault::StopFile(level.min(StopLevel::Aborting)),
        2 => Fault::Signal(level, *random.pick(&[StopCause::Interrupt, StopCause::Terminate, StopCause::HangUp])),
        3 => Fault::TerminateAll,
        4..=6 => Fault::Kill,
        7 | 8 => Fault::Begin,
        9 | 10 => Fault::SetClock(*random.pick(&[1, 30, 7200, -1, -30, -7200])),
        11 => Fault::Busy(some(random, 3)),
        12..=14 => Fault::Unreachable(outages(random)),
        15 => Fault::Full(seconds(random, 20)),
        16 | 17 => Fault::Pressure(seconds(random, 60)),
        18 | 19 => Fault::Blind(seconds(random, 120)),
        20..=22 => Fault::Partition(seconds(random, 40)),
        23 | 24 => Fault::Cancel(one_of(random, files)),
        25 => Fault::Hold(one_of(random, files), seconds(random, 60)),
        28 | 29 => Fault::Shortage(seconds(random, 30), one_of(random, 3)),
        30 | 31 => Fault::ProgramAway(if random.one_in(2) { Duration::from_secs(1) } else { seconds(random, 30) }),
        26 => Fault::AddAgain(one_of(random, files), repeat(random), random.one_in(2)),
        _ => Fault::Reprioritise(one_of(random, files), *random.pick(&[-5, 0, 0, 3, 9])),
    }
}

fn seconds(random: &mut Random, most: u64) -> Duration {
    Duration::from_secs(1 + random.below(most))
}

fn some(random: &mut Random, most: u64) -> usize {
    1 + one_of(random, usize::try_from(most).unwrap_or(1))
}

fn one_of(random: &mut Random, count: usize) -> usize {
    usize::try_from(random.below(count as u64)).unwrap_or(0)
}

fn outages(random: &mut Random) -> Vec<Outage> {
    (0..some(random, 3)).map(|_| *random.pick(&[Outage::Request, Outage::Answer])).collect()
}

fn repeat(random: &mut Random) -> Repeat {
    *random.pick(&[Repeat::IfChanged, Repeat::Always, Repeat::IfOtherRecipe(RECIPES[0])])
}
