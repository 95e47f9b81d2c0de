use std::io;
use std::path::PathBuf;

/// The journal of an execution cannot be used. It was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages explain the fields")]
pub enum ExecutionError {
    /// It cannot be read: check its permissions and the disk, then try again.
    #[error("{}: {source}", place.display())]
    Io { place: PathBuf, source: io::Error },
    /// A line before the last is damaged: begin anew with `--from-start`, or remove the file.
    #[error("{}:{line} is damaged: {source}; `run --from-start` restarts the workflow", place.display())]
    Damaged { place: PathBuf, line: usize, source: serde_json::Error },
    /// Its format is unknown: use the version of autoproc that wrote it, or begin anew with
    /// `--from-start`.
    #[error("{} has the unsupported format {found:?}; `run --from-start` restarts the workflow", place.display())]
    Newer { place: PathBuf, found: String },
}
