//! A file with the state of the execution that changed last, for users and other programs.
//!
//! The file is a report and is not synced. A failed write never fails a step; the first failure is
//! reported.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use autoproc_system::{OnWarning, WarnOnce, replace};

use super::document;
use super::state::ExecutionState;

/// The minimum interval between two writes: faster than a person reads.
const WRITE_INTERVAL: Duration = Duration::from_millis(100);

/// The pause after a write, as a multiple of the write's duration, because a large state takes long
/// to write.
const REST_FACTOR: u32 = 20;

pub(crate) struct LatestState {
    path: PathBuf,
    warning: WarnOnce,
    schedule: Mutex<Schedule>,
}

#[derive(Default)]
struct Schedule {
    not_before: Option<Instant>,
    /// The final state of an attempt that ended during the pause.
    pending: Option<Vec<u8>>,
}

impl LatestState {
    pub(crate) fn new(path: PathBuf, on_warning: OnWarning) -> Self {
        Self { path, warning: WarnOnce::new(on_warning), schedule: Mutex::default() }
    }

    /// Writes the state, or returns the remaining pause.
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

    /// Writes the final state of an attempt, or keeps it during the pause. A kept state is written
    /// when `self` is dropped, if no later state has replaced it.
    pub(crate) fn offer_final(&self, state: &ExecutionState) {
        if self.offer(state).is_some() {
            self.lock().pending = encode(state).ok();
        }
    }

    fn write(&self, encoded: io::Result<Vec<u8>>) {
        if let Err(error) = encoded.and_then(|bytes| replace(&self.path, &bytes)) {
            self.warning.warn(format_args!("cannot write {}: {error}", self.path.display()));
        }
    }

    /// Locks the schedule. Ignores poisoning, because a panic under the lock leaves no inconsistent
    /// state.
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
