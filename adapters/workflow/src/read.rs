//! Reads a text into a [`Workflow`] and collects every problem.
//!
//! The schema says which keys each mapping has and which kinds of values they have. Unknown keys
//! and values of the wrong kind are reported as problems; then reading continues. [`crate::check`] checks references
//! between parts of the file.

mod fields;
mod phase;
mod step;
mod value;
mod workflow;

use std::io;
use std::path::Path;

use autoproc_regular_file::{self as regular_file, Links};

use crate::definition::{Position, Workflow};
use crate::problem::Problems;
use crate::tree;

/// The maximum size of a file: a hundred times that of the largest known workflow written by hand.
pub(crate) const MAX_FILE_BYTES: usize = 4 << 20;

/// Reads the text of a workflow file; `None` if nothing could be read. The workflow must not be
/// executed if a problem is an error. `fallback_id` is the id if the file contains none.
pub(crate) fn read(text: &str, fallback_id: &str, problems: &mut Problems) -> Option<Workflow> {
    if text.len() > MAX_FILE_BYTES {
        problems.error(Position::START, format!("the file is larger than {MAX_FILE_BYTES} bytes"));
        return None;
    }
    match tree::parse(text) {
        Ok(document) => Reader { text, problems }.document(&document, fallback_id),
        Err(problem) => {
            problems.add(problem);
            None
        }
    }
}

struct Reader<'r> {
    text: &'r str,
    problems: &'r mut Problems,
}

/// True if expressions can use the word as a name: it begins with a letter or `_`, and continues
/// with letters, `_` and digits.
pub(crate) fn is_name(word: &str) -> bool {
    let mut characters = word.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|other| other.is_ascii_alphanumeric() || other == '_')
}

/// Reads a text file of at most [`MAX_FILE_BYTES`].
pub(crate) fn small_file(path: &Path) -> io::Result<String> {
    let file = regular_file::open_to_read(Links::Follow, path)?;
    if file.metadata()?.len() > MAX_FILE_BYTES as u64 {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than 4 MiB"));
    }
    io::read_to_string(file)
}
