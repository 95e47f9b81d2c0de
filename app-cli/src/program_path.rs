//! Searches for programs as execvp(3) does.

use std::env;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The default of `PATH` in execvp(3).
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// True if an executable file exists for the program.
pub(crate) fn is_found(program: &OsStr) -> bool {
    if program.as_bytes().contains(&b'/') {
        return is_executable(Path::new(program));
    }
    let folders = env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    !program.is_empty() && env::split_paths(&folders).any(|folder| is_executable(&folder.join(program)))
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
