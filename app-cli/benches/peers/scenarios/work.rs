//! Real files through a real tool, where what we cost beside the work is what counts.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::Bench;
use crate::autoproc::Autoproc;
use crate::peers::{Jobs, Peer};
use crate::results::Scenario;
use crate::scratch::write_texts;

/// How many at a time: as the bar says.
pub(crate) const AT_ONCE: usize = 2;

pub(super) fn measure(bench: &mut Bench) -> io::Result<()> {
    let place = bench.scratch.place()?;
    let texts = write_texts(place.path(), bench.plan.texts)?;
    let list = bench.scratch.path().join("texts.list");
    let lines: Vec<_> = texts.iter().map(|path| path.display().to_string()).collect();
    fs::write(&list, lines.join("\n") + "\n")?;
    // Each file's result is written beside it, so nobody has output to capture.
    let command = ["gzip", "-9", "-k", "-f"].map(str::to_owned).to_vec();
    let jobs = Jobs { command, list, count: texts.len(), at_once: AT_ONCE };
    for _ in bench.rounds("real work") {
        for index in 0..=bench.peers.len() {
            one(bench, index, &jobs, &texts)?;
        }
    }
    Ok(())
}

/// We are the first; of the peers, those that can take all files.
fn one(bench: &mut Bench, index: usize, jobs: &Jobs, texts: &[PathBuf]) -> io::Result<()> {
    let tool: &dyn Peer = match index.checked_sub(1) {
        None => &Autoproc,
        Some(index) => bench.peers[index].as_ref(),
    };
    if tool.most_jobs() < jobs.count || tool.most_at_once() < AT_ONCE {
        return Ok(());
    }
    let place = bench.scratch.place()?;
    let (name, outcome) = (tool.name(), tool.drain(jobs, place.path()));
    bench.results.record((Scenario::Work, name, AT_ONCE as u64), jobs.count as u64, outcome);
    // So that nobody finds results to replace.
    texts.iter().try_for_each(|text| fs::remove_file(text.with_extension("txt.gz")))
}
