//! The tail of an attempt's output that the database of a queue keeps.

use std::path::PathBuf;

use autoproc_domain::item::{AttemptNumber, ClaimNumber};

/// The stored tail of the output of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredOutput {
    pub(crate) attempt: AttemptNumber,
    pub(crate) claim: ClaimNumber,
    /// The host on which the attempt ran.
    pub(crate) host: Box<str>,
    /// The path, on that host, of the file with the output.
    pub(crate) file: PathBuf,
    /// The length of `file`, in bytes.
    pub(crate) length: u64,
    /// The last bytes of the output.
    pub(crate) ending: Vec<u8>,
}
