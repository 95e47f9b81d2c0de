//! Real files through a workflow of three steps, beside a shell that does the same three and keeps nothing.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use super::Bench;
use super::work::{AT_ONCE, Files, WORK};
use crate::autoproc::Project;
use crate::process::{Usage, measure};
use crate::results::{OURS, Scenario};

/// What stands for the three processes alone: one shell a file starts them.
pub(crate) const SHELL: &str = "xargs, a shell script";

/// How many processes a file goes through.
pub(crate) const STEPS: usize = 3;

pub(super) fn measure_steps(bench: &mut Bench) -> io::Result<()> {
    // Half as many as without steps: each takes three times as long.
    let files = Files::write(bench, bench.plan.texts / 2)?;
    let workflow = bench.scratch.path().join("steps.yaml");
    fs::write(&workflow, workflow_text())?;
    for _ in bench.rounds("a workflow of three steps") {
        let outcome = ours(bench, &files, &workflow);
        record(bench, OURS, &files, outcome);
        rustix::fs::sync();
        let outcome = measure(&mut shell(&files));
        record(bench, SHELL, &files, outcome);
    }
    Ok(())
}

fn record(bench: &mut Bench, tool: &str, files: &Files, outcome: io::Result<Usage>) {
    bench.results.record((Scenario::Steps, tool, AT_ONCE as u64), files.count() as u64, outcome);
}

fn ours(bench: &Bench, files: &Files, workflow: &Path) -> io::Result<Usage> {
    let place = bench.scratch.place()?;
    let project = Project::new(place.path())?;
    project.add_list(&files.list)?;
    measure(project.command(&["run", "-q", "-j", &AT_ONCE.to_string(), "--workflow"]).arg(workflow))
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
