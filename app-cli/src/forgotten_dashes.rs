//! Detects a forgotten `--` before the command of `run`.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::Command;

use crate::escape::Printable;
use crate::program_path;
use crate::view::quoting::quoted_template;
use crate::word_roles::{Role, roles};

const IN_PLACE: [&str; 2] = ["--shell", "--workflow"];

/// Returns the corrected command line if the user forgot the `--`. `options` must have the global
/// options and those of `run`.
pub(crate) fn corrected(words: &[OsString], options: &Command, cwd: &Path) -> Option<String> {
    let roles = roles(words, options);
    let run = roles.iter().position(|role| *role == Role::Other).filter(|run| words[*run] == "run")?;
    if words.iter().zip(&roles).any(|(word, role)| word == "--" || (*role == Role::Option && is_in_place(word))) {
        return None;
    }
    let first = run + 1;
    let is_command = |index: &usize| roles[*index] == Role::Other && is_program(&words[*index], *index > first, cwd);
    let begin = (first..words.len()).find(is_command)?;
    let (before, command) = words.split_at(begin);
    let has_files = roles[first..begin].contains(&Role::Other);
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
    Some(Printable(&format!("autoproc {}", line.join(" "))).to_string())
}

/// True if `word` can begin a command. The first word after `run` must not be a path, because a
/// path may be a file to process.
fn is_program(word: &OsStr, is_later: bool, cwd: &Path) -> bool {
    let is_path = word.as_encoded_bytes().contains(&b'/');
    program_path::is_found(word) && if is_path { is_later } else { !cwd.join(word).exists() }
}

fn is_in_place(word: &OsStr) -> bool {
    let name = word.as_encoded_bytes().split(|byte| *byte == b'=').next();
    IN_PLACE.iter().any(|option| name == Some(option.as_bytes()))
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction};

    use super::*;

    fn line(words: &[&str]) -> Option<String> {
        let folder = tempfile::tempdir().expect("a folder for the test");
        for name in ["a", "b", "in"] {
            std::fs::write(folder.path().join(name), "").expect("a file");
        }
        let words: Vec<_> = words.iter().map(OsString::from).collect();
        let value = |name| Arg::new(name).long(name);
        let flag = Arg::new("quiet").short('q').long("quiet").action(ArgAction::Count);
        let values = ["include", "jobs", "project-dir", "shell", "workflow"].map(value);
        corrected(&words, &Command::new("run").arg(flag).args(values), folder.path())
    }

    #[test]
    fn the_dashes_stand_before_the_program() {
        let is = |words: &[&str], expected: &str| assert_eq!(line(words).as_deref(), Some(expected));
        is(&["run", "in", "cat", "{}"], "autoproc run in -- cat {}");
        is(&["run", "-q", "in", "cat", "-n", "it's"], "autoproc run -q in -- cat -n 'it'\\''s'");
        is(&["run", "cat", "a", "b"], "autoproc run a b -- cat");
        is(&["run", "cat", "a", "missing"], "autoproc run -- cat a missing");
        is(&["run", "in", "/bin/sh", "{}"], "autoproc run in -- /bin/sh {}");
        is(&["run", "--quiet", "cat", "a"], "autoproc run --quiet a -- cat");
        is(&["run", "--jobs", "4", "cat", "a"], "autoproc run --jobs 4 a -- cat");
        is(&["--project-dir", "p1", "run", "in", "cat", "{}"], "autoproc --project-dir p1 run in -- cat {}");
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
