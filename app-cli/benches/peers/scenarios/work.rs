//! Real files through a real tool, where what we cost beside the work is what counts.

use std::fs;
use std::io;
use std::path::PathBuf;

use tempfile::TempDir;

use super::{Bench, Sample, turns};
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

    /// Makes them the same for whoever comes next: reads each once, so that nobody is the one who brings them into the
    /// cache, and removes the results, so that nobody finds any to replace. A tool that failed may have left none.
    ///
    /// # Errors
    /// One cannot be read, or its result not be removed.
    pub(super) fn renew(&self) -> io::Result<()> {
        self.texts.iter().try_for_each(|text| {
            fs::read(text)?;
            match fs::remove_file(text.with_extension("txt.gz")) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        })
    }
}

pub(super) fn measure(bench: &mut Bench) -> io::Result<()> {
    let files = Files::write(bench, bench.plan.texts)?;
    let command = WORK.map(str::to_owned).to_vec();
    let jobs = Jobs { command, list: files.list.clone(), count: files.count(), at_once: AT_ONCE };
    for round in bench.rounds("real work") {
        let tools = tools(bench, &jobs);
        let samples = turns::each(round, tools.len(), |index| one(bench, tools[index], &jobs, &files));
        bench.record(samples)?;
    }
    Ok(())
}

/// We are the first; of the peers, those that can take all files.
fn tools<'a>(bench: &'a Bench, jobs: &Jobs) -> Vec<&'a dyn Peer> {
    let all = [&Autoproc as &dyn Peer].into_iter().chain(bench.peers.iter().map(AsRef::as_ref));
    all.filter(|tool| tool.most_jobs() >= jobs.count && tool.most_at_once() >= AT_ONCE).collect()
}

fn one(bench: &Bench, tool: &dyn Peer, jobs: &Jobs, files: &Files) -> io::Result<Sample> {
    files.renew()?;
    let place = bench.scratch.place()?;
    Ok(((Scenario::Work, tool.name(), AT_ONCE as u64), jobs.count as u64, tool.drain(jobs, place.path())))
}
