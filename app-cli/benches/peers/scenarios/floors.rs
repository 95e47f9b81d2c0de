//! What the machine needs for the parts, and what the store costs when nothing is started for it.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::{Bench, turns};
use crate::autoproc::Project;
use crate::floor::{again, told};
use crate::process::Usage;
use crate::results::{OURS, Scenario};

/// The name of the floors.
pub(crate) const FLOOR: &str = "floor";

/// Threads that start processes.
const THREADS: [u64; 3] = [1, 2, 8];

pub(super) fn measure(bench: &mut Bench) -> io::Result<()> {
    let lengths: Vec<u64> = bench.plan.lengths.iter().copied().filter(|length| *length > 0).collect();
    for round in bench.rounds("floors") {
        append(bench)?;
        turns::order(round, THREADS.len()).try_for_each(|index| spawn(bench, THREADS[index]))?;
        turns::order(round, lengths.len()).try_for_each(|index| store(bench, lengths[index]))?;
    }
    Ok(())
}

fn append(bench: &mut Bench) -> io::Result<()> {
    let place = bench.scratch.place()?;
    let count = bench.plan.operations.to_string();
    let seconds = told(&mut again(&["append", &count], &place.path().join("appended"))?);
    record(bench, "append", Scenario::FloorAppend, FLOOR, 0, 1, seconds);
    Ok(())
}

fn spawn(bench: &mut Bench, threads: u64) -> io::Result<()> {
    let count = bench.plan.operations as u64 * 4;
    rustix::fs::sync();
    let words = ["spawn", &threads.to_string(), &count.to_string()];
    let seconds = told(&mut again(&words, Path::new("/bin/true"))?);
    record(bench, "spawn", Scenario::FloorSpawn, FLOOR, threads, count, seconds);
    Ok(())
}

fn store(bench: &mut Bench, length: u64) -> io::Result<()> {
    let place = bench.scratch.place()?;
    let project = Project::new(place.path())?;
    project.add_list(&bench.scratch.list("long", length)?)?;
    rustix::fs::sync();
    let parsed = told(&mut again(&["parse"], &project.snapshot())?);
    record(bench, "parse", Scenario::FloorParse, FLOOR, length, 1, parsed);
    let count = bench.plan.operations.to_string();
    match told(&mut again(&["store", &count], &project.state())?) {
        Ok(seconds) => record_store(bench, length, &seconds),
        Err(error) => bench.results.record((Scenario::StoreOpen, OURS, length), 1, Err(error)),
    }
    Ok(())
}

fn record_store(bench: &mut Bench, length: u64, seconds: &[(String, Duration)]) {
    let parts = [("open", Scenario::StoreOpen), ("add", Scenario::StoreAdd), ("exchange", Scenario::StoreExchange)];
    for (part, scenario) in parts {
        record(bench, part, scenario, OURS, length, 1, Ok(seconds.to_vec()));
    }
}

/// Takes down what was told under a name.
fn record(
    bench: &mut Bench,
    part: &str,
    scenario: Scenario,
    tool: &str,
    at: u64,
    units: u64,
    seconds: io::Result<Vec<(String, Duration)>>,
) {
    let found = seconds.and_then(|seconds| {
        let found = seconds.iter().find(|(name, _)| name == part).map(|(_, duration)| *duration);
        found.map(Usage::of_wall).ok_or_else(|| io::Error::other(format!("nothing was told of {part}")))
    });
    bench.results.record((scenario, tool, at), units, found);
}
