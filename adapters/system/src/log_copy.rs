//! Copies the event log to and from another store.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use autoproc_domain::ports::RecordedEvent;
use autoproc_regular_file::{self as regular_file, Links, folder_of};
use tempfile::TempPath;

use crate::history::{RecordedEvents, line};
use crate::replace::temporary_file_with;

/// Reads the events of a log in parts.
#[derive(Debug)]
pub struct EventLogReader {
    log: Option<BufReader<File>>,
}

impl EventLogReader {
    /// Opens the log at `path`; a missing log counts as empty.
    ///
    /// # Errors
    /// If the log cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        match regular_file::open_to_read(Links::Refuse, path) {
            Ok(log) => Ok(Self { log: Some(BufReader::with_capacity(1 << 16, log)) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self { log: None }),
            Err(error) => Err(error),
        }
    }

    /// Reads the next lines, at most `limit`. Returns an empty [`RecordedEvents`] at the end of the
    /// log.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn next(&mut self, limit: usize) -> io::Result<RecordedEvents> {
        self.log.as_mut().map_or_else(|| Ok(RecordedEvents::default()), |log| RecordedEvents::read(log, limit))
    }
}

/// Writes a log to a temporary file, which [`finish`](Self::finish) moves to its final path.
/// Dropping the value without `finish` removes the temporary file.
#[derive(Debug)]
pub struct NewEventLog {
    file: BufWriter<File>,
    temporary: TempPath,
    path: PathBuf,
}

impl NewEventLog {
    /// Creates a temporary file for the log at `path`. Creates missing folders.
    ///
    /// # Errors
    /// If a folder or the file cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        let folder = folder_of(path);
        regular_file::create_folders(folder, 0o777)?;
        let (file, temporary) = temporary_file_with(0o600, folder)?;
        Ok(Self { file: BufWriter::new(file), temporary, path: path.to_owned() })
    }

    /// Appends events.
    ///
    /// # Errors
    /// If the events cannot be written.
    pub fn add(&mut self, events: &[RecordedEvent]) -> io::Result<()> {
        events.iter().try_for_each(|event| writeln!(self.file, "{}", line(event)?))
    }

    /// Moves the log to its final path and syncs it. Replaces an existing log only if it is empty
    /// or has the same contents. Otherwise leaves the existing log unchanged and returns false.
    ///
    /// # Errors
    /// If the log cannot be written, renamed or synced, or if an existing log cannot be read.
    pub fn finish(self) -> io::Result<bool> {
        let file = self.file.into_inner()?;
        if !is_free(&self.path, &self.temporary)? {
            return Ok(false);
        }
        file.sync_all()?;
        self.temporary.persist(&self.path)?;
        File::open(folder_of(&self.path))?.sync_all()?;
        Ok(true)
    }
}

/// True if replacing the log at `path` with `new` loses no data.
fn is_free(path: &Path, new: &Path) -> io::Result<bool> {
    let present = match regular_file::open_to_read(Links::Refuse, path) {
        Ok(present) => present,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    let new = File::open(new)?;
    let (length, wanted) = (present.metadata()?.len(), new.metadata()?.len());
    Ok(length == 0 || (length == wanted && is_same(present, new)?))
}

fn is_same(one: File, other: File) -> io::Result<bool> {
    let mut pairs = BufReader::new(one).bytes().zip(BufReader::new(other).bytes());
    pairs.try_fold(true, |is_same, (one, other)| Ok(is_same && one? == other?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const LINE: &str = r#"{"timestamp":"2026-11-29T01:02:03.000004Z","run_id":"r","event":"processor_paused"}"#;

    fn copied(to: &Path) -> bool {
        let folder = tempfile::tempdir().expect("a folder");
        let from = folder.path().join("log");
        fs::write(&from, format!("{LINE}\n")).expect("the log");
        let events = EventLogReader::open(&from).expect("the log").next(10).expect("its line").events;
        let mut log = NewEventLog::create(to).expect("a new log");
        log.add(&events).expect("written");
        log.finish().expect("finished")
    }

    #[test]
    fn a_log_is_replaced_only_if_nothing_is_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("logs/events.jsonl");
        for (before, is_copied) in [(None, true), (Some(""), true), (Some("other\n"), false), (Some(LINE), false)] {
            if let Some(text) = before {
                fs::write(&log, text).expect("the log");
            }
            assert_eq!(copied(&log), is_copied, "{before:?}");
            if is_copied {
                assert!(copied(&log), "the same log may be copied again");
            }
            let text = fs::read_to_string(&log).expect("the log");
            assert_eq!(text, if is_copied { format!("{LINE}\n") } else { before.unwrap_or_default().to_owned() });
        }
        assert_eq!(fs::read_dir(folder.path().join("logs")).expect("the folder").count(), 1);
    }

    #[test]
    fn a_missing_log_is_empty() {
        let mut log = EventLogReader::open(Path::new("/nonexistent/log")).expect("no log");
        assert_eq!(log.next(10).expect("nothing"), RecordedEvents::default());
    }
}
