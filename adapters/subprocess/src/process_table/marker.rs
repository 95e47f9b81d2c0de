//! The environment variable that marks the processes of a run.

use std::io;

use autoproc_domain::RunId;

use crate::environment::RUN_VARIABLE;
use crate::process_table::not_found_if_gone;

/// The environment variable that every process of a run has, unless the process has removed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker(Vec<u8>);

impl Marker {
    /// Creates a marker that matches all processes of a run.
    #[must_use]
    pub fn of_run(run: &RunId) -> Self {
        Self(format!("{RUN_VARIABLE}={}", run.as_str()).into_bytes())
    }

    /// True if process `pid` has the marker in its initial environment. Few programs overwrite
    /// their initial environment.
    ///
    /// # Errors
    /// [`io::ErrorKind::PermissionDenied`] if the caller is not root and the process belongs to
    /// another user or runs a program whose file grants privileges (ptrace(2), "Ptrace access mode
    /// checking"). [`io::ErrorKind::NotFound`] if there is no such process.
    pub fn matches(&self, pid: i32) -> io::Result<bool> {
        std::fs::read(format!("/proc/{pid}/environ")).map(|bytes| self.is_in(&bytes)).map_err(not_found_if_gone)
    }

    fn is_in(&self, environment: &[u8]) -> bool {
        environment.split(|byte| *byte == 0).any(|entry| entry == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_complete_entry_matches() {
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
}
