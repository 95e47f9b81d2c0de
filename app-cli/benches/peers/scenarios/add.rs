//! What it costs to add: one process for each file, and one for very many.

use std::io;
use std::path::Path;
use std::process::Command;

use super::{Bench, Sample, turns};
use crate::autoproc::Project;
use crate::floor;
use crate::peers::Queue;
use crate::process::measure as measure_process;
use crate::results::{OURS, Scenario};
use crate::scratch::path_in_list;

/// The name of the process that does nothing.
pub(crate) const NOTHING: &str = "/bin/true";

/// The name of the least that a process can do to add something durably.
pub(crate) const LEAST: &str = "open, lock, append, sync";

pub(super) fn measure(bench: &mut Bench) -> io::Result<()> {
    singles(bench)?;
    bulk(bench)
}

/// A queue that single files are added to.
struct Target {
    tool: &'static str,
    length: u64,
    queue: Box<dyn Queue>,
}

fn singles(bench: &mut Bench) -> io::Result<()> {
    let place = bench.scratch.place()?;
    let targets = targets(bench, place.path())?;
    for round in bench.rounds("single adds") {
        // Not before each add: it would take longer than what is measured.
        rustix::fs::sync();
        for turn in round * bench.plan.adds..(round + 1) * bench.plan.adds {
            let job = ["/bin/true".to_owned(), path_in_list("single", turn as u64)];
            let samples = turns::each(turn, targets.len(), |index| Ok(one(&targets[index], &job)));
            bench.record(samples)?;
        }
    }
    Ok(())
}

fn one(Target { tool, length, queue }: &Target, job: &[String]) -> Sample {
    ((Scenario::Add, tool, *length), 1, measure_process(&mut queue.add(job)))
}

fn targets(bench: &mut Bench, place: &Path) -> io::Result<Vec<Target>> {
    let mut targets = vec![
        Target { tool: NOTHING, length: 0, queue: Box::new(Nothing) },
        Target { tool: LEAST, length: 0, queue: Box::new(Least::new(&place.join("appended"))?) },
    ];
    for &length in bench.plan.lengths {
        let project = Project::new(&place.join(format!("ours-{length}")))?;
        project.add_list(&bench.scratch.list("long", length)?)?;
        targets.push(Target { tool: OURS, length, queue: Box::new(project) });
    }
    for peer in &bench.peers {
        let place = tempfile::Builder::new().prefix("q").tempdir_in(place)?.keep();
        match peer.queue(&place) {
            Ok(Some(queue)) => targets.push(Target { tool: peer.name(), length: 0, queue }),
            Ok(None) => (),
            Err(error) => bench.results.record((Scenario::Add, peer.name(), 0), 1, Err(error)),
        }
    }
    Ok(targets)
}

struct Nothing;

impl Queue for Nothing {
    fn add(&self, job: &[String]) -> Command {
        let mut command = Command::new("/bin/true");
        command.args(job.last());
        command
    }
}

struct Least {
    program: std::path::PathBuf,
    words: Vec<std::ffi::OsString>,
}

impl Least {
    fn new(file: &Path) -> io::Result<Self> {
        let command = floor::again(&["append-once"], file)?;
        let words = command.get_args().map(ToOwned::to_owned).collect();
        Ok(Self { program: command.get_program().into(), words })
    }
}

impl Queue for Least {
    fn add(&self, _job: &[String]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.words);
        command
    }
}

fn bulk(bench: &mut Bench) -> io::Result<()> {
    let lengths = bench.plan.lengths.iter().copied().filter(|length| *length > 0);
    for _ in bench.rounds("bulk add") {
        for length in lengths.clone() {
            let list = bench.scratch.list("long", length)?;
            let place = bench.scratch.place()?;
            let outcome = measure_process(&mut Project::new(place.path())?.adding(&list));
            bench.results.record((Scenario::BulkAdd, OURS, length), length, outcome);
        }
    }
    Ok(())
}
