//! Real files through a real tool, where what we cost beside the work is what counts.

use std::fs;
use std::io;
use std::path::PathBuf;

use tempfile::TempDir;

use super::Bench;
use crate::autoproc::Autoproc;
use crate::peers::{Jobs, Peer};
use crate::results::Scenario;
use crate::scratch::write_texts;

/// How many at a time: as the bar says.
pub(crate) const AT_ONCE: usize = 2;

/// The work: each file's result is written beside it, so nobody has output to capture.
pub(super) const WORK: [&str; 4] = ["gzip", "-9", "-k", "-f"];

/// Real files, gone with the value.
pub(super) struct Files {
    _place: TempDir,
    /// Their paths, one a line.
    pub(super) list: PathBuf,
    texts: Vec<PathBuf>,
}

impl Files {
    /// Writes so many.
    pub(super) fn write(bench: &Bench, count: usize) -> io::Result<Self> {
        let place = bench.scratch.place()?;
        let texts = write_texts(place.path(), count)?;
        let list = place.path().join("texts.list");
        let lines: Vec<_> = texts.iter().map(|path| path.display().to_string()).collect();
        fs::write(&list, lines.join("\n") + "\n")?;
        Ok(Self { _place: place, list, texts })
    }

    pub(super) fn count(&self) -> usize {
        self.texts.len()
    }

    /// Removes the results, so that nobody finds any to replace.
    fn remove_results(&self) -> io::Result<()> {
        self.texts.iter().try_for_each(|text| fs::remove_file(text.with_extension("txt.gz")))
    }
}

pub(super) fn measure(bench: &mut Bench) -> io::Result<()> {
    let files = Files::write(bench, bench.plan.texts)?;
    let command = WORK.map(str::to_owned).to_vec();
    let jobs = Jobs { command, list: files.list.clone(), count: files.count(), at_once: AT_ONCE };
    for _ in bench.rounds("real work") {
        for index in 0..=bench.peers.len() {
            one(bench, index, &jobs, &files)?;
        }
    }
    Ok(())
}

/// We are the first; of the peers, those that can take all files.
fn one(bench: &mut Bench, index: usize, jobs: &Jobs, files: &Files) -> io::Result<()> {
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
    files.remove_results()
}
