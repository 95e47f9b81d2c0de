//! The file with the origin of each copied run.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use autoproc_regular_file::{self as regular_file, Links};
use autoproc_system::replace_durably;
use autoproc_workflow::execution::Place;
use serde::{Deserialize, Serialize};

const VERSION: &str = "1.0.0";

#[derive(Serialize, Deserialize)]
struct Document {
    version: String,
    /// Keys are the names of runs.
    runs: BTreeMap<String, Place>,
}

/// Reads the origin of each copied run, by the name of the run.
///
/// # Errors
/// If the file cannot be read or parsed.
pub(super) fn read(path: &Path) -> io::Result<BTreeMap<String, Place>> {
    match regular_file::read(Links::Refuse, path) {
        Ok(bytes) => Ok(serde_json::from_slice::<Document>(&bytes)?.runs),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

/// Writes the file, and makes it durable.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn write(path: &Path, runs: BTreeMap<String, Place>) -> io::Result<()> {
    let mut bytes = serde_json::to_vec_pretty(&Document { version: VERSION.to_owned(), runs })?;
    bytes.push(b'\n');
    replace_durably(path, &bytes, None)
}
