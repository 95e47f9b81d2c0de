//! Adds attempt outputs copied from another store.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::SystemTime;

use autoproc_domain::item::{AttemptNumber, ClaimToken};
use autoproc_regular_file as regular_file;

use crate::attempt_logs::{AttemptLog, AttemptLogs, LogEnd};
use crate::bounded_log::{FILE_MODE, create_folder, marker, open_tail};

impl AttemptLog {
    /// Like [`AttemptLog::end`], but includes the bytes in a `.tail` file, which a crash may have
    /// left.
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
    /// Adds a copied output as a file. If `end` has only the last bytes of the output, a marker
    /// line replaces the missing bytes. Creates the folder if it is missing. Sets the modification
    /// time to `at`. Does not sync the file, so a power failure may lose it.
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
