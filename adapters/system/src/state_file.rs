//! The state file: how the processor is, for a person or a program that looks.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use autoproc_domain::ProcessorState;
use autoproc_domain::ports::{Observer, RunEvent, RunEventKind};

use crate::OnTrouble;
use crate::replace::replace;
use crate::state_document::encode;

/// The least time between two writes: ten a second is more than a person can follow, and costs nothing beside the files.
const LEAST_INTERVAL: Duration = Duration::from_millis(100);

/// Folds what a run does into a [`ProcessorState`] and keeps it in a file.
///
/// The file is replaced whole, and not synced: after a power cut no run is alive, and what the file said of it is
/// worthless. The begin and the end of a run are in the file when their event has been heard; what lies between is written
/// by a thread, the latest state at most ten times a second. Dropping it writes what is not written yet.
pub struct StateFile {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    path: PathBuf,
    on_trouble: OnTrouble,
    folded: Mutex<Folded>,
    /// Tells the writer that there is something to write, where there was nothing.
    changed: Condvar,
    /// Ends the writer's pause. It waits for nothing else then, so that no event wakes it for nothing.
    closed: Condvar,
    /// Held while writing, so that the file never goes back to an earlier state. Says whether trouble was told.
    writing: Mutex<bool>,
}

#[derive(Default)]
struct Folded {
    state: ProcessorState,
    is_unwritten: bool,
    is_closed: bool,
}

impl StateFile {
    /// Keeps the file at `path`; nothing is touched before the first event. `on_trouble` is told once when it cannot be
    /// written; later states are tried all the same.
    ///
    /// # Errors
    /// Where the system has no thread to give.
    pub fn new(path: impl Into<PathBuf>, on_trouble: OnTrouble) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            path: path.into(),
            on_trouble,
            folded: Mutex::default(),
            changed: Condvar::new(),
            closed: Condvar::new(),
            writing: Mutex::new(false),
        });
        let ours = Arc::clone(&shared);
        let writer = thread::Builder::new().name("state-file".to_owned()).spawn(move || ours.keep_written())?;
        Ok(Self { shared, writer: Some(writer) })
    }
}

impl Observer for StateFile {
    fn observe(&self, event: &RunEvent) {
        let mut folded = lock(&self.shared.folded);
        folded.state.apply(event);
        let is_first = !std::mem::replace(&mut folded.is_unwritten, true);
        drop(folded);
        match event.kind {
            RunEventKind::ProcessorStarted { .. } | RunEventKind::ProcessorStopped { .. } => self.shared.write(),
            _ if is_first => self.shared.changed.notify_one(),
            _ => {}
        }
    }
}

impl Drop for StateFile {
    fn drop(&mut self) {
        lock(&self.shared.folded).is_closed = true;
        self.shared.changed.notify_one();
        self.shared.closed.notify_one();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing left to write.
            let _ = writer.join();
        }
    }
}

impl Shared {
    /// Writes whatever changes, until the end.
    fn keep_written(&self) {
        loop {
            let folded = lock(&self.folded);
            let folded = self.changed.wait_while(folded, |folded| !folded.is_unwritten && !folded.is_closed);
            let (is_unwritten, is_closed) =
                folded.map_or((true, true), |folded| (folded.is_unwritten, folded.is_closed));
            if is_unwritten {
                self.write();
            }
            if is_closed {
                return;
            }
            let folded = lock(&self.folded);
            let _pause = self.closed.wait_timeout_while(folded, LEAST_INTERVAL, |folded| !folded.is_closed);
        }
    }

    fn write(&self) {
        let mut is_told = lock(&self.writing);
        let encoded = {
            let mut folded = lock(&self.folded);
            folded.is_unwritten = false;
            encode(&folded.state)
        };
        if let Err(error) = encoded.and_then(|bytes| replace(&self.path, &bytes))
            && !std::mem::replace(&mut *is_told, true)
        {
            (self.on_trouble)(&format!("cannot write the state file {}: {error}", self.path.display()));
        }
    }
}

/// A panic elsewhere leaves nothing half done under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
