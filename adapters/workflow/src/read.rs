//! From a text to a [`Workflow`], with everything that is wrong on the way.
//!
//! # Theory of operation
//!
//! Each mapping is read against the keys that the schema lists for it. An unknown key is a problem that names the nearest
//! known one, and so is a value of the wrong kind. Reading continues after each problem with the rest.
//!
//! # Deliberately absent
//!
//! What one part of a file says of another, which is for [`crate::check`].

mod fields;
mod phase;
mod step;
mod workflow;

use crate::definition::{Located, Position, Workflow};
use crate::problem::{Problem, Problems};
use crate::tree;

/// The largest file: the largest workflow anybody wrote by hand is a hundredth of it.
pub const MAX_FILE_BYTES: usize = 4 << 20;

/// A text, read.
#[derive(Debug)]
pub struct Reading {
    /// What it says, as far as that could be understood; none where it could not be read at all. Not to be executed where
    /// one of the problems is an error.
    pub workflow: Option<Workflow>,
    /// What is wrong, in the order of the places.
    pub problems: Vec<Problem>,
}

/// Reads the text of a workflow file. `fallback_id` is the id where the file gives none.
#[must_use]
pub fn read(text: &str, fallback_id: &str) -> Reading {
    let mut problems = Problems::default();
    let workflow = read_into(text, fallback_id, &mut problems);
    Reading { workflow, problems: problems.into_sorted() }
}

pub(crate) fn read_into(text: &str, fallback_id: &str, problems: &mut Problems) -> Option<Workflow> {
    if text.len() > MAX_FILE_BYTES {
        problems.add(Problem::error(Position::START, format!("the file is larger than {MAX_FILE_BYTES} bytes")));
        return None;
    }
    match tree::parse(text) {
        Ok(document) => Reader { problems }.document(&document, fallback_id),
        Err(problem) => {
            problems.add(problem);
            None
        }
    }
}

/// Reads parts of the tree, and notes what is wrong with them.
struct Reader<'p> {
    problems: &'p mut Problems,
}

impl Reader<'_> {
    fn error(&mut self, position: Position, message: impl FnOnce() -> String) {
        self.problems.add(Problem::error(position, message()));
    }
}

/// Whether the names of expressions can stand for this: a letter or `_`, then those and digits.
pub(crate) fn is_name(word: &str) -> bool {
    let mut characters = word.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|other| other.is_ascii_alphanumeric() || other == '_')
}

/// A text as it stands, with its place.
fn plain(located: &Located<String>) -> String {
    located.value.clone()
}
