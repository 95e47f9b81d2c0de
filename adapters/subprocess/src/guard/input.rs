//! The standard input of a command.
//!
//! The input is a file without a name. Unlike a pipe, a file takes the whole input before the
//! command starts.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::process::Stdio;

pub(crate) fn stdin_of(contents: &[u8]) -> io::Result<Stdio> {
    if contents.is_empty() {
        return Ok(Stdio::inherit());
    }
    let mut file = unnamed_file()?;
    file.write_all(contents)?;
    file.rewind()?;
    Ok(file.into())
}

/// Creates a file in memory, so that a full disk does no harm.
#[cfg(target_os = "linux")]
fn unnamed_file() -> io::Result<File> {
    Ok(rustix::fs::memfd_create(c"autoproc input", rustix::fs::MemfdFlags::CLOEXEC)?.into())
}

#[cfg(not(target_os = "linux"))]
fn unnamed_file() -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    use std::time::SystemTime;

    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    let path = std::env::temp_dir().join(format!("autoproc-input-{}-{now}", std::process::id()));
    let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}
