//! Checks that commands leave no orphaned processes.
//!
//! Each trial runs [`stubborn::SCRIPT`]. Some trials start a runner, a process with its own guards,
//! and kill the runner. In the other trials, this process runs the guards and adopts orphans.
//!
//! `AUTOPROC_ORPHAN_TRIALS` sets the number of trials (default 30). The guards run this program, so
//! the test has no harness.
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
