//! pueue: a daemon with its queue in a JSON file, which it rewrites at every change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::gate::Gate;
use super::{Jobs, Peer, Queue, version_word};
use crate::process::{Running, Usage, ask, say, wait_until};

pub(super) struct Pueue;

impl Peer for Pueue {
    fn name(&self) -> &'static str {
        "pueue"
    }

    fn keeps(&self) -> &'static str {
        "the queue, not synced"
    }

    fn version(&self) -> Option<String> {
        version_word(Command::new("pueued").arg("--version"))?;
        version_word(Command::new("pueue").arg("--version"))
    }

    /// It starts jobs at a fixed beat, so more of them only take longer.
    fn most_jobs(&self) -> usize {
        200
    }

    fn drain(&self, jobs: &Jobs, place: &Path) -> io::Result<Usage> {
        let daemon = Daemon::start(place)?;
        ask(daemon.client().arg("parallel").arg(jobs.at_once.to_string()))?;
        for path in jobs.paths()? {
            ask(&mut daemon.add(&[jobs.command.clone(), vec![path]].concat()))?;
        }
        let gate = Gate::in_folder(place);
        ask(&mut daemon.add(&gate.last_job()))?;
        gate.time(|| ask(daemon.client().arg("start")).map(|_| ()))
    }

    fn queue(&self, place: &Path) -> io::Result<Option<Box<dyn Queue>>> {
        Ok(Some(Box::new(Daemon::start(place)?)))
    }
}

struct Daemon {
    configuration: PathBuf,
    process: Option<Running>,
}

impl Daemon {
    /// A daemon whose queue is paused.
    fn start(place: &Path) -> io::Result<Self> {
        let configuration = place.join("pueue.yml");
        fs::write(&configuration, settings(place))?;
        let process = Running::start(Command::new("pueued").arg("-c").arg(&configuration).stdout(Stdio::null()))?;
        let daemon = Self { configuration, process: Some(process) };
        let answers = || ask(daemon.client().arg("status")).is_ok();
        wait_until("the answer of pueued", Duration::from_secs(30), answers)?;
        ask(daemon.client().arg("pause"))?;
        Ok(daemon)
    }

    fn client(&self) -> Command {
        let mut client = Command::new("pueue");
        client.arg("-c").arg(&self.configuration);
        client
    }
}

impl Queue for Daemon {
    fn add(&self, job: &[String]) -> Command {
        let mut client = self.client();
        client.args(["add", "--"]).args(job);
        client
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.process.take().map(Running::stop) {
            say(&format!("  the daemon of pueue may be left over: {error}"));
        }
    }
}

/// Everything of it in one folder.
fn settings(place: &Path) -> String {
    let place = place.display();
    format!(
        "client: {{}}\ndaemon: {{}}\nshared:\n  pueue_directory: {place}\n  runtime_directory: {place}\n  \
         use_unix_socket: true\n  unix_socket_path: {place}/socket\n"
    )
}
