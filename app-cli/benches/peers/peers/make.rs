//! make with a phony target for each job. A makefile with real targets keeps what their files say.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use super::{Jobs, Peer, version_word};
use crate::process::{Usage, measure_run};

pub(super) struct Make;

impl Peer for Make {
    fn name(&self) -> &'static str {
        "make"
    }

    fn keeps(&self) -> &'static str {
        "nothing"
    }

    fn version(&self) -> Option<String> {
        version_word(Command::new("make").arg("--version"))
    }

    fn drain(&self, jobs: &Jobs, place: &Path) -> io::Result<Usage> {
        let makefile = place.join("Makefile");
        fs::write(&makefile, rules(jobs)?)?;
        measure_run(Command::new("make").arg("--silent").arg(format!("-j{}", jobs.at_once)).arg("-f").arg(makefile))
    }
}

/// The paths of these jobs hold nothing that make or a shell would read as anything else, so make starts the command
/// itself, without a shell.
fn rules(jobs: &Jobs) -> io::Result<String> {
    let command = jobs.command.join(" ");
    let (mut all, mut rules) = ("all:".to_owned(), String::new());
    for (number, path) in jobs.paths()?.iter().enumerate() {
        write!(all, " job{number}").map_err(io::Error::other)?;
        write!(rules, "job{number}:\n\t@{command} {path}\n").map_err(io::Error::other)?;
    }
    Ok(all + "\n" + &rules)
}
