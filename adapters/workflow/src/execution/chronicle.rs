//! What executions do, for whoever looks: a log of their events, and a file that shows the latest.
//!
//! Neither is the truth, so neither is synced, and a failure to write one never fails a step: it is told once.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::document;
use super::event::Event;
use super::state::ExecutionState;

/// The least time between two writes of the file that shows the latest: more a second than a person can follow.
const LEAST_INTERVAL: Duration = Duration::from_millis(100);

/// A large state takes long to write. What writing takes is kept to a twentieth of the time.
const WRITING_SHARE: u32 = 20;

/// Where executions are told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The log: one JSON document an event and line.
    pub event_log: PathBuf,
    /// The file that shows the execution in which something happened last.
    pub latest: PathBuf,
}

/// Is told, once, when something that must not fail a step cannot be done.
pub type OnTrouble = Box<dyn Fn(&str) + Send + Sync>;

/// Writes both files.
pub(crate) struct Chronicle {
    places: Places,
    on_trouble: OnTrouble,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    log: Option<File>,
    /// When the latest may be written again.
    not_before: Option<Instant>,
    /// What came to its end before it could be shown.
    unwritten: Option<Vec<u8>>,
    is_trouble_told: bool,
}

impl Chronicle {
    pub(crate) fn new(places: Places, on_trouble: OnTrouble) -> Self {
        Self { places, on_trouble, inner: Mutex::default() }
    }

    /// Appends a line to the log. One write a line: runs that share the log do not tear each other's (write(2),
    /// `O_APPEND`).
    pub(crate) fn tell(&self, state: &ExecutionState, event: &Event) {
        let mut inner = self.lock();
        let line = log_line(state, event);
        let outcome = line.and_then(|line| log(&mut inner, &self.places.event_log)?.write_all(&line));
        self.note(&mut inner, &self.places.event_log, outcome);
    }

    /// Shows the state, where that was not done just now; else says how long to wait with it.
    pub(crate) fn show(&self, state: &ExecutionState) -> Option<Duration> {
        let mut inner = self.lock();
        let now = Instant::now();
        if let Some(wait) =
            inner.not_before.and_then(|then| then.checked_duration_since(now)).filter(|wait| !wait.is_zero())
        {
            return Some(wait);
        }
        let outcome = bytes_of(state).and_then(|bytes| replace(&self.places.latest, &bytes));
        inner.unwritten = None;
        inner.not_before = Some(Instant::now() + LEAST_INTERVAL.max(now.elapsed() * WRITING_SHARE));
        self.note(&mut inner, &self.places.latest, outcome);
        None
    }

    /// Shows the state of an execution that is over for this time, at the latest when this chronicle ends.
    pub(crate) fn show_at_last(&self, state: &ExecutionState) {
        if self.show(state).is_some() {
            let bytes = bytes_of(state);
            self.lock().unwritten = bytes.ok();
        }
    }

    /// Tells of trouble that must not fail a step, where none was told before.
    pub(crate) fn complain(&self, trouble: fmt::Arguments<'_>) {
        self.once(&mut self.lock(), trouble);
    }

    fn note(&self, inner: &mut Inner, path: &Path, outcome: io::Result<()>) {
        if let Err(error) = outcome {
            self.once(inner, format_args!("cannot write {}: {error}", path.display()));
        }
    }

    fn once(&self, inner: &mut Inner, trouble: fmt::Arguments<'_>) {
        if !std::mem::replace(&mut inner.is_trouble_told, true) {
            (self.on_trouble)(&trouble.to_string());
        }
    }

    /// A panic elsewhere leaves nothing half done under the lock.
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Chronicle {
    fn drop(&mut self) {
        let mut inner = self.lock();
        if let Some(bytes) = inner.unwritten.take() {
            let outcome = replace(&self.places.latest, &bytes);
            self.note(&mut inner, &self.places.latest, outcome);
        }
    }
}

fn log<'i>(inner: &'i mut Inner, path: &Path) -> io::Result<&'i mut File> {
    if inner.log.is_none() {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        let file = options.open(path).or_else(|error| {
            let folder = path.parent().filter(|_| error.kind() == io::ErrorKind::NotFound).ok_or(error)?;
            std::fs::create_dir_all(folder)?;
            options.open(path)
        })?;
        inner.log = Some(file);
    }
    inner.log.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// The event with what it belongs to. What a step returned and printed may be long and secret: the log has the names.
fn log_line(state: &ExecutionState, event: &Event) -> io::Result<Vec<u8>> {
    let mut document = serde_json::to_value(event)?;
    if let Value::Object(entries) = &mut document {
        entries.remove("stdout");
        entries.remove("inputs");
        if let Some(Value::Object(values)) = entries.remove("values") {
            entries.insert("returned".to_owned(), values.keys().cloned().collect());
        }
        entries.insert("run_id".to_owned(), json!(state.carrier.run_id));
        entries.insert("item_id".to_owned(), json!(state.subject.item_id));
        entries.insert("workflow_id".to_owned(), json!(state.subject.workflow_id));
    }
    let mut line = serde_json::to_vec(&document)?;
    line.push(b'\n');
    Ok(line)
}

fn bytes_of(state: &ExecutionState) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(&document::of(state))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A reader sees the old file or the new one whole.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = path.with_file_name(name);
    std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path)).inspect_err(|_| {
        // What could not be put in place must not stay lying about; that it cannot be removed either adds no news.
        let _ = std::fs::remove_file(&beside);
    })
}
