//! A guard as a program of its own, for users of the library whose `main` cannot become one.

use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    autoproc_subprocess::become_guard().unwrap_or_else(|| {
        // If that fails, the exit status reports the error.
        let _ = writeln!(io::stderr(), "autoproc-guard is started by programs, not by people");
        // EX_USAGE of sysexits(3).
        ExitCode::from(64)
    })
}
