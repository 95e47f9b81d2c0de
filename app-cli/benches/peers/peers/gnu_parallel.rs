//! GNU parallel as one would use it unattended: with a joblog to resume from, retries and a timeout.

use std::io;
use std::path::Path;
use std::process::Command;

use super::{Jobs, Peer};
use crate::process::{Usage, ask, measure_run};

pub(super) struct GnuParallel;

impl Peer for GnuParallel {
    fn name(&self) -> &'static str {
        "GNU parallel --joblog"
    }

    fn keeps(&self) -> &'static str {
        "a log of what ended, not synced"
    }

    fn version(&self) -> Option<String> {
        let answer = ask(Command::new("parallel").arg("--version")).ok()?;
        answer.lines().next()?.strip_prefix("GNU parallel ").map(str::to_owned)
    }

    /// A quarter of a minute's worth, beside which the tenth of a second that it takes to start is little.
    fn most_jobs(&self) -> usize {
        5_000
    }

    fn drain(&self, jobs: &Jobs, place: &Path) -> io::Result<Usage> {
        let mut parallel = Command::new("parallel");
        // Its folder is set so that it neither reads nor leaves anything in the user's home.
        parallel.env("PARALLEL_HOME", place).arg("--will-cite").arg("--joblog").arg(place.join("log"));
        parallel.args(["--retries", "3", "--timeout", "300"]).arg(format!("-j{}", jobs.at_once));
        parallel.arg("-a").arg(&jobs.list).args(&jobs.command).arg("{}");
        measure_run(&mut parallel)
    }
}
