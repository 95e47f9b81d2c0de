//! Paths in JSON: text where they are UTF-8, and beside an approximation the exact bytes in hexadecimal where they are not.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use autoproc_domain::FilePath;
use autoproc_domain::file_path::InvalidPath;

/// A path's text, and its bytes in hexadecimal where the text is not all of it.
pub(crate) fn encode(path: &FilePath) -> (Cow<'_, str>, Option<String>) {
    let bytes = path.as_os_str().as_bytes();
    match std::str::from_utf8(bytes) {
        Ok(text) => (Cow::Borrowed(text), None),
        Err(_) => (String::from_utf8_lossy(bytes), Some(to_hex(bytes))),
    }
}

/// The path that a text and, where given, the exact bytes name; relative to `base`.
///
/// Text that agrees with the bytes gives way to them; text that a person has changed since wins.
pub(crate) fn decode(text: &str, hex: Option<&str>, base: &Path) -> Result<FilePath, InvalidPath> {
    let exact = hex.and_then(from_hex).filter(|bytes| String::from_utf8_lossy(bytes) == text);
    let path = match exact {
        Some(bytes) => PathBuf::from(OsString::from_vec(bytes)),
        None => PathBuf::from(text),
    };
    if path.is_absolute() { FilePath::new(path) } else { FilePath::resolve(base, &path) }
}

fn to_hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let pairs = digits.chunks_exact(2);
    let is_whole = pairs.remainder().is_empty();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    is_whole.then(|| pairs.map(pair).collect()).flatten()
}
