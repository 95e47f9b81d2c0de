//! Looking at queues of several lengths, and the memory of a run over the longest.

use std::io;

use tempfile::TempDir;

use super::Bench;
use crate::autoproc::Project;
use crate::peers::Jobs;
use crate::process::measure as measure_process;
use crate::results::{OURS, Scenario};

/// The looks, and the words that ask for them.
const LOOKS: [(Scenario, &[&str]); 3] = [
    (Scenario::Status, &["status"]),
    (Scenario::QueueSize, &["queue", "size"]),
    (Scenario::QueueList, &["queue", "list"]),
];

/// Files that the run over the longest queue completes before its memory is taken down: enough for every part of it to
/// have been busy.
const COMPLETIONS: usize = 500;

pub(super) fn measure(bench: &mut Bench) -> io::Result<()> {
    let queues = bench.plan.lengths.iter().map(|length| queue(bench, *length)).collect::<io::Result<Vec<_>>>()?;
    for _ in bench.rounds("looking") {
        for (length, _, project) in &queues {
            for (scenario, words) in LOOKS {
                let outcome = measure_process(&mut project.command(words));
                bench.results.record((scenario, OURS, *length), 1, outcome);
            }
        }
        memory(bench)?;
    }
    Ok(())
}

fn queue(bench: &Bench, length: u64) -> io::Result<(u64, TempDir, Project)> {
    let place = bench.scratch.place()?;
    let project = Project::new(place.path())?;
    project.add_list(&bench.scratch.list("long", length)?)?;
    Ok((length, place, project))
}

fn memory(bench: &mut Bench) -> io::Result<()> {
    let (length, _place, project) = queue(bench, bench.plan.longest())?;
    let list = bench.scratch.list("long", length)?;
    let jobs = Jobs { command: vec!["/bin/true".to_owned()], list, count: COMPLETIONS, at_once: 2 };
    let outcome = project.run_until(&jobs, COMPLETIONS).map(|(_, usage)| usage);
    bench.results.record((Scenario::RunMemory, OURS, length), COMPLETIONS as u64, outcome);
    Ok(())
}
