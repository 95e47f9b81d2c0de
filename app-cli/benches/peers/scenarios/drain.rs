//! Small jobs: what a tool costs beside the processes it starts.

use std::io;

use super::{Bench, OTHERS, Sample, turns};
use crate::autoproc::{Autoproc, Project};
use crate::peers::{Jobs, Peer};
use crate::process::Usage;
use crate::results::{OURS, Scenario};
use crate::statistics::count;

/// How many at a time.
pub(crate) const PARALLELISMS: [usize; 2] = [2, 8];

/// Who is measured in a round: our own program by itself and with others queued, and the peers.
#[derive(Debug, Clone, Copy)]
enum Contestant {
    Alone,
    BesideBackingOff,
    BesideLower,
    /// By its place among those that are installed.
    Peer(usize),
}

pub(super) fn measure(bench: &mut Bench) -> io::Result<()> {
    for round in bench.rounds("drain") {
        for index in turns::order(round, PARALLELISMS.len()) {
            let at_once = PARALLELISMS[index];
            let contestants = contestants(bench, at_once, round);
            let one = |index: usize| one(bench, contestants[index], at_once);
            let samples = turns::each(round, contestants.len(), one);
            bench.record(samples)?;
        }
    }
    Ok(())
}

fn contestants(bench: &Bench, at_once: usize, round: usize) -> Vec<Contestant> {
    let peers = (0..bench.peers.len()).filter(|index| takes_part(bench, bench.peers[*index].as_ref(), at_once, round));
    let ours = [Contestant::Alone, Contestant::BesideBackingOff, Contestant::BesideLower];
    ours.into_iter().chain(peers.map(Contestant::Peer)).collect()
}

/// Whether a peer is measured: one that takes longer than a minute is not after the second round, and one that runs fewer
/// at a time than the higher parallelism asks for would only repeat itself.
fn takes_part(bench: &Bench, peer: &dyn Peer, at_once: usize, round: usize) -> bool {
    let longest = |at_once: &usize| bench.results.wall((Scenario::Drain, peer.name(), *at_once as u64));
    let slow = PARALLELISMS.iter().filter_map(longest).any(|seconds| seconds > count(60));
    let repeats_itself = peer.most_at_once() < at_once && at_once != PARALLELISMS[0];
    !repeats_itself && (round < 2 || !slow)
}

fn one(bench: &Bench, contestant: Contestant, at_once: usize) -> io::Result<Sample> {
    let ours = |scenario, drain: fn(&Bench, &Jobs) -> io::Result<Usage>| {
        let jobs = jobs(bench, bench.plan.jobs, at_once)?;
        Ok(((scenario, OURS, at_once as u64), jobs.count as u64, drain(bench, &jobs)))
    };
    match contestant {
        Contestant::Alone => ours(Scenario::Drain, |bench, jobs| drain(bench, &Autoproc, jobs)),
        Contestant::BesideBackingOff => ours(Scenario::DrainBesideBackingOff, beside_backing_off),
        Contestant::BesideLower => ours(Scenario::DrainBesideLower, beside_lower),
        Contestant::Peer(index) => {
            let peer = bench.peers[index].as_ref();
            let most = (peer.most_jobs() / bench.plan.divisor).max(10);
            let jobs = jobs(bench, bench.plan.jobs.min(most), at_once)?;
            Ok(((Scenario::Drain, peer.name(), at_once as u64), jobs.count as u64, drain(bench, peer, &jobs)))
        }
    }
}

/// The job of every drain, on so many paths.
fn jobs(bench: &Bench, count: usize, at_once: usize) -> io::Result<Jobs> {
    let list = bench.scratch.list("drain", count as u64)?;
    Ok(Jobs { command: vec!["/bin/true".to_owned()], list, count, at_once })
}

fn drain(bench: &Bench, tool: &dyn Peer, jobs: &Jobs) -> io::Result<Usage> {
    let place = bench.scratch.place()?;
    tool.drain(jobs, place.path())
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
