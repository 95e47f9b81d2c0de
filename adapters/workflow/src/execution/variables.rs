//! Environment variables of a step's process.

use std::ffi::OsString;

/// If a name is repeated, the last value counts.
pub(super) type Variables = Vec<(OsString, OsString)>;

/// Returns the name in capitals, with `_` for all but ASCII letters and digits.
pub(super) fn variable_name(name: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' };
    name.chars().map(letter).collect()
}
