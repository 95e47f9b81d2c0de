//! huey: a Python library with its queue in `SQLite`, here with threads, which are its fastest workers for this.

use std::io;
use std::path::Path;
use std::process::Command;

use super::original::seconds_told;
use super::{Jobs, Peer, version_word};
use crate::process::{Usage, measure_output};

pub(super) struct Huey;

/// Fills a queue, runs it with threads, and prints the seconds from the consumer's start to the last job's end.
const SCRIPT: &str = include_str!("huey_drain.py");

impl Peer for Huey {
    fn name(&self) -> &'static str {
        "huey, threads, SQLite"
    }

    fn keeps(&self) -> &'static str {
        "the queue, not synced by default; jobs under way are lost"
    }

    fn version(&self) -> Option<String> {
        let tells = "from importlib.metadata import version; import huey; print(version('huey'))";
        version_word(Command::new("python3").args(["-c", tells]))
    }

    /// Five seconds' worth.
    fn most_jobs(&self) -> usize {
        5_000
    }

    fn drain(&self, jobs: &Jobs, place: &Path) -> io::Result<Usage> {
        let mut python = Command::new("python3");
        python.args(["-c", SCRIPT]).arg(place.join("huey.db")).arg(&jobs.list).arg(jobs.at_once.to_string());
        let (whole, told) = measure_output(python.args(&jobs.command))?;
        Ok(Usage { wall: seconds_told(&told)?, cpu: None, ..whole })
    }
}
