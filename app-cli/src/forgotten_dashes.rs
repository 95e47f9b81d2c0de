//! Recognises a command of `run` that is given without `--` before it.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::escape::Printable;
use crate::program_path;
use crate::view::quoting::quoted_template;

/// Options of `run` that take the place of a command.
const IN_PLACE: [&str; 2] = ["--shell", "--workflow"];

/// If the words contain a command but no `--`, returns the command line with `--` before the
/// command, as text for a shell. `words` are the arguments of autoproc, beginning with `run`.
pub(crate) fn corrected(words: &[OsString], cwd: &Path) -> Option<String> {
    let (first, words) = words.split_first()?;
    let is_in_place = |word: &OsString| IN_PLACE.iter().any(|option| has_name(word, option));
    if first != "run" || words.iter().any(|word| word == "--" || is_in_place(word)) {
        return None;
    }
    let begin = (0..words.len()).find(|index| begins_command(words, *index, cwd))?;
    let (before, command) = words.split_at(begin);
    let has_files = before.iter().any(|word| !is_option(word));
    let (program, arguments) = command.split_first()?;
    // In `run wc a.txt b.txt`, the arguments of the program are the files to process.
    let are_files = !has_files && !arguments.is_empty() && arguments.iter().all(|word| cwd.join(word).exists());
    let dashes = OsString::from("--");
    let line: Vec<_> = if are_files {
        before.iter().chain(arguments).chain([&dashes, program]).collect()
    } else {
        before.iter().chain([&dashes]).chain(command).collect()
    };
    let line: Vec<_> = line.into_iter().map(|word| quoted_template(&word.to_string_lossy())).collect();
    Some(Printable(&format!("autoproc run {}", line.join(" "))).to_string())
}

/// True if the word at `index` is a program as in [`is_program`], and neither an option nor the
/// value of a long option.
fn begins_command(words: &[OsString], index: usize, cwd: &Path) -> bool {
    let (word, previous) = (&words[index], index.checked_sub(1).map(|previous| &words[previous]));
    let is_value = previous.is_some_and(|previous| is_long(previous) && !is_assigned(previous));
    !is_option(word) && !is_value && is_program(word, index > 0, cwd)
}

/// True if a word names a program in `PATH`, but no file in the current folder. The path of an
/// executable file counts only if `is_later`, because the first word may be a file to process.
fn is_program(word: &OsStr, is_later: bool, cwd: &Path) -> bool {
    let is_path = word.as_encoded_bytes().contains(&b'/');
    program_path::is_found(word) && if is_path { is_later } else { !cwd.join(word).exists() }
}

fn is_option(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"-")
}

fn is_long(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"--")
}

fn is_assigned(word: &OsStr) -> bool {
    word.as_encoded_bytes().contains(&b'=')
}

fn has_name(word: &OsStr, option: &str) -> bool {
    let rest = word.as_encoded_bytes().strip_prefix(option.as_bytes());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"="))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a folder with the files `a`, `b` and `in`.
    fn line(words: &[&str]) -> Option<String> {
        let folder = tempfile::tempdir().expect("a folder for the test");
        for name in ["a", "b", "in"] {
            std::fs::write(folder.path().join(name), "").expect("a file");
        }
        let words: Vec<_> = words.iter().map(OsString::from).collect();
        corrected(&words, folder.path())
    }

    #[test]
    fn the_dashes_stand_before_the_program() {
        let is = |words: &[&str], expected: &str| assert_eq!(line(words).as_deref(), Some(expected));
        is(&["run", "in", "cat", "{}"], "autoproc run in -- cat {}");
        is(&["run", "-q", "in", "cat", "-n", "it's"], "autoproc run -q in -- cat -n 'it'\\''s'");
        is(&["run", "cat", "a", "b"], "autoproc run a b -- cat");
        is(&["run", "cat", "a", "missing"], "autoproc run -- cat a missing");
        is(&["run", "in", "/bin/sh", "{}"], "autoproc run in -- /bin/sh {}");
    }

    #[test]
    fn words_without_a_program_are_left_alone() {
        for words in [
            &["run", "in", "a"][..],
            &["run", "in", "--", "cat"],
            &["run", "in", "--shell", "cat"],
            &["run", "in", "--workflow=w", "cat"],
            &["run", "in", "--include", "cat"],
            &["run", "/bin/sh"],
            &["run"],
            &["queue", "add", "cat"],
            &[],
        ] {
            assert_eq!(line(words), None, "{words:?}");
        }
    }
}
