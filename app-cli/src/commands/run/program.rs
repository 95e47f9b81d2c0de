//! Checks that the command of a run exists.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::work::Work;
use crate::error::CliError;
use crate::escape::Shown;
use crate::program_path::is_found;
use crate::view::quoting::quoted_path;

/// Searches for the program of a command like execvp(3). Skips a program with a placeholder, a
/// shell command line and a workflow.
///
/// # Errors
/// A usage error if the program is missing or cannot be executed.
pub(super) fn check(work: &Work) -> Result<(), CliError> {
    let Work::Argv(words) = work else { return Ok(()) };
    let Some(program) = words.first() else { return Ok(()) };
    // A single word with blanks, such as `'echo {} | wc'`, is a command line that was quoted by
    // mistake. It is checked in spite of its placeholder, to report the mistake.
    let is_line = words.len() == 1 && program.as_bytes().contains(&b' ') && !program.as_bytes().starts_with(b"/");
    let is_per_file = program.as_bytes().contains(&b'{') && !is_line;
    if is_per_file || is_found(program) {
        return Ok(());
    }
    if program.as_bytes().contains(&b'/') && Path::new(program).is_file() {
        let (shown, file) = (Shown(Path::new(program)), quoted_path(Path::new(program)));
        return Err(CliError::usage(format!("{shown} cannot be executed")).with_hint(format!("chmod +x {file}")));
    }
    let error = CliError::usage(format!("there is no program {}", Shown(Path::new(program))));
    Err(if program.as_bytes().contains(&b' ') {
        error.with_hint("pass the program and each argument separately, or use --shell for a shell command")
    } else {
        error.with_hint("check its spelling, or give its path")
    })
}
