//! Converts the state of a run to and from the state file.
//!
//! Reading accepts missing and unknown keys, because other versions have fewer or more keys.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use autoproc_domain::ports::Unproven;
use autoproc_domain::run::{CurrentFile, ProcessorStatus};
use autoproc_domain::stop::{ObeyedStop, StopCause, StopLevel};
use autoproc_domain::{ItemId, ProcessorState, RunId, Timestamp};
use autoproc_regular_file::{self as regular_file, Links};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::path_text::PathText;

/// The format version of the Python program that autoproc replaces. autoproc only adds keys.
const VERSION: &str = "1.0.0";

/// The maximum size of a state file or monitor file, in bytes. A state file has at most 9 MB: up to
/// 256 current files, 4095 bytes per path, and 8 bytes of JSON per byte of a path.
pub(crate) const MAX_BYTES: u64 = 16 << 20;

/// The content of a state file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDocument {
    /// The state. Missing keys have their default values.
    pub state: ProcessorState,
    /// The file whose attempt has been running longest; `None` if no file is being processed. The
    /// path may be relative if the Python program that autoproc replaces wrote the state file.
    pub current_file: Option<PathBuf>,
}

/// A state file, a monitor file or a recorded command line cannot be used. The queue is not
/// affected, and the next run replaces the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateFileError {
    /// The file cannot be read. Check its permissions.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The path of the file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The file is too large. Remove it.
    #[error("{} is larger than {} MiB", path.display(), max_bytes >> 20)]
    TooLarge {
        /// The path of the file.
        path: PathBuf,
        /// The limit, in bytes.
        max_bytes: u64,
    },
    /// The file does not have the expected format. Remove it.
    #[error("{} does not have the expected format", path.display())]
    Malformed {
        /// The path of the file.
        path: PathBuf,
        /// The parser's error, with line and column.
        #[source]
        source: serde_json::Error,
    },
}

/// Reads the state file at `path`; `None` if it does not exist.
///
/// # Errors
/// [`StateFileError`] if the file exists but cannot be read or parsed.
pub fn read_state_file(path: &Path) -> Result<Option<StateDocument>, StateFileError> {
    Ok(read_document::<DocumentText>(path, MAX_BYTES)?.map(StateDocument::from))
}

pub(crate) fn read_document<T: DeserializeOwned>(path: &Path, max_bytes: u64) -> Result<Option<T>, StateFileError> {
    let bytes = match read_at_most(path, max_bytes + 1) {
        Ok(bytes) if bytes.len() as u64 > max_bytes => {
            return Err(StateFileError::TooLarge { path: path.to_owned(), max_bytes });
        }
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StateFileError::Unreadable { path: path.to_owned(), source }),
    };
    let document = serde_json::from_slice(&bytes);
    document.map(Some).map_err(|source| StateFileError::Malformed { path: path.to_owned(), source })
}

fn read_at_most(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    regular_file::open_to_read(Links::Refuse, path)?.take(max_bytes).read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub(crate) fn encode(state: &ProcessorState) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(&DocumentText::from(state))?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[derive(Serialize, Deserialize)]
struct DocumentText {
    #[serde(default)]
    version: Option<String>,
    #[serde(with = "StatusText")]
    status: ProcessorStatus,
    #[serde(default)]
    run_id: Option<String>,
    #[serde(default)]
    started_at: Option<String>,
    #[serde(default)]
    stopped_at: Option<String>,
    #[serde(default)]
    updated_at: Option<String>,
    #[serde(default)]
    files_processed: u64,
    #[serde(default)]
    files_failed: u64,
    #[serde(default)]
    current_file: Option<String>,
    #[serde(default)]
    current_files: Vec<CurrentText>,
    #[serde(default)]
    held: Option<String>,
    #[serde(default)]
    probe_at: Option<String>,
    #[serde(default)]
    stop: Option<StopText>,
    #[serde(default)]
    withheld: Vec<WithheldText>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ProcessorStatus", rename_all = "snake_case")]
pub(crate) enum StatusText {
    Idle,
    Running,
    Stopped,
    Completed,
}

#[derive(Serialize, Deserialize)]
struct CurrentText {
    item_id: u64,
    #[serde(flatten)]
    path: PathText,
    since: String,
}

#[derive(Serialize, Deserialize)]
struct StopText {
    level: String,
    cause: String,
    since: String,
}

#[derive(Serialize, Deserialize)]
struct WithheldText {
    run_id: String,
    reason: String,
}

impl From<&ProcessorState> for DocumentText {
    fn from(state: &ProcessorState) -> Self {
        let current_files: Vec<_> = state.current_files.iter().map(CurrentText::from).collect();
        Self {
            version: Some(VERSION.to_owned()),
            status: state.status,
            run_id: state.run_id.as_ref().map(ToString::to_string),
            started_at: state.started_at.map(|at| at.to_string()),
            stopped_at: state.stopped_at.map(|at| at.to_string()),
            updated_at: state.updated_at.map(|at| at.to_string()),
            files_processed: state.files_processed,
            files_failed: state.files_failed,
            current_file: current_files.first().map(|current| current.path.file_path.clone()),
            current_files,
            held: state.pressure.as_deref().map(str::to_owned),
            probe_at: state.probe_at.map(|at| at.to_string()),
            stop: state.stop.map(StopText::from),
            withheld: state.withheld.iter().map(WithheldText::from).collect(),
        }
    }
}

impl From<DocumentText> for StateDocument {
    fn from(text: DocumentText) -> Self {
        let time = |text: Option<String>| text.and_then(|text| text.parse().ok());
        let current_files: Vec<_> = text.current_files.iter().filter_map(CurrentText::current_file).collect();
        let longest_running = current_files.first().map(|current| current.file_path.as_path().to_owned());
        Self {
            // Only `current_files` has the exact bytes of a path that is not UTF-8.
            current_file: longest_running.or(text.current_file.map(PathBuf::from)),
            state: ProcessorState {
                status: text.status,
                run_id: text.run_id.map(RunId::new),
                started_at: time(text.started_at),
                stopped_at: time(text.stopped_at),
                updated_at: time(text.updated_at),
                files_processed: text.files_processed,
                files_failed: text.files_failed,
                current_files,
                pressure: text.held.map(Into::into),
                probe_at: time(text.probe_at),
                stop: text.stop.and_then(|stop| stop.obeyed()),
                withheld: text.withheld.into_iter().map(WithheldText::unproven).collect(),
            },
        }
    }
}

impl From<&CurrentFile> for CurrentText {
    fn from(current: &CurrentFile) -> Self {
        let since = current.since.to_string();
        Self { item_id: current.id.get(), path: (&current.file_path).into(), since }
    }
}

impl CurrentText {
    fn current_file(&self) -> Option<CurrentFile> {
        let since: Timestamp = self.since.parse().ok()?;
        Some(CurrentFile { id: ItemId::new(self.item_id), file_path: self.path.path()?, since })
    }
}

impl From<ObeyedStop> for StopText {
    fn from(stop: ObeyedStop) -> Self {
        Self { level: stop.level.word().into(), cause: stop.cause.word().into(), since: stop.at.to_string() }
    }
}

impl StopText {
    fn obeyed(&self) -> Option<ObeyedStop> {
        let (level, cause) = (StopLevel::from_word(&self.level)?, StopCause::from_word(&self.cause)?);
        Some(ObeyedStop { at: self.since.parse().ok()?, level, cause })
    }
}

impl From<&Unproven> for WithheldText {
    fn from(left: &Unproven) -> Self {
        Self { run_id: left.run.to_string(), reason: left.reason.to_string() }
    }
}

impl WithheldText {
    fn unproven(self) -> Unproven {
        Unproven { run: RunId::new(self.run_id), reason: self.reason.into() }
    }
}
