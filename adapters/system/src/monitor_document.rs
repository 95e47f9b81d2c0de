//! Converts the progress of a run to and from the monitor file.
//!
//! The keys are those of the Python program that autoproc replaces. Scripts and dashboards read
//! them.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use autoproc_domain::ports::{RunEvent, RunEventKind};
use autoproc_domain::run::ProcessorStatus;
use autoproc_domain::view::Counts;
use autoproc_domain::{ProcessorState, Timestamp};
use serde::{Deserialize, Serialize};

use crate::state_document::{MAX_BYTES, StateFileError, StatusText, read_document};

/// The content of a monitor file: the progress of the run that last wrote it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MonitorDocument {
    /// The status of the run. After a run was killed, the status is still `Running`.
    pub status: ProcessorStatus,
    /// The file whose attempt has been running longest; `None` if no file is being processed.
    /// Invalid UTF-8 in the path is replaced.
    pub current_file: Option<PathBuf>,
    /// The number of pending files of the run. Includes files that wait for a retry and files that
    /// a user holds.
    pub files_in_queue: u64,
    /// The number of files that completed in the run.
    pub files_processed: u64,
    /// The number of files that failed or timed out in the run.
    pub files_failed: u64,
    /// When the run began; `None` if unknown.
    pub started_at: Option<Timestamp>,
    /// The time of the last event of the run; `None` if unknown.
    pub last_updated: Option<Timestamp>,
    /// When the attempt on the current file began; `None` if no file is being processed.
    pub current_file_started: Option<Timestamp>,
    /// The number of files of the run that are pending or being processed.
    pub estimated_remaining_files: u64,
    /// The mean duration in seconds of the attempts after which their file was completed, failed or
    /// timed out; 0 if there are none.
    pub avg_file_duration_seconds: f64,
    /// The percentage of files that failed or timed out, among all files that completed, failed or
    /// timed out in the run. Rounded to one decimal; 0 if there are no such files.
    pub error_rate_percent: f64,
}

/// Reads the monitor file at `path`; `None` if it does not exist.
///
/// # Errors
/// [`StateFileError`] if the file exists but cannot be read or parsed.
pub fn read_monitor_file(path: &Path) -> Result<Option<MonitorDocument>, StateFileError> {
    Ok(read_document::<DocumentText>(path, MAX_BYTES)?.map(MonitorDocument::from))
}

/// The numbers for the monitor file that [`ProcessorState`] does not contain.
#[derive(Debug, Default)]
pub(crate) struct MonitorTally {
    counts: Counts,
    /// The number of files that ended since the latest `counts`.
    ended_since: usize,
    /// The number of attempts that gave their file a final status.
    attempts: u32,
    /// The total duration of the counted `attempts`.
    elapsed: Duration,
}

impl MonitorTally {
    pub(crate) fn apply(&mut self, event: &RunEvent) {
        match &event.kind {
            RunEventKind::ProcessorStarted { counts, .. } => *self = Self { counts: *counts, ..Self::default() },
            RunEventKind::Progress { counts, .. } => (self.counts, self.ended_since) = (*counts, 0),
            RunEventKind::FileCompleted { elapsed, .. }
            | RunEventKind::FileFailed { elapsed, .. }
            | RunEventKind::FileTimeout { elapsed, .. } => {
                self.ended_since += 1;
                self.attempts = self.attempts.saturating_add(1);
                self.elapsed = self.elapsed.saturating_add(*elapsed);
            }
            RunEventKind::FileRecovered { requeued: false, in_scope: true, .. } => self.ended_since += 1,
            RunEventKind::ProcessorStopped { result } => {
                self.counts = Counts { pending: result.remaining, processing: result.processing, ..self.counts };
                self.ended_since = 0;
            }
            _ => {}
        }
    }

    fn remaining(&self) -> usize {
        self.counts.live().saturating_sub(self.ended_since)
    }

    fn average(&self) -> Duration {
        self.elapsed.checked_div(self.attempts).unwrap_or_default()
    }
}

pub(crate) fn encode(state: &ProcessorState, tally: &MonitorTally) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(&DocumentText::new(state, tally))?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[derive(Serialize, Deserialize)]
struct DocumentText {
    #[serde(with = "StatusText")]
    status: ProcessorStatus,
    #[serde(default)]
    current_file: Option<String>,
    #[serde(default)]
    files_in_queue: u64,
    #[serde(default)]
    files_processed: u64,
    #[serde(default)]
    files_failed: u64,
    #[serde(default)]
    started_at: Option<String>,
    #[serde(default)]
    last_updated: Option<String>,
    #[serde(default)]
    current_file_started: Option<String>,
    #[serde(default)]
    estimated_remaining_files: u64,
    #[serde(default)]
    avg_file_duration_seconds: f64,
    #[serde(default)]
    error_rate_percent: f64,
}

impl DocumentText {
    fn new(state: &ProcessorState, tally: &MonitorTally) -> Self {
        let current = state.current_files.first();
        let working =
            if state.status == ProcessorStatus::Running { state.current_files.len() } else { tally.counts.processing };
        let remaining = tally.remaining();
        Self {
            status: state.status,
            current_file: current.map(|current| current.file_path.text().into_owned()),
            files_in_queue: remaining.saturating_sub(working) as u64,
            files_processed: state.files_processed,
            files_failed: state.files_failed,
            started_at: state.started_at.map(|at| at.to_string()),
            last_updated: state.updated_at.map(|at| at.to_string()),
            current_file_started: current.map(|current| current.since.to_string()),
            estimated_remaining_files: remaining as u64,
            avg_file_duration_seconds: tally.average().as_secs_f64(),
            error_rate_percent: f64::from(failed_per_mille(state.files_processed, state.files_failed)) / 10.0,
        }
    }
}

fn failed_per_mille(processed: u64, failed: u64) -> u16 {
    let ended = u128::from(processed) + u128::from(failed);
    let per_mille = (u128::from(failed) * 1000 + ended / 2).checked_div(ended).unwrap_or(0);
    // The share is at most 1000.
    u16::try_from(per_mille).unwrap_or(1000)
}

impl From<DocumentText> for MonitorDocument {
    fn from(text: DocumentText) -> Self {
        let time = |text: Option<String>| text.and_then(|text| text.parse().ok());
        Self {
            status: text.status,
            current_file: text.current_file.map(PathBuf::from),
            files_in_queue: text.files_in_queue,
            files_processed: text.files_processed,
            files_failed: text.files_failed,
            started_at: time(text.started_at),
            last_updated: time(text.last_updated),
            current_file_started: time(text.current_file_started),
            estimated_remaining_files: text.estimated_remaining_files,
            avg_file_duration_seconds: text.avg_file_duration_seconds,
            error_rate_percent: text.error_rate_percent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_rate_has_one_decimal() {
        let shares = [failed_per_mille(0, 0), failed_per_mille(5, 1), failed_per_mille(0, 3)];
        assert_eq!(shares, [0, 167, 1000]);
        assert_eq!(failed_per_mille(0, u64::MAX), 1000);
    }
}
