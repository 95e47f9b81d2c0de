//! Checks that no process is left by commands that try to leave orphans, in every way in which an
//! attempt can end.
//!
//! Each trial runs [`stubborn::SCRIPT`]. Some trials kill a runner, which is this program in
//! another mode. All other trials use this process, which adopts orphans. Leftovers are found by an
//! argument that no other process has, and by the run's marker.
//!
//! `AUTOPROC_ORPHAN_TRIALS` sets the number of trials; the default is 30. The test has no harness,
//! because it needs a process of its own: it serves as its own guard, and all its other children
//! count as orphans.
#![cfg_attr(not(target_os = "linux"), expect(unused, reason = "leftovers are found in /proc"))]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the harness's own output")]

mod leftovers;
mod runner;
mod stubborn;
mod trials;

use std::process::ExitCode;

const DEFAULT_TRIALS: usize = 30;

fn main() -> ExitCode {
    if let Some(code) = autoproc_subprocess::become_guard() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, tag, run] = &arguments[..]
        && mode == runner::MODE
    {
        runner::serve(tag, run);
        return ExitCode::SUCCESS;
    }
    // Lists one test for cargo-nextest and editors.
    if arguments.iter().any(|argument| argument == "--list") {
        println!("orphans: test");
        return ExitCode::SUCCESS;
    }
    #[cfg(target_os = "linux")]
    trials::all(trial_count());
    ExitCode::SUCCESS
}

fn trial_count() -> usize {
    let count = std::env::var("AUTOPROC_ORPHAN_TRIALS").ok();
    count.map_or(DEFAULT_TRIALS, |count| count.parse().expect("AUTOPROC_ORPHAN_TRIALS is a number"))
}
