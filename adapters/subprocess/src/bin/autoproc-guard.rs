//! Runs a guard as a separate program.

use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    autoproc_subprocess::become_guard().unwrap_or_else(|| {
        // If writing fails, only the exit status reports the error.
        let _ = writeln!(io::stderr(), "autoproc-guard is started by programs, not by people");
        // The status is EX_USAGE of sysexits(3).
        ExitCode::from(64)
    })
}
