//! parallel of moreutils: starts processes from its arguments and keeps nothing.

use std::io;
use std::path::Path;
use std::process::Command;

use super::{Jobs, Peer};
use crate::process::{Usage, ask, measure_run};

/// Debian's name for it where GNU parallel is installed too, which has the same one.
const BESIDE_GNU: &str = "parallel.moreutils";

pub(super) struct Moreutils {
    /// The name under which it is installed.
    program: Option<&'static str>,
}

impl Moreutils {
    pub(super) fn find() -> Self {
        Self { program: [BESIDE_GNU, "parallel"].into_iter().find(|program| is_moreutils(program)) }
    }
}

impl Peer for Moreutils {
    fn name(&self) -> &'static str {
        "moreutils parallel"
    }

    fn keeps(&self) -> &'static str {
        "nothing"
    }

    /// It has no option that tells a version.
    fn version(&self) -> Option<String> {
        self.program.map(|_| "version not told".to_owned())
    }

    fn drain(&self, jobs: &Jobs, _place: &Path) -> io::Result<Usage> {
        let program = self.program.ok_or_else(|| io::Error::other("not installed"))?;
        let mut parallel = Command::new(program);
        parallel.arg("-j").arg(jobs.at_once.to_string()).args(&jobs.command).arg("--").args(jobs.paths()?);
        measure_run(&mut parallel)
    }
}

/// Whether a program takes what follows `--` for arguments of jobs. GNU parallel takes it for a part of the command and
/// its arguments from standard input, where there are none: it runs nothing, and that ends well. The status is asked and
/// not the output, because moreutils may end before the output of its jobs is through.
fn is_moreutils(program: &str) -> bool {
    let ends_well = |job| ask(Command::new(program).args(["-j", "1", job, "--", "argument"])).is_ok();
    ends_well("true") && !ends_well("false")
}
