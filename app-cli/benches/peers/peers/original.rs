//! The queue of the original Python program, whose file `AUTOPROC_BENCH_ORIGINAL` names.
//!
//! The file is taken for a module that has a class `FileQueue`, made with the project folder, with `add(path)`, `pop()` and
//! `mark_complete(path)`. The script around it does what its processor did, without the workflow engine: take a file, run
//! the command, mark it complete.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::{Jobs, Peer, version_word};
use crate::process::{Usage, measure_output};

pub(super) struct Original {
    module: Option<OsString>,
}

/// Fills a queue, runs it, and prints the seconds from the first `pop` to the end.
const SCRIPT: &str = include_str!("original_drain.py");

impl Original {
    pub(super) fn from_environment() -> Self {
        Self { module: std::env::var_os("AUTOPROC_BENCH_ORIGINAL") }
    }

    fn module(&self) -> io::Result<&OsString> {
        self.module.as_ref().ok_or_else(|| io::Error::other("AUTOPROC_BENCH_ORIGINAL is not set"))
    }
}

impl Peer for Original {
    fn name(&self) -> &'static str {
        "original, one at a time"
    }

    fn keeps(&self) -> &'static str {
        "the queue, rewritten at every change, not synced"
    }

    fn version(&self) -> Option<String> {
        self.module.as_ref()?;
        version_word(Command::new("python3").arg("--version")).map(|python| format!("on Python {python}"))
    }

    /// Its time grows with the square of the number.
    fn most_jobs(&self) -> usize {
        500
    }

    fn most_at_once(&self) -> usize {
        1
    }

    fn drain(&self, jobs: &Jobs, place: &Path) -> io::Result<Usage> {
        let mut python = Command::new("python3");
        python.args(["-c", SCRIPT]).arg(self.module()?).arg(place).arg(&jobs.list).args(&jobs.command);
        let (whole, told) = measure_output(&mut python)?;
        Ok(Usage { wall: seconds_told(&told)?, cpu: None, ..whole })
    }
}

/// The seconds that a script printed on its last line.
pub(super) fn seconds_told(told: &str) -> io::Result<Duration> {
    let seconds = told.lines().last().unwrap_or_default().parse().map_err(io::Error::other)?;
    Duration::try_from_secs_f64(seconds).map_err(io::Error::other)
}
