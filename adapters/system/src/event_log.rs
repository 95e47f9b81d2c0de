//! The event log: what runs did, one JSON document a line.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use autoproc_domain::ports::{Observer, RunEvent};

use crate::OnTrouble;
use crate::event_line::EventLine;

/// Appends a line for every event but progress.
///
/// Each line is one `write` to a file open for appending, which the system carries out as a whole (write(2), `O_APPEND`):
/// runs that share the log do not tear each other's lines. Nothing is synced, because the log tells the story and the
/// queue holds the truth; a power cut may take the last seconds of the story. The folder is made with the first line, and
/// a line that a crash or a full disk left unfinished is ended before the next one, so that it spoils no other.
pub struct EventLog {
    path: PathBuf,
    on_trouble: OnTrouble,
    tail: Mutex<Tail>,
}

/// The end of the log, as far as this process knows it.
#[derive(Default)]
struct Tail {
    file: Option<File>,
    /// Whether the last line may lack its end.
    is_torn: bool,
    is_told: bool,
}

impl EventLog {
    /// A log at `path`; nothing is touched before the first event. `on_trouble` is told once when a line cannot be
    /// written; later lines are tried all the same.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, on_trouble: OnTrouble) -> Self {
        Self { path: path.into(), on_trouble, tail: Mutex::default() }
    }
}

impl Observer for EventLog {
    fn observe(&self, event: &RunEvent) {
        let Some(line) = EventLine::of(event) else { return };
        // A panic elsewhere while the lock was held leaves at worst a torn line, which the tail knows.
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = tail.append(&self.path, &line)
            && !std::mem::replace(&mut tail.is_told, true)
        {
            (self.on_trouble)(&format!("cannot write the event log {}: {error}", self.path.display()));
        }
    }
}

impl Tail {
    fn append(&mut self, path: &Path, line: &EventLine<'_>) -> io::Result<()> {
        if self.file.is_none() {
            let mut file = open(path)?;
            self.is_torn = !ends_whole(&mut file)?;
            self.file = Some(file);
        }
        let mut text = if self.is_torn { vec![b'\n'] } else { Vec::new() };
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
        self.write(&text)
    }

    /// One call, not `write_all`: the rest of a line must not follow after another process's.
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

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    options.open(path).or_else(|error| {
        let folder = path.parent().filter(|_| error.kind() == io::ErrorKind::NotFound).ok_or(error)?;
        std::fs::create_dir_all(folder)?;
        options.open(path)
    })
}

fn ends_whole(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}
