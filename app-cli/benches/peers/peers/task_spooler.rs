//! task-spooler: a server that keeps jobs in memory, with a client process that waits for each.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::gate::Gate;
use super::{Jobs, Peer, Queue};
use crate::process::{Usage, ask, say};

pub(super) struct TaskSpooler;

impl Peer for TaskSpooler {
    fn name(&self) -> &'static str {
        "task-spooler"
    }

    fn keeps(&self) -> &'static str {
        "nothing: the queue is in memory"
    }

    fn version(&self) -> Option<String> {
        let answer = ask(Command::new("tsp").arg("-V")).ok()?;
        answer.split_whitespace().find_map(|word| word.strip_prefix('v')).map(str::to_owned)
    }

    /// Each job holds one of the 1,024 descriptors that its server may usually have.
    fn most_jobs(&self) -> usize {
        900
    }

    fn drain(&self, jobs: &Jobs, place: &Path) -> io::Result<Usage> {
        let server = Server::start(place)?;
        for path in jobs.paths()? {
            ask(&mut server.add(&[jobs.command.clone(), vec![path]].concat()))?;
        }
        ask(&mut server.add(&server.gate.last_job()))?;
        server.gate.time(|| ask(server.client().arg("-S").arg(jobs.at_once.to_string())).map(|_| ()))
    }

    fn queue(&self, place: &Path) -> io::Result<Option<Box<dyn Queue>>> {
        Ok(Some(Box::new(Server::start(place)?)))
    }
}

struct Server {
    place: PathBuf,
    gate: Gate,
}

impl Server {
    /// A server with one slot, which the gate's first job holds.
    fn start(place: &Path) -> io::Result<Self> {
        let server = Self { place: place.to_owned(), gate: Gate::in_folder(place) };
        ask(&mut server.add(&server.gate.first_job()))?;
        Ok(server)
    }

    fn client(&self) -> Command {
        let mut client = Command::new("tsp");
        client.env("TS_SOCKET", self.place.join("socket")).env("TMPDIR", &self.place).env("TS_SLOTS", "1");
        client
    }
}

impl Queue for Server {
    fn add(&self, job: &[String]) -> Command {
        let mut client = self.client();
        // Without -n it writes a file of output for each job, which would cost it time.
        client.arg("-n").args(job);
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The clients of jobs that still wait end with the server.
        let ended = self.gate.open().and_then(|()| ask(self.client().arg("-K")));
        if let Err(error) = ended {
            say(&format!("  the server of task-spooler may be left over: {error}"));
        }
    }
}
