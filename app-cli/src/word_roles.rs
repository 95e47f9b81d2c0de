//! Finds the options in a command line.

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// One or more options, such as `--quiet`, `-qv` or `--jobs=4`.
    Option,
    /// The value of the preceding option.
    Value,
    /// A command, a file, `-`, `--`, or a word after `--`.
    Other,
}

/// Returns the role of each word. Only the options of `command` are known. Any other option counts
/// as an option without a value.
pub(crate) fn roles(words: &[OsString], command: &Command) -> Vec<Role> {
    let (mut is_value, mut is_over) = (false, false);
    let role = |word: &OsString| {
        is_over |= !is_value && word == "--";
        let role = match () {
            () if is_value => Role::Value,
            () if !is_over && is_option(word) => Role::Option,
            () => Role::Other,
        };
        is_value = role == Role::Option && expects_value(word, command);
        role
    };
    words.iter().map(role).collect()
}

fn is_option(word: &OsStr) -> bool {
    word.len() > 1 && word.as_encoded_bytes().starts_with(b"-")
}

/// True if the next word is the value of this option.
fn expects_value(word: &OsStr, command: &Command) -> bool {
    let Some(word) = word.to_str() else { return false };
    let takes_value = |is_it: &dyn Fn(&Arg) -> bool| {
        command.get_arguments().any(|argument| is_it(argument) && argument.get_action().takes_values())
    };
    if let Some(name) = word.strip_prefix("--") {
        return takes_value(&|argument| argument.get_long() == Some(name));
    }
    let mut letters = word.chars().skip(1);
    let is_with_value = letters.any(|letter| takes_value(&|argument| argument.get_short() == Some(letter)));
    is_with_value && letters.next().is_none()
}

#[cfg(test)]
mod tests {
    use clap::ArgAction;

    use super::Role::{Option, Other, Value};
    use super::*;

    #[test]
    fn values_belong_to_the_options_that_take_one() {
        let flag = Arg::new("quiet").short('q').long("quiet").action(ArgAction::Count);
        let command = Command::new("run").arg(flag).arg(Arg::new("jobs").short('j').long("jobs"));
        for (words, expected) in [
            (&["run", "--jobs", "4", "in"][..], &[Other, Option, Value, Other][..]),
            (&["--jobs=4", "in"], &[Option, Other]),
            (&["-qj", "-1", "in"], &[Option, Value, Other]),
            (&["-qj4", "in"], &[Option, Other]),
            (&["--quiet", "in", "-", "--other", "x"], &[Option, Other, Other, Option, Other]),
            (&["--jobs", "--", "--", "--jobs", "4"], &[Option, Value, Other, Other, Other]),
        ] {
            let words: Vec<_> = words.iter().map(OsString::from).collect();
            assert_eq!(roles(&words, &command), expected, "{words:?}");
        }
    }
}
