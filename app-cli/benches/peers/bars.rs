//! The bars that the project set itself, and whether the figures reach them.

use crate::report::numbers::{grouped, megabytes, percent, seconds, times};
use crate::results::{Key, OURS, Results, Scenario};
use crate::scenarios::{LEAST, SHELL, WORK_AT_ONCE};
use crate::statistics::median;

/// Below this part of the other rate something counts as slower: runs of one tool differ by more than that.
pub(crate) const NO_SLOWER: f64 = 0.95;

/// The parallelism and the length at which the bars are set.
const AT_ONCE: u64 = 2;
const MANY: u64 = 1_000_000;
const FEW: u64 = 1_000;

/// A promise beside what was measured.
pub(crate) struct Bar {
    pub(crate) promise: String,
    /// `None` where this run did not measure it.
    pub(crate) figure: Option<String>,
    pub(crate) met: bool,
}

/// What a figure is held against.
#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
    Below(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
            Self::Below(bound) => value < bound,
        }
    }
}

/// All of them.
pub(crate) fn all(results: &Results) -> Vec<Bar> {
    [drains(results), adds(results), lengths(results), rest(results)].into_iter().flatten().collect()
}

fn bar(promise: &str, value: Option<f64>, bound: Bound, show: impl Fn(f64) -> String) -> Bar {
    Bar { promise: promise.to_owned(), figure: value.map(show), met: value.is_some_and(|value| bound.holds(value)) }
}

fn drains(results: &Results) -> Vec<Bar> {
    let ours = (Scenario::Drain, OURS, AT_ONCE);
    let beside = |tool, bound| {
        let factor = if bound > 1.0 { format!("{bound} times ") } else { String::new() };
        let promise = format!("drain at -j{AT_ONCE}: at least {factor}the rate of {tool}");
        bar(&promise, results.times_as_long((Scenario::Drain, tool, AT_ONCE), ours), Bound::AtLeast(bound), times)
    };
    let no_slower =
        |promise: &str, key: Key<'_>| bar(promise, results.times_as_long(ours, key), Bound::AtLeast(NO_SLOWER), times);
    vec![
        beside("xargs", 1.0),
        beside("GNU parallel --joblog", 5.0),
        beside("task-spooler", 1.4),
        beside("huey, threads, SQLite", 1.3),
        beside("pueue", 100.0),
        no_slower("drain no slower at -j8 than at -j2", (Scenario::Drain, OURS, 8)),
        no_slower(
            "drain no slower with 100,000 others queued that are not due",
            (Scenario::DrainBesideBackingOff, OURS, AT_ONCE),
        ),
        no_slower(
            "drain no slower with 100,000 others queued of lower priority",
            (Scenario::DrainBesideLower, OURS, AT_ONCE),
        ),
    ]
}

fn adds(results: &Results) -> Vec<Bar> {
    let least = (Scenario::Add, LEAST, 0);
    let single = |length| {
        let promise = format!("one `queue add` to {} files: at most 1.5 times the least process", grouped(length));
        bar(&promise, results.times_as_long((Scenario::Add, OURS, length), least), Bound::AtMost(1.5), times)
    };
    vec![
        single(0),
        single(MANY),
        bar(
            "1,000,000 paths added in under 2.5 s",
            results.wall((Scenario::BulkAdd, OURS, MANY)),
            Bound::Below(2.5),
            seconds,
        ),
    ]
}

fn lengths(results: &Results) -> Vec<Bar> {
    let wall = |promise: &str, scenario, bound| {
        bar(promise, results.wall((scenario, OURS, MANY)), Bound::Below(bound), seconds)
    };
    let growth = |promise: &str, scenario| {
        let value = results.times_as_long((scenario, OURS, MANY), (scenario, OURS, FEW));
        bar(promise, value, Bound::AtMost(1.5), times)
    };
    vec![
        wall("1,000,000 files opened in under 1 s", Scenario::StoreOpen, 1.0),
        wall("`queue size` of 1,000,000 in under 0.7 s", Scenario::QueueSize, 0.7),
        growth("one add at 1,000,000 within 1.5 times of that at 1,000", Scenario::StoreAdd),
        growth("one settle and claim at 1,000,000 within 1.5 times of that at 1,000", Scenario::StoreExchange),
    ]
}

fn rest(results: &Results) -> Vec<Bar> {
    let peak = results.find((Scenario::RunMemory, OURS, MANY)).and_then(|series| median(&series.peaks()));
    let at = WORK_AT_ONCE as u64;
    let work = results.times_as_long((Scenario::Work, OURS, at), (Scenario::Work, "xargs", at));
    let steps = results.times_as_long((Scenario::Steps, OURS, at), (Scenario::Steps, SHELL, at));
    vec![
        bar("a run over 1,000,000 queued paths of 60 bytes in under 300 MB", peak, Bound::Below(300e6), megabytes),
        bar("real files with real work: within 3 % of xargs -P2", work, Bound::AtMost(1.03), times),
        bar("a workflow of three steps: at most a tenth longer than its processes", steps, Bound::AtMost(1.1), times),
        bar("a run that waits for 100,000 files: under 1 % of a core", waiting(results), Bound::Below(0.01), percent),
    ]
}

/// The part of a core that a waiting run takes.
pub(crate) fn waiting(results: &Results) -> Option<f64> {
    let series = results.of(Scenario::Waiting).next()?;
    Some(median(&series.cpus())? / median(&series.walls())?)
}

/// How much of the rate at which the machine starts processes from two threads a drain reaches.
pub(crate) fn part_of_ceiling(results: &Results) -> Option<f64> {
    let floor = (Scenario::FloorSpawn, crate::scenarios::FLOOR, AT_ONCE);
    let rate = |key| median(&results.find(key)?.rates());
    Some(rate((Scenario::Drain, OURS, AT_ONCE))? / rate(floor)?)
}
