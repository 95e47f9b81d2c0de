//! Small jobs: what a tool costs beside the processes it starts.

use std::io;

use super::{Bench, OTHERS};
use crate::autoproc::{Autoproc, Project};
use crate::peers::{Jobs, Peer};
use crate::process::Usage;
use crate::results::{OURS, Scenario};
use crate::statistics::count;

/// How many at a time.
pub(crate) const PARALLELISMS: [usize; 2] = [2, 8];

pub(super) fn measure(bench: &mut Bench) -> io::Result<()> {
    for round in bench.rounds("drain") {
        for at_once in PARALLELISMS {
            ours(bench, at_once)?;
            peers(bench, at_once, round)?;
        }
    }
    Ok(())
}

/// The job of every drain, on so many paths.
fn jobs(bench: &Bench, count: usize, at_once: usize) -> io::Result<Jobs> {
    let list = bench.scratch.list("drain", count as u64)?;
    Ok(Jobs { command: vec!["/bin/true".to_owned()], list, count, at_once })
}

fn ours(bench: &mut Bench, at_once: usize) -> io::Result<()> {
    let jobs = jobs(bench, bench.plan.jobs, at_once)?;
    let place = bench.scratch.place()?;
    record(bench, Scenario::Drain, &jobs, Autoproc.drain(&jobs, place.path()));
    let beside = beside_backing_off(bench, &jobs);
    record(bench, Scenario::DrainBesideBackingOff, &jobs, beside);
    let beside = beside_lower(bench, &jobs);
    record(bench, Scenario::DrainBesideLower, &jobs, beside);
    Ok(())
}

fn record(bench: &mut Bench, scenario: Scenario, jobs: &Jobs, outcome: io::Result<Usage>) {
    bench.results.record((scenario, OURS, jobs.at_once as u64), jobs.count as u64, outcome);
}

/// The run ends when only the others are left, which are not due.
fn beside_backing_off(bench: &Bench, jobs: &Jobs) -> io::Result<Usage> {
    let place = bench.scratch.place()?;
    Project::new(place.path())?.write_backing_off(OTHERS)?;
    Autoproc.drain(jobs, place.path())
}

/// The run would go on with the others, so it is stopped when the jobs that count have ended: timed from the start of the
/// process until the event log shows the last of them.
fn beside_lower(bench: &Bench, jobs: &Jobs) -> io::Result<Usage> {
    let place = bench.scratch.place()?;
    let project = Project::new(place.path())?;
    project.add_list(&bench.scratch.list("others", OTHERS)?)?;
    crate::process::ask(project.adding(&jobs.list).args(["--priority", "1"]))?;
    rustix::fs::sync();
    let (wall, whole) = project.run_until(jobs, jobs.count)?;
    Ok(Usage { wall, cpu: None, ..whole })
}

fn peers(bench: &mut Bench, at_once: usize, round: usize) -> io::Result<()> {
    for index in 0..bench.peers.len() {
        let peer = &bench.peers[index];
        let repeats_itself = peer.most_at_once() < at_once && at_once != PARALLELISMS[0];
        if repeats_itself || !takes_part(bench, peer.as_ref(), round) {
            continue;
        }
        let most = (peer.most_jobs() / bench.plan.divisor).max(10);
        let jobs = jobs(bench, bench.plan.jobs.min(most), at_once)?;
        let place = bench.scratch.place()?;
        let (name, outcome) = (peer.name(), peer.drain(&jobs, place.path()));
        bench.results.record((Scenario::Drain, name, at_once as u64), jobs.count as u64, outcome);
    }
    Ok(())
}

/// Whether a peer is measured in this round: one that takes longer than a minute is not after the second.
fn takes_part(bench: &Bench, peer: &dyn Peer, round: usize) -> bool {
    let longest = |at_once: &usize| bench.results.wall((Scenario::Drain, peer.name(), *at_once as u64));
    let slow = PARALLELISMS.iter().filter_map(longest).any(|seconds| seconds > count(60));
    round <= 2 || !slow
}
