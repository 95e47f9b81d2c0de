//! Adds outputs that were copied from another store.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::SystemTime;

use autoproc_domain::item::{AttemptNumber, ClaimToken};
use autoproc_regular_file as regular_file;

use crate::attempt_logs::{AttemptLog, AttemptLogs, LogEnd};
use crate::bounded_log::{FILE_MODE, create_folder, marker, open_tail};

impl AttemptLog {
    /// Returns the same as [`AttemptLog::end`], with the part of the output that a crash left in
    /// the `.tail`.
    ///
    /// # Errors
    /// If the output cannot be read.
    pub fn end_after_crash(&self, max: u64) -> io::Result<Option<LogEnd>> {
        if open_tail(&self.path)?.is_none() {
            return self.end(max);
        }
        let mut bytes = Vec::new();
        self.read()?.read_to_end(&mut bytes)?;
        let length = bytes.len() as u64;
        bytes.drain(..bytes.len().saturating_sub(usize::try_from(max).unwrap_or(usize::MAX)));
        Ok((length > 0).then_some(LogEnd { length, bytes }))
    }
}

impl AttemptLogs {
    /// Writes the output of an attempt. If only its end is known, a marker line stands for the
    /// bytes before the end. Creates the folder if it is missing. `at` is the time at which the
    /// output was last written. The file may be lost in a power cut.
    ///
    /// # Errors
    /// If the output exists or cannot be written.
    pub fn add(&self, token: ClaimToken, attempt: AttemptNumber, end: &LogEnd, at: SystemTime) -> io::Result<()> {
        let path = self.log_of(token, attempt).path;
        create_folder(&path)?;
        let mut file = regular_file::create(OpenOptions::new().write(true).mode(FILE_MODE), &path)?;
        let omitted = end.length.saturating_sub(end.bytes.len() as u64);
        if omitted > 0 {
            file.write_all(marker(omitted).as_bytes())?;
        }
        file.write_all(&end.bytes)?;
        file.set_modified(at)
    }
}
