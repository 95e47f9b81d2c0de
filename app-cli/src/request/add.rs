//! `queue add`: tells files from a trailing priority.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use autoproc_domain::Priority;

use crate::args::AddArgs;
use crate::error::CliError;
use crate::escape::Shown;
use crate::paths::PathSource;
use crate::priority;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AddRequest {
    pub(crate) source: PathSource,
    pub(crate) priority: Priority,
}

impl AddRequest {
    /// Validates the arguments.
    ///
    /// # Errors
    /// [`CliError`] if a word may be a priority or a file and is neither, or the priority is given
    /// twice.
    pub(crate) fn new(mut args: AddArgs, cwd: &Path) -> Result<Self, CliError> {
        take_out_null_flag(&mut args);
        let exists = |word: &OsStr| word == "-" || cwd.join(word).exists();
        let trailing = trailing_priority(&args.words, args.priority, exists)?;
        if trailing.is_some() {
            args.words.pop();
        }
        let priority = trailing.or(args.priority).unwrap_or_default();
        Ok(Self { source: PathSource::new(args.words, &args.lists), priority })
    }
}

/// Because negative numbers are arguments, clap takes `-0` for one. The flag wins: a file of that
/// name is `./-0`.
fn take_out_null_flag(args: &mut AddArgs) {
    let before = args.words.len();
    args.words.retain(|word| word != "-0");
    args.lists.null |= args.words.len() < before;
}

/// The priority after a single file, if there is one.
fn trailing_priority(
    words: &[OsString],
    given: Option<Priority>,
    exists: impl Fn(&OsStr) -> bool,
) -> Result<Option<Priority>, CliError> {
    let [before @ .., last] = words else { return Ok(None) };
    let integer = last.to_str().filter(|word| priority::is_integer(word));
    match (before.len(), integer, given) {
        (1, Some(_), Some(_)) => Err(given_twice(last)),
        (1, Some(word), None) => priority::parse(word).map(Some).map_err(|error| no_priority(word, error)),
        (1, None, None) if !exists(last) => Err(neither(last)),
        (2.., Some(word), None) if !exists(last) => Err(ambiguous(word)),
        _ => Ok(None),
    }
}

fn given_twice(word: &OsStr) -> CliError {
    CliError::usage(format!("the priority is given twice, by {} and by --priority", Shown(Path::new(word))))
        .with_hint(format!("write ./{} for a file of that name", Shown(Path::new(word))))
}

fn no_priority(word: &str, error: priority::InvalidPriority) -> CliError {
    CliError::usage(format!("invalid priority {word}: {error}"))
}

fn neither(word: &OsStr) -> CliError {
    CliError::usage(format!("{} is neither a priority (an integer) nor an existing file", Shown(Path::new(word))))
        .with_hint("if one of two files does not exist yet, give the priority: -p 0")
}

fn ambiguous(word: &str) -> CliError {
    CliError::usage(format!("{word} after several files is not an existing file"))
        .with_hint(format!("write -p {word} for the priority of all of them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only `there` exists.
    fn understood(words: &[&str], given: Option<i32>) -> Result<Option<i32>, String> {
        let words: Vec<_> = words.iter().map(OsString::from).collect();
        trailing_priority(&words, given.map(Priority::new), |word| word == "there")
            .map(|priority| priority.map(Priority::get))
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn an_integer_after_one_file_is_its_priority() {
        assert_eq!(understood(&["a", "5"], None), Ok(Some(5)));
        assert_eq!(understood(&["a", "-5"], None), Ok(Some(-5)));
        assert_eq!(understood(&["5", "7"], None), Ok(Some(7)));
    }

    #[test]
    fn other_words_are_files() {
        assert_eq!(understood(&["a"], None), Ok(None));
        assert_eq!(understood(&["5"], None), Ok(None));
        assert_eq!(understood(&["a", "there"], None), Ok(None));
        assert_eq!(understood(&["a", "b"], Some(0)), Ok(None));
        assert_eq!(understood(&["a", "b", "c"], None), Ok(None));
        assert_eq!(understood(&["a", "b", "5"], Some(0)), Ok(None));
        assert_eq!(understood(&["a", "./5"], Some(0)), Ok(None));
    }

    #[test]
    fn doubtful_words_are_refused() {
        let says = |words: &[&str], given| understood(words, given).expect_err("refused");
        assert!(says(&["a", "b"], None).contains("neither a priority"));
        assert!(says(&["a", "5.0"], None).contains("neither a priority"));
        assert!(says(&["a", "2147483648"], None).contains("lies between"));
        assert!(says(&["a", "5"], Some(1)).contains("given twice"));
        assert!(says(&["a", "b", "5"], None).contains("not an existing file"));
    }
}
