//! Replacing a small file so that a reader sees the old one or the new one whole.
//!
//! Nothing is synced: the rename makes the change atomic for every process that looks, and what a power cut may take
//! back is only a report, or a request that a person can repeat.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Puts a file with these bytes in the place of whatever is at `path`. Makes the folder where it is missing.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = beside(path);
    let written = std::fs::write(&beside, bytes).or_else(|error| {
        let folder = path.parent().filter(|_| error.kind() == io::ErrorKind::NotFound).ok_or(error)?;
        std::fs::create_dir_all(folder)?;
        std::fs::write(&beside, bytes)
    });
    written.and_then(|()| std::fs::rename(&beside, path)).inspect_err(|_| {
        // What could not be put in place must not stay lying about; that it cannot be removed either adds no news.
        let _ = std::fs::remove_file(&beside);
    })
}

/// A name beside `path` that no other process, and no other thread of this one, uses at the same time.
fn beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}-{}.tmp", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    path.with_file_name(name)
}
