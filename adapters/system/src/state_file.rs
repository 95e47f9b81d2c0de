//! Writes the state and the progress of a run to two files.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use autoproc_domain::ProcessorState;
use autoproc_domain::ports::{Observer, RunEvent, RunEventKind};

use crate::monitor_document::{self, MonitorTally};
use crate::state_document;
use crate::{OnWarning, ReplacedFile, WarnOnce};

/// The minimum interval between two writes of the thread. People cannot read faster updates.
const WRITE_INTERVAL: Duration = Duration::from_millis(100);

/// Observes a run and keeps two files up to date. The state file contains the [`ProcessorState`];
/// the monitor file contains the progress ([`MonitorDocument`](crate::MonitorDocument)).
///
/// Each file is replaced atomically. The files are not synced, because no run survives a power cut.
/// `observe` writes the start and the end of a run before it returns. In between, a thread writes
/// the latest state, at most ten times a second. Dropping the observer writes any unwritten state.
/// If the folder is removed, renamed or replaced after the first write, nothing more is written.
pub struct StateFile {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    file: ReplacedFile,
    monitor: ReplacedFile,
    warning: WarnOnce,
    folded: Mutex<Folded>,
    changed: Condvar,
    /// Wakes the writer thread when the observer is dropped.
    closed: Condvar,
}

#[derive(Default)]
struct Folded {
    state: ProcessorState,
    tally: MonitorTally,
    is_pending: bool,
    is_closed: bool,
}

impl StateFile {
    /// Creates an observer that writes the state file at `path` and the monitor file at `monitor`.
    /// Does not access the files before the first event. `on_warning` is called only for the first
    /// failed write.
    ///
    /// # Errors
    /// If the thread cannot be spawned.
    pub fn new(path: impl Into<PathBuf>, monitor: impl Into<PathBuf>, on_warning: OnWarning) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            file: ReplacedFile::new(path),
            monitor: ReplacedFile::new(monitor),
            warning: WarnOnce::new(on_warning),
            folded: Mutex::default(),
            changed: Condvar::new(),
            closed: Condvar::new(),
        });
        let ours = Arc::clone(&shared);
        let writer = thread::Builder::new().name("state-file".to_owned()).spawn(move || ours.write_pending())?;
        Ok(Self { shared, writer: Some(writer) })
    }
}

impl Observer for StateFile {
    fn observe(&self, event: &RunEvent) {
        let mut folded = lock(&self.shared.folded);
        folded.state.apply(event);
        folded.tally.apply(event);
        let is_first = !std::mem::replace(&mut folded.is_pending, true);
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
            let _ = writer.join();
        }
    }
}

impl Shared {
    fn write_pending(&self) {
        loop {
            let folded = lock(&self.folded);
            let folded = self.changed.wait_while(folded, |folded| !folded.is_pending && !folded.is_closed);
            let (is_pending, is_closed) = folded.map_or((true, true), |folded| (folded.is_pending, folded.is_closed));
            if is_pending {
                self.write();
            }
            if is_closed {
                return;
            }
            let folded = lock(&self.folded);
            let _pause = self.closed.wait_timeout_while(folded, WRITE_INTERVAL, |folded| !folded.is_closed);
        }
    }

    fn write(&self) {
        self.replace(&self.file, "state", || {
            let mut folded = lock(&self.folded);
            folded.is_pending = false;
            state_document::encode(&folded.state)
        });
        self.replace(&self.monitor, "monitor", || {
            let folded = lock(&self.folded);
            monitor_document::encode(&folded.state, &folded.tally)
        });
    }

    fn replace(&self, file: &ReplacedFile, name: &str, encode: impl FnOnce() -> io::Result<Vec<u8>>) {
        if let Err(error) = file.replace(encode) {
            self.warning.warn(format_args!("cannot write the {name} file {}: {error}", file.path().display()));
        }
    }
}

/// Ignores poisoning, because a panic leaves no inconsistent state.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
