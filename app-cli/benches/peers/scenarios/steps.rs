//! Real files through a workflow of three steps, beside a shell that does the same three and keeps nothing.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use super::work::{AT_ONCE, Files, WORK};
use super::{Bench, Sample, turns};
use crate::autoproc::Project;
use crate::process::{Usage, measure_run};
use crate::results::{OURS, Scenario};

/// What stands for the three processes alone: one shell a file starts them, which xargs cannot do one after the other. It
/// is a process more a file than we start: about one part in a hundred of the processor time, and in our favour.
pub(crate) const SHELL: &str = "xargs, a shell script";

const CONTESTANTS: [&str; 2] = [OURS, SHELL];

/// How many processes a file goes through.
pub(crate) const STEPS: usize = 3;

pub(super) fn measure_steps(bench: &mut Bench) -> io::Result<()> {
    // Half as many as without steps: each takes three times as long.
    let files = Files::write(bench, bench.plan.texts / 2)?;
    let workflow = bench.scratch.path().join("steps.yaml");
    fs::write(&workflow, workflow_text())?;
    for round in bench.rounds("a workflow of three steps") {
        let samples = turns::each(round, CONTESTANTS.len(), |index| one(bench, CONTESTANTS[index], &files, &workflow));
        bench.record(samples)?;
    }
    Ok(())
}

fn one(bench: &Bench, tool: &'static str, files: &Files, workflow: &Path) -> io::Result<Sample> {
    files.renew()?;
    let place = bench.scratch.place()?;
    let outcome = if tool == OURS { ours(place.path(), files, workflow) } else { measure_run(&mut shell(files)) };
    Ok(((Scenario::Steps, tool, AT_ONCE as u64), files.count() as u64, outcome))
}

fn ours(place: &Path, files: &Files, workflow: &Path) -> io::Result<Usage> {
    let project = Project::new(place)?;
    project.add_list(&files.list)?;
    measure_run(project.command(&["run", "-q", "-j", &AT_ONCE.to_string(), "--workflow"]).arg(workflow))
}

fn shell(files: &Files) -> Command {
    let step = format!("{} \"$1\"", WORK.join(" "));
    let script = vec![step; STEPS].join(" && ");
    let mut xargs = Command::new("xargs");
    xargs.arg("-a").arg(&files.list).args([&format!("-P{AT_ONCE}"), "-n1", "sh", "-c", &script, "sh"]);
    xargs
}

fn workflow_text() -> String {
    let step = |number| format!("        - {{id: step_{number}, run: [{}, \"${{file}}\"]}}\n", WORK.join(", "));
    let steps: String = (1..=STEPS).map(step).collect();
    let head =
        "workflow:\n  id: steps\n  name: three steps\n  phases:\n    - id: work\n      name: work\n      steps:\n";
    head.to_owned() + &steps
}
