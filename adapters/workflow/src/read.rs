//! Reads the text of a workflow file.

mod execute;
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

/// The maximum size of a file in bytes: a hundred times the largest known handwritten workflow.
pub(crate) const MAX_FILE_BYTES: usize = 4 << 20;

/// Reads a workflow file. If `problems` contains an error, the workflow must not be executed.
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

pub(crate) fn is_name(word: &str) -> bool {
    let mut characters = word.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|other| other.is_ascii_alphanumeric() || other == '_')
}

pub(crate) fn small_file(path: &Path) -> io::Result<String> {
    let file = regular_file::open_to_read(Links::Follow, path)?;
    if file.metadata()?.len() > MAX_FILE_BYTES as u64 {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than 4 MiB"));
    }
    io::read_to_string(file)
}
