//! The supported shells and their completion scripts.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use clap_complete::engine::CompletionCandidate;

use super::line::{Quotes, Typed, quoted, split, unquoted};
use super::{Answer, Kind};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Returns the completion script of a shell; `None` if the shell is not supported.
pub(crate) fn script(name: &OsStr) -> Option<&'static str> {
    Some(match Shell::named(name)? {
        Shell::Bash => include_str!("shell/autoproc.bash"),
        Shell::Zsh => include_str!("shell/_autoproc"),
        Shell::Fish => include_str!("shell/autoproc.fish"),
    })
}

impl Shell {
    pub(super) fn named(name: &OsStr) -> Option<Self> {
        match name.to_str()? {
            "bash" => Some(Self::Bash),
            "zsh" => Some(Self::Zsh),
            "fish" => Some(Self::Fish),
            _ => None,
        }
    }

    /// Parses the typed line from the arguments of the script:
    ///
    /// - bash: the line up to the cursor, and the part of the last word to replace.
    /// - zsh: the words up to the cursor, with their quotes.
    /// - fish: the words up to the cursor. Only the last word has its quotes.
    pub(super) fn typed(self, mut args: Vec<OsString>) -> Option<Typed> {
        let replaced = if self == Self::Bash { args.pop() } else { None };
        let raw = args.pop()?;
        let (mut words, open) = match self {
            Self::Bash => split(raw.as_bytes()),
            Self::Zsh => {
                args.push(raw);
                (args.iter().map(|word| unquoted(word.as_bytes(), Quotes::Posix)).collect(), None)
            }
            Self::Fish => {
                args.push(unquoted(raw.as_bytes(), Quotes::Fish));
                (args, None)
            }
        };
        let current = words.pop()?;
        if words.is_empty() {
            return None;
        }
        words.remove(0);
        let replaced = replaced.map(|part| unquoted(part.as_bytes(), Quotes::Posix));
        let kept = replaced.map_or(0, |part| kept(&current, &part));
        Some(Typed { before: words, current, kept, open })
    }

    /// Encodes an answer: one record for the kind, then one for each value. Each record ends with a
    /// NUL byte for zsh, and with a line feed for the other shells.
    pub(super) fn records(self, answer: &Answer, typed: &Typed) -> Vec<u8> {
        let end = if self == Self::Zsh { 0 } else { b'\n' };
        let mut records = [answer.kind.word().as_bytes(), &[end]].concat();
        for record in answer.candidates.iter().filter_map(|candidate| self.record(candidate, answer.kind, typed)) {
            records.extend(record);
            records.push(end);
        }
        records
    }

    fn record(self, candidate: &CompletionCandidate, kind: Kind, typed: &Typed) -> Option<Vec<u8>> {
        let value = candidate.get_value().as_bytes();
        let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.lines().next().unwrap_or_default().as_bytes();
        Some(match self {
            // The value is quoted here, because bash itself would not quote a `$` in a path.
            Self::Bash if kind == Kind::Paths => quoted(value.get(typed.kept..)?, typed.open),
            Self::Bash => value.get(typed.kept..)?.to_vec(),
            Self::Zsh if kind == Kind::Paths => value.to_vec(),
            // Values that are not paths have the format of the zsh function `_describe`.
            Self::Zsh if help.is_empty() => escaped(value),
            Self::Zsh => [&escaped(value), &b":"[..], help].concat(),
            // In fish, a tab begins the description and a line feed ends the record, so a value
            // that contains either is omitted.
            Self::Fish if value.contains(&b'\n') || value.contains(&b'\t') => return None,
            Self::Fish => [value, b"\t", help].concat(),
        })
    }
}

fn kept(word: &OsStr, replaced: &OsStr) -> usize {
    word.as_bytes().strip_suffix(replaced.as_bytes()).map_or(0, <[u8]>::len)
}

fn escaped(value: &[u8]) -> Vec<u8> {
    value.iter().flat_map(|byte| if b"\\:".contains(byte) { vec![b'\\', *byte] } else { vec![*byte] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(shell: Shell, args: &[&str]) -> (Vec<OsString>, OsString, usize) {
        let typed = shell.typed(args.iter().map(OsString::from).collect()).expect("a line");
        (typed.before, typed.current, typed.kept)
    }

    #[test]
    fn each_shell_passes_what_is_typed() {
        let expected = (vec![OsString::from("log")], OsString::from("a b"), 0);
        assert_eq!(typed(Shell::Bash, &[r"autoproc log a\ b", r"a\ b"]), expected);
        assert_eq!(typed(Shell::Bash, &[r#"autoproc log "a b"#, "a b"]), expected);
        assert_eq!(typed(Shell::Zsh, &["autoproc", "log", r"a\ b"]), expected);
        assert_eq!(typed(Shell::Fish, &["autoproc", "log", "'a b"]), expected);
        assert_eq!(typed(Shell::Bash, &["autoproc log --color=al", "al"]).2, "--color=".len());
    }
}
