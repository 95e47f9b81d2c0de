use std::io;
use std::path::PathBuf;

/// The journal of an execution cannot be used. The journal stays unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages explain the fields")]
pub enum ExecutionError {
    /// The journal cannot be read. Check its permissions and the disk.
    #[error("{}: {source}", place.display())]
    Io { place: PathBuf, source: io::Error },
    /// A line of the journal is damaged. Restart with `--from-start`. A damaged last line is no
    /// error, except in a shared journal.
    #[error("{}:{line} is damaged: {detail}; `autoproc run --workflow ID --from-start` starts the workflow over", place.display())]
    Damaged { place: PathBuf, line: usize, detail: String },
    /// The format of the journal is unknown, or the first event is not the beginning of an
    /// execution. Use the version of autoproc that wrote the journal, or restart with
    /// `--from-start`.
    #[error("{} has the unsupported format {found:?}; `autoproc run --workflow ID --from-start` starts the workflow over", place.display())]
    Newer { place: PathBuf, found: String },
}
