//! The end of an attempt's output, stored in a database.

use std::path::PathBuf;

use autoproc_domain::item::{AttemptNumber, ClaimNumber};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredOutput {
    pub(crate) attempt: AttemptNumber,
    pub(crate) claim: ClaimNumber,
    /// The host on which the attempt ran.
    pub(crate) host: Box<str>,
    /// The path of the output file on that host.
    pub(crate) file: PathBuf,
    /// The length of `file`, in bytes.
    pub(crate) length: u64,
    pub(crate) ending: Vec<u8>,
}
