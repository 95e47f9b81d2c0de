//! xargs: starts processes from a list and keeps nothing.

use std::io;
use std::path::Path;
use std::process::Command;

use super::{Jobs, Peer, version_word};
use crate::process::{Usage, measure_run};

pub(super) struct Xargs;

impl Peer for Xargs {
    fn name(&self) -> &'static str {
        "xargs"
    }

    fn keeps(&self) -> &'static str {
        "nothing"
    }

    fn version(&self) -> Option<String> {
        version_word(Command::new("xargs").arg("--version"))
    }

    fn drain(&self, jobs: &Jobs, _place: &Path) -> io::Result<Usage> {
        let mut xargs = Command::new("xargs");
        xargs.arg("-a").arg(&jobs.list).arg(format!("-P{}", jobs.at_once)).arg("-n1").args(&jobs.command);
        measure_run(&mut xargs)
    }
}
