//! The journal of one execution: a file with one JSON event per line.
//!
//! # Theory of operation
//!
//! Each event is appended as a line. [`Journal::sync`] makes the lines durable before the next step
//! of a phase or of the rollback begins. The next step can therefore depend on all finished steps.
//! The last line is not synced, because the queue records that the file is done.
//!
//! A crash may leave an incomplete last line. Resuming removes this line, because no step depends
//! on it. An unreadable earlier line is an error, and the file is kept.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use autoproc_regular_file::{self as regular_file, Links};
use autoproc_system::creating_folder;

use super::error::ExecutionError;
use super::event::Event;
use super::state::ExecutionState;

/// The version of the journal format. All versions with the same major number are readable.
pub(crate) const VERSION: &str = "1.0.0";

#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Arc<File>,
    has_unsynced_lines: bool,
    has_unsynced_name: bool,
}

impl Journal {
    /// Creates an empty journal, and removes an earlier journal at `path`. Only the owner may read
    /// the file, because it contains returned values.
    pub(crate) fn create(path: PathBuf) -> io::Result<Self> {
        remove(&path)?;
        let mut options = OpenOptions::new();
        options.append(true).mode(0o600);
        let file = creating_folder(&path, || regular_file::create(&mut options, &path))?;
        Ok(Self { path, file: Arc::new(file), has_unsynced_lines: false, has_unsynced_name: true })
    }

    /// Opens a journal, and truncates it to `valid_bytes`.
    pub(crate) fn resume(path: PathBuf, valid_bytes: u64) -> io::Result<Self> {
        let file = regular_file::open(OpenOptions::new().append(true), Links::Refuse, &path)?;
        file.set_len(valid_bytes)?;
        // The previous writer may have died before it synced the journal.
        Ok(Self { path, file: Arc::new(file), has_unsynced_lines: true, has_unsynced_name: true })
    }

    /// Appends a JSON event. After an error, nothing more may be appended.
    pub(crate) fn append(&mut self, event: &str) -> io::Result<()> {
        (&*self.file).write_all(format!("{event}\n").as_bytes())?;
        self.has_unsynced_lines = true;
        Ok(())
    }

    /// Returns a blocking function that makes all lines durable; `None` if they are durable.
    pub(crate) fn sync(&mut self) -> Option<impl FnOnce() -> io::Result<()> + Send + 'static> {
        if !std::mem::take(&mut self.has_unsynced_lines) {
            return None;
        }
        let file = self.file.clone();
        let folder = std::mem::take(&mut self.has_unsynced_name).then(|| self.path.parent().map(Path::to_owned));
        Some(move || {
            file.sync_data()?;
            folder.flatten().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        })
    }
}

pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Returns the state of the execution, and the length of the complete lines in bytes. `None` if
/// there is no file. The state is `None` if no line is complete.
///
/// # Errors
/// [`ExecutionError`] if the journal is unreadable, unsupported, or damaged before its last line.
pub(crate) fn read(path: &Path) -> Result<Option<(Option<ExecutionState>, u64)>, ExecutionError> {
    let bytes = match regular_file::read(Links::Refuse, path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ExecutionError::Io { place: path.to_owned(), source }),
    };
    let (mut state, mut valid) = (None::<ExecutionState>, 0);
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        match serde_json::from_slice::<Event>(line) {
            Ok(event) if line.ends_with(b"\n") => match &mut state {
                Some(state) => state.apply(&event),
                None => state = begin(&event, path)?,
            },
            Err(error) if lines.peek().is_some() => return Err(damaged(path, index, &error)),
            // The last line is incomplete.
            _ => break,
        }
        valid += line.len() as u64;
    }
    Ok(Some((state, valid)))
}

/// Computes the state from a shared journal; `None` if there are no events.
///
/// # Errors
/// [`ExecutionError`] if an event is damaged, or has an unsupported format.
pub(crate) fn fold(events: &[Box<str>], place: &Path) -> Result<Option<ExecutionState>, ExecutionError> {
    let mut state = None::<ExecutionState>;
    for (index, text) in events.iter().enumerate() {
        let event = serde_json::from_str::<Event>(text).map_err(|error| damaged(place, index, &error))?;
        match &mut state {
            Some(state) => state.apply(&event),
            None => state = begin(&event, place)?,
        }
    }
    Ok(state)
}

/// Leaves out the parser's position, which counts from the beginning of the line.
fn damaged(place: &Path, index: usize, error: &serde_json::Error) -> ExecutionError {
    let (text, position) = (error.to_string(), format!(" at line {} column {}", error.line(), error.column()));
    let detail = text.strip_suffix(&position).unwrap_or(&text).to_owned();
    ExecutionError::Damaged { place: place.to_owned(), line: index + 1, detail }
}

fn begin(event: &Event, path: &Path) -> Result<Option<ExecutionState>, ExecutionError> {
    let state = ExecutionState::begin(event);
    let found = state.as_ref().map_or("", |state| state.subject.version.as_str());
    let major = |version: &str| version.split('.').next().map(str::to_owned);
    if major(found) != major(VERSION) {
        return Err(ExecutionError::Newer { place: path.to_owned(), found: found.to_owned() });
    }
    Ok(state)
}
