//! The environment by which a process is known to be of a run.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;

use autoproc_domain::RunId;

use crate::process_table::gone;

/// The variable that tells a command its run, and tells us the command.
pub const RUN_VARIABLE: &str = "AUTOPROC_RUN_ID";

/// What stands in the environment of every process that was started for something, unless the process took it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker(Vec<Vec<u8>>);

impl Marker {
    /// What the commands of a run bear.
    #[must_use]
    pub fn of_run(run: &RunId) -> Self {
        Self(Vec::new()).and(RUN_VARIABLE, run.as_str())
    }

    /// The same, narrowed to processes that bear another variable too: one attempt of the run, say.
    #[must_use]
    pub fn and(mut self, variable: &str, value: impl AsRef<OsStr>) -> Self {
        let mut entry = format!("{variable}=").into_bytes();
        entry.extend(value.as_ref().as_bytes());
        self.0.push(entry);
        self
    }

    /// Whether the process with this number bears it. The environment is the one its program was started with: the
    /// kernel shows the place where that lay, in which few programs write.
    ///
    /// # Errors
    /// [`io::ErrorKind::PermissionDenied`] for processes of other users, unless we are root; and for those of programs
    /// that were given rights by their file (ptrace(2), "Ptrace access mode checking"). [`io::ErrorKind::NotFound`] where
    /// there is no such process.
    pub fn is_borne_by(&self, pid: i32) -> io::Result<bool> {
        std::fs::read(format!("/proc/{pid}/environ")).map(|bytes| self.is_in(&bytes)).map_err(gone)
    }

    fn is_in(&self, environment: &[u8]) -> bool {
        self.0.iter().all(|wanted| environment.split(|byte| *byte == 0).any(|entry| entry == wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_entry_counts() {
        let marker = Marker::of_run(&RunId::new("r1"));
        assert!(marker.is_in(b"A=1\0AUTOPROC_RUN_ID=r1\0B=2\0"));
        assert!(marker.is_in(b"AUTOPROC_RUN_ID=r1"));
        for other in [
            &b"AUTOPROC_RUN_ID=r10\0"[..],
            b"XAUTOPROC_RUN_ID=r1\0",
            b"A=AUTOPROC_RUN_ID=r1\0",
            b"AUTOPROC_RUN_ID=\0r1\0",
            b"",
        ] {
            assert!(!marker.is_in(other), "{}", other.escape_ascii());
        }
    }

    #[test]
    fn a_narrowed_marker_wants_all_of_its_entries() {
        let marker = Marker::of_run(&RunId::new("r1")).and("AUTOPROC_ATTEMPT", "2");
        assert!(marker.is_in(b"AUTOPROC_ATTEMPT=2\0AUTOPROC_RUN_ID=r1\0"));
        assert!(!marker.is_in(b"AUTOPROC_ATTEMPT=3\0AUTOPROC_RUN_ID=r1\0"));
        assert!(!marker.is_in(b"AUTOPROC_ATTEMPT=2\0"));
    }
}
