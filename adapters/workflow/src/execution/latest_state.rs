//! Writes the latest execution state to a file, for users and other programs. The file is not
//! synced, and a failed write is only a warning.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use autoproc_system::{OnWarning, ReplacedFile, WarnOnce};

use super::document;
use super::state::ExecutionState;

/// The minimum interval between two writes. People cannot read faster updates.
const WRITE_INTERVAL: Duration = Duration::from_millis(100);

/// The minimum pause after a write, as a multiple of the write's duration.
const REST_FACTOR: u32 = 20;

pub(crate) struct LatestState {
    file: ReplacedFile,
    warning: WarnOnce,
    schedule: Mutex<Schedule>,
}

#[derive(Default)]
struct Schedule {
    not_before: Option<Instant>,
    pending: Option<Vec<u8>>,
}

impl LatestState {
    pub(crate) fn new(path: PathBuf, on_warning: OnWarning) -> Self {
        Self { file: ReplacedFile::new(path), warning: WarnOnce::new(on_warning), schedule: Mutex::default() }
    }

    /// Writes the state. During a pause, writes nothing and returns the remaining pause.
    pub(crate) fn offer(&self, state: &ExecutionState) -> Option<Duration> {
        let mut schedule = self.lock();
        let now = Instant::now();
        let rest = schedule.not_before.map_or(Duration::ZERO, |then| then.saturating_duration_since(now));
        if !rest.is_zero() {
            return Some(rest);
        }
        self.write(encode(state));
        schedule.pending = None;
        schedule.not_before = Some(Instant::now() + WRITE_INTERVAL.max(now.elapsed() * REST_FACTOR));
        None
    }

    /// Writes the final state of an attempt. During a pause, keeps the state; the drop writes it,
    /// unless a later state was written before.
    pub(crate) fn offer_final(&self, state: &ExecutionState) {
        if self.offer(state).is_some() {
            self.lock().pending = encode(state).ok();
        }
    }

    fn write(&self, encoded: io::Result<Vec<u8>>) {
        if let Err(error) = self.file.replace(|| encoded) {
            self.warning.warn(format_args!("cannot write {}: {error}", self.file.path().display()));
        }
    }

    /// Ignores poisoning. A panic leaves the schedule consistent.
    fn lock(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LatestState {
    fn drop(&mut self) {
        let pending = self.lock().pending.take();
        if let Some(bytes) = pending {
            self.write(Ok(bytes));
        }
    }
}

fn encode(state: &ExecutionState) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(&document::of(state))?;
    bytes.push(b'\n');
    Ok(bytes)
}
