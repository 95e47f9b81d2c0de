//! nq: a file and a waiting process for each job, one job at a time.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::gate::Gate;
use super::{Jobs, Peer, Queue};
use crate::process::{Usage, ask, say};

pub(super) struct Nq;

impl Peer for Nq {
    fn name(&self) -> &'static str {
        "nq, one at a time"
    }

    fn keeps(&self) -> &'static str {
        "nothing: a process waits for each job"
    }

    /// It has no option that tells a version; without a job it shows how it is used, and fails.
    fn version(&self) -> Option<String> {
        Command::new("nq").arg("-h").output().ok().map(|_| "version not told".to_owned())
    }

    /// Its time grows nearly with the square of the number.
    fn most_jobs(&self) -> usize {
        500
    }

    fn most_at_once(&self) -> usize {
        1
    }

    fn drain(&self, jobs: &Jobs, place: &Path) -> io::Result<Usage> {
        let queue = Folder::start(place)?;
        for path in jobs.paths()? {
            ask(&mut queue.add(&[jobs.command.clone(), vec![path]].concat()))?;
        }
        ask(&mut queue.add(&queue.gate.last_job()))?;
        queue.gate.time(|| Ok(()))
    }

    fn queue(&self, place: &Path) -> io::Result<Option<Box<dyn Queue>>> {
        Ok(Some(Box::new(Folder::start(place)?)))
    }
}

struct Folder {
    place: PathBuf,
    gate: Gate,
}

impl Folder {
    fn start(place: &Path) -> io::Result<Self> {
        let folder = Self { place: place.to_owned(), gate: Gate::in_folder(place) };
        ask(&mut folder.add(&folder.gate.first_job()))?;
        Ok(folder)
    }
}

impl Queue for Folder {
    fn add(&self, job: &[String]) -> Command {
        let mut client = Command::new("nq");
        client.env("NQDIR", &self.place).arg("-q").args(job);
        client
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let ended = self.gate.open().and_then(|()| ask(Command::new("nq").env("NQDIR", &self.place).arg("-w")));
        if let Err(error) = ended {
            say(&format!("  jobs of nq may be left over: {error}"));
        }
    }
}
