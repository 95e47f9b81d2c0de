//! A log of JSON documents, one per line.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use autoproc_regular_file as regular_file;
use serde::Serialize;

use crate::{OnWarning, WarnOnce, creating_folder};

/// Appends documents to a log that several processes may share.
///
/// Each line is written by one `write` to a file that was opened with `O_APPEND`. The kernel
/// carries out such a call as a whole (write(2)), so concurrent writers do not tear each other's
/// lines. Nothing is synced: a power cut may lose the lines of the last seconds. The first line
/// creates the folder if it is missing. If a crash or a full disk leaves a line unfinished, a line
/// end is written before the next line, so only the unfinished line is unreadable.
pub struct JsonLines {
    path: PathBuf,
    warning: WarnOnce,
    tail: Mutex<Tail>,
}

/// The open log and the state of its last line.
#[derive(Default)]
struct Tail {
    file: Option<File>,
    /// True if the last line may lack its newline.
    is_torn: bool,
}

impl JsonLines {
    /// Creates a log at `path`, without accessing the file before the first line. `on_warning` is
    /// called for the first line that cannot be written. Later failures are not reported.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, on_warning: OnWarning) -> Self {
        Self { path: path.into(), warning: WarnOnce::new(on_warning), tail: Mutex::default() }
    }

    /// Appends a document as one line. A failure only causes a warning.
    pub fn append(&self, document: &impl Serialize) {
        // A poisoned lock is usable: `tail` still records whether the last line may be torn.
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

    /// Writes a line with one call of `write`. `write_all` is not used: after a partial write, it
    /// would write the rest of the line, perhaps behind a line of another process.
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

/// The mode of a new log. Only its owner may read it, because paths and error output may be
/// confidential.
const MODE: u32 = 0o600;

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).mode(MODE);
    creating_folder(path, || regular_file::open_or_create(&mut options, path))
}

/// True if the file ends with a newline, or is empty.
fn ends_with_newline(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}
