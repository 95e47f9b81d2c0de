//! Commands that do all they can to leave something behind, and attempts that end in every way: nothing may be left.
//!
//! Each trial runs [`nasty::SCRIPT`]. The runs that are killed are this program, started over again; all other trials
//! happen in this process, which adopts orphans as the program does. Who survives is found by an argument that no other
//! process has, and by the run's marker.
//!
//! `AUTOPROC_SURVIVOR_TRIALS` sets the number of trials; without it there are some thirty. Not run by the usual harness,
//! since it needs its process for itself: it is its own guard, and every child of it that is no guard counts as an orphan.
#![cfg_attr(not(target_os = "linux"), expect(unused, reason = "survivors are found in /proc"))]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the harness's own output")]

mod nasty;
mod runner;
mod traces;
mod trials;

use std::process::ExitCode;

const DEFAULT_TRIALS: usize = 30;

fn main() -> ExitCode {
    if let Some(code) = autoproc_subprocess::become_guard() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, word, tag, run] = &arguments[..]
        && word == runner::WORD
    {
        runner::serve(tag, run);
        return ExitCode::SUCCESS;
    }
    // What lists tests, as cargo-nextest and editors do, is told that there is one.
    if arguments.iter().any(|argument| argument == "--list") {
        println!("survivors: test");
        return ExitCode::SUCCESS;
    }
    #[cfg(target_os = "linux")]
    trials::all(effort());
    ExitCode::SUCCESS
}

fn effort() -> usize {
    let told = std::env::var("AUTOPROC_SURVIVOR_TRIALS").ok();
    told.map_or(DEFAULT_TRIALS, |told| told.parse().expect("AUTOPROC_SURVIVOR_TRIALS is a number"))
}
