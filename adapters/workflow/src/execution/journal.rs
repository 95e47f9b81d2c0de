//! One execution on disk: its events, one JSON document a line, in a file that only grows.
//!
//! # Theory of operation
//!
//! The state is the fold of the lines, so saving it after a step costs one line and one `fdatasync`, however many steps
//! there are. Lines are written as they happen; [`Journal::sync`] is called before a further step begins, so that a step
//! that has finished is durable before anything is built upon it. The last line of an execution needs no sync of its own:
//! the queue's own record says that the file is done.
//!
//! A crash may leave the last line torn. It is cut off when the journal is taken up: what it told of was not built upon.
//! Anything else that cannot be read is refused, and stays as it is.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::ExecutionError;
use super::event::Event;
use super::state::ExecutionState;

/// What steps return may be nobody else's business.
const OWNER_ONLY: u32 = 0o600;

/// The form of journals that this program writes; it reads every form of the same major number.
pub(crate) const VERSION: &str = "1.0.0";

/// A journal open for writing.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Arc<File>,
    has_unsynced_lines: bool,
    has_unsynced_name: bool,
}

impl Journal {
    /// A new journal in the place of whatever is at `path`. The folder is made where it is missing.
    pub(crate) fn create(path: PathBuf) -> io::Result<Self> {
        remove(&path)?;
        let mut options = OpenOptions::new();
        options.append(true).create_new(true).mode(OWNER_ONLY);
        let file = options.open(&path).or_else(|error| {
            let folder = path.parent().filter(|_| error.kind() == io::ErrorKind::NotFound).ok_or(error)?;
            std::fs::create_dir_all(folder)?;
            options.open(&path)
        })?;
        Ok(Self { path, file: Arc::new(file), has_unsynced_lines: false, has_unsynced_name: true })
    }

    /// The journal that [`read`] has read so far.
    pub(crate) fn take_up(path: PathBuf, valid_bytes: u64) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(&path)?;
        file.set_len(valid_bytes)?;
        // Whoever wrote it may have died before its sync.
        Ok(Self { path, file: Arc::new(file), has_unsynced_lines: true, has_unsynced_name: true })
    }

    /// Writes a line. Where that fails the file may end in a part of it, and nothing more is to be written.
    pub(crate) fn append(&mut self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        (&*self.file).write_all(&line)?;
        self.has_unsynced_lines = true;
        Ok(())
    }

    /// What is to be done to make all lines durable; none where they are. May block: a disk may take its time.
    pub(crate) fn sync(&mut self) -> Option<impl FnOnce() -> io::Result<()> + Send + 'static> {
        let lines = std::mem::take(&mut self.has_unsynced_lines).then(|| self.file.clone());
        let folder = std::mem::take(&mut self.has_unsynced_name).then(|| self.path.parent().map(Path::to_owned));
        let file = lines?;
        Some(move || {
            file.sync_data()?;
            folder.flatten().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        })
    }
}

/// Takes away a journal; it may be gone already.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What a journal says: the state, none where not even its beginning is whole; and how many of its bytes are valid.
///
/// # Errors
/// [`ExecutionError`] where it cannot be read, is damaged other than at its end, or is a newer program's. None where there
/// is no file.
pub(crate) fn read(path: &Path) -> Result<Option<(Option<ExecutionState>, u64)>, ExecutionError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ExecutionError::Io { place: path.to_owned(), source }),
    };
    fold(&bytes).map(Some).map_err(|fault| fault.at(path))
}

/// Why bytes are no journal.
#[derive(Debug)]
enum Fault {
    Damaged { line: usize, source: serde_json::Error },
    Newer { found: String },
}

impl Fault {
    fn at(self, path: &Path) -> ExecutionError {
        let place = path.to_owned();
        match self {
            Self::Damaged { line, source } => ExecutionError::Damaged { place, line, source },
            Self::Newer { found } => ExecutionError::Newer { place, found },
        }
    }
}

fn fold(bytes: &[u8]) -> Result<(Option<ExecutionState>, u64), Fault> {
    let (mut state, mut valid) = (None::<ExecutionState>, 0);
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        match serde_json::from_slice::<Event>(line) {
            Ok(event) if line.ends_with(b"\n") => take_in(&mut state, &event)?,
            // Torn: nothing comes after it.
            _ if lines.peek().is_none() => break,
            Ok(_) => break,
            Err(source) => return Err(Fault::Damaged { line: index + 1, source }),
        }
        valid += line.len() as u64;
    }
    Ok((state, valid))
}

fn take_in(state: &mut Option<ExecutionState>, event: &Event) -> Result<(), Fault> {
    match state {
        Some(state) => state.apply(event),
        None => {
            let begun = ExecutionState::begin(event);
            let found = begun.as_ref().map_or("", |state| state.subject.version.as_str());
            if major(found) != major(VERSION) {
                return Err(Fault::Newer { found: found.to_owned() });
            }
            *state = begun;
        }
    }
    Ok(())
}

fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or_default()
}
