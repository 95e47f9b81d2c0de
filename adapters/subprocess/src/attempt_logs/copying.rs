//! Adds outputs that were copied from another store.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::SystemTime;

use autoproc_domain::item::{AttemptNumber, ClaimToken};
use autoproc_regular_file::{self as regular_file, folder_of};

use crate::attempt_logs::{AttemptLogs, LogEnd};
use crate::bounded_log::marker;

impl AttemptLogs {
    /// Writes the output of an attempt, of which only the end may be known. A marker line then
    /// stands for the bytes before it. Creates the folder if it is missing. `at` is when the output
    /// was last written.
    ///
    /// # Errors
    /// If the output exists or cannot be written.
    pub fn add(&self, token: ClaimToken, attempt: AttemptNumber, end: &LogEnd, at: SystemTime) -> io::Result<()> {
        let path = self.log_of(token, attempt).path;
        regular_file::create_folders(folder_of(&path), 0o777)?;
        let mut file = regular_file::create(OpenOptions::new().write(true).mode(0o600), &path)?;
        let omitted = end.length.saturating_sub(end.bytes.len() as u64);
        if omitted > 0 {
            file.write_all(marker(omitted).as_bytes())?;
        }
        file.write_all(&end.bytes)?;
        file.set_modified(at)
    }
}
