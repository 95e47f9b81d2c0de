//! A log of JSON documents, one per line.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use autoproc_regular_file as regular_file;
use serde::Serialize;

use crate::{OnWarning, WarnOnce, creating_folder};

/// Appends JSON documents to a log that several processes may share.
///
/// Each line is written with one `write` call to a file opened with `O_APPEND`. Such a call is
/// atomic (write(2)), so the lines of concurrent writers do not mix. The log is not synced, so a
/// power cut may lose the lines of the last seconds. A crash or a full disk may leave an incomplete
/// line. Only this line is unreadable, because the next document starts on a new line. The first
/// write creates the folder if it is missing.
pub struct JsonLines {
    path: PathBuf,
    warning: WarnOnce,
    tail: Mutex<Tail>,
}

#[derive(Default)]
struct Tail {
    file: Option<File>,
    /// True if the last line may lack its newline.
    is_torn: bool,
}

impl JsonLines {
    /// Creates a writer for the log at `path`. The file is opened when the first document is
    /// written. `on_warning` is called only for the first failed write.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, on_warning: OnWarning) -> Self {
        Self { path: path.into(), warning: WarnOnce::new(on_warning), tail: Mutex::default() }
    }

    /// Appends a document as one line. A failed write causes only a warning.
    pub fn append(&self, document: &impl Serialize) {
        // Poisoning is ignored: `tail` still records whether the last line may be incomplete.
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = tail.append(&self.path, document) {
            self.warning.warn(format_args!("cannot write the event log {}: {error}", self.path.display()));
        }
    }
}

impl Tail {
    fn append(&mut self, path: &Path, document: &impl Serialize) -> io::Result<()> {
        if self.file.is_none() {
            let mut file = open(path)?;
            self.is_torn = !ends_with_newline(&mut file)?;
            self.file = Some(file);
        }
        let mut text = if self.is_torn { vec![b'\n'] } else { Vec::new() };
        serde_json::to_writer(&mut text, document)?;
        text.push(b'\n');
        self.write(&text)
    }

    /// Calls `write` only once. Between two calls, another process could write.
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let written = loop {
            match file.write(text) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => break written?,
            }
        };
        self.is_torn = if written == 0 { self.is_torn } else { text[written - 1] != b'\n' };
        if written < text.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

/// Only the owner may read the log. Paths and error output may be confidential.
const MODE: u32 = 0o600;

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).mode(MODE);
    creating_folder(path, || regular_file::open_or_create(&mut options, path))
}

fn ends_with_newline(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}
