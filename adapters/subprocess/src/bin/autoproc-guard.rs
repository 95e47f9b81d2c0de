//! A guard and nothing else: for programs that use the library and have no mode of their own to serve as one.

use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    autoproc_subprocess::become_guard().unwrap_or_else(|| {
        // Where it cannot be said, the exit status says it.
        let _ = writeln!(io::stderr(), "autoproc-guard is started by programs, not by people");
        // EX_USAGE, as sysexits(3) has it.
        ExitCode::from(64)
    })
}
