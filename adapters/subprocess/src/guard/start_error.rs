//! Explains why a command could not be started.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use autoproc_domain::ports::StartFault;
use autoproc_regular_file::{self as regular_file, Links};
use rustix::io::Errno;

use crate::process::{Ending, ProcessSpec};

/// The number of bytes of a program that the kernel examines (`BINPRM_BUF_SIZE`).
const EXAMINED_BYTES: u64 = 256;

/// Returns an ending that names the missing working directory, or else the program. The system does
/// not report which of the two is wrong.
pub(super) fn cannot_start(spec: &ProcessSpec, error: &io::Error) -> Ending {
    let missing = spec.working_dir.as_ref().filter(|dir| !dir.is_dir()).map(|dir| dir.as_os_str());
    let culprit = missing.unwrap_or(&spec.program).to_string_lossy();
    let fault = missing.is_none().then(|| interpreter_fault(spec, error)).flatten();
    let why = fault.unwrap_or_else(|| error.to_string());
    Ending::CannotStart { reason: format!("{culprit}: {why}"), fault: fault_of(error) }
}

fn interpreter_fault(spec: &ProcessSpec, error: &io::Error) -> Option<String> {
    if Errno::from_io_error(error) != Some(Errno::NOENT) {
        return None;
    }
    let mut beginning = Vec::new();
    let file = regular_file::open_to_read(Links::Follow, &program_file(spec)?).ok()?;
    file.take(EXAMINED_BYTES).read_to_end(&mut beginning).ok()?;
    if beginning.starts_with(b"\x7fELF") {
        return Some("its dynamic loader does not exist; the program was built for another system".to_owned());
    }
    let line = beginning.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    if line.ends_with(b"\r") {
        return Some("the script has Windows line ends (CRLF); convert them, for instance with dos2unix".to_owned());
    }
    let interpreter = line.trim_ascii().split(u8::is_ascii_whitespace).next()?;
    Some(format!("its interpreter {} does not exist", String::from_utf8_lossy(interpreter)))
}

fn program_file(spec: &ProcessSpec) -> Option<PathBuf> {
    let program = Path::new(&spec.program);
    if program.as_os_str().as_bytes().contains(&b'/') {
        return Some(spec.working_dir.as_ref().map_or_else(|| program.to_owned(), |dir| dir.join(program)));
    }
    let path = spec.environment.iter().find(|(name, _)| name == OsStr::new("PATH")).map(|(_, value)| value.clone());
    let path = path.or_else(|| std::env::var_os("PATH"))?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

pub(crate) fn fault_of(error: &io::Error) -> StartFault {
    match Errno::from_io_error(error) {
        Some(errno) if SHORTAGES.contains(&errno) => StartFault::Shortage,
        Some(Errno::NOENT | Errno::ACCESS) => StartFault::Missing,
        _ if is_permanent(error) => StartFault::Permanent,
        _ => StartFault::Temporary,
    }
}

/// The errors of fork(2), execve(2) and open(2) for a lack of resources. ETXTBSY means that the
/// program file is open for writing.
const SHORTAGES: [Errno; 5] = [Errno::AGAIN, Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::TXTBSY];

pub(crate) fn is_permanent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidInput
        || Errno::from_io_error(error).is_some_and(|errno| PERMANENT_ERRORS.contains(&errno))
}

/// The errors about the program, its arguments or its working directory. Other errors count as
/// shortages or as temporary.
const PERMANENT_ERRORS: [Errno; 11] = [
    Errno::NOENT,
    Errno::ACCESS,
    Errno::PERM,
    Errno::NOEXEC,
    Errno::TOOBIG,
    Errno::NOTDIR,
    Errno::ISDIR,
    Errno::LOOP,
    Errno::NAMETOOLONG,
    Errno::INVAL,
    Errno::LIBBAD,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_machine_are_not_permanent() {
        for errno in [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE, Errno::TXTBSY, Errno::IO] {
            assert!(!is_permanent(&errno.into()), "{errno}");
        }
        for errno in PERMANENT_ERRORS {
            assert!(is_permanent(&errno.into()), "{errno}");
            assert!(fault_of(&errno.into()).is_permanent(), "{errno}");
        }
        for errno in SHORTAGES {
            assert_eq!(fault_of(&errno.into()), StartFault::Shortage, "{errno}");
        }
        assert_eq!(fault_of(&Errno::IO.into()), StartFault::Temporary);
        assert_eq!([Errno::NOENT, Errno::ACCESS].map(|errno| fault_of(&errno.into())), [StartFault::Missing; 2]);
    }
}
