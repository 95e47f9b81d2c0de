//! Why an execution on disk cannot be used.

use std::io;
use std::path::PathBuf;

/// Why the journal of an execution cannot be used. Nothing of it was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutionError {
    /// It cannot be read or written: see to its permissions and to the disk, then try again.
    #[error("{}: {source}", place.display())]
    Io {
        /// The file.
        place: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Something other than its end is damaged: begin anew with `--from-start`, or remove it.
    #[error("{}:{line} is damaged: {source}; `run --from-start` begins anew", place.display())]
    Damaged {
        /// The file.
        place: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// Its form is not known here: use the version of autoproc that wrote it, or begin anew with `--from-start`.
    #[error("{} has the form {found:?}, which this version does not know; `run --from-start` begins anew", place.display())]
    Newer {
        /// The file.
        place: PathBuf,
        /// Its form.
        found: String,
    },
}
