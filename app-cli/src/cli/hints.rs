//! Hints for unknown commands and options.
//!
//! Clap suggests the most similar word, even if it is dangerous. This module keeps only suggestions
//! for likely typing errors.

mod words;

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::Command;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use strsim::damerau_levenshtein;

use crate::escape::{Printable, Shown};
use crate::store_choice::{without_passwords, word_without_password};
use crate::view::quoting::quoted_path;
use crate::word_roles::{Role, roles};
use crate::{forgotten_dashes, program_path};
use words::{COMMANDS, OPTIONS};

const COMMAND: ContextKind = ContextKind::InvalidSubcommand;

const REPEATED: &str = "`autoproc resume` repeats the latest run with its options and files";

/// Replaces clap's unlikely suggestions with hints. Removes passwords and escapes unprintable
/// characters in the quoted arguments.
pub(super) fn improved(mut error: Error, words: &[OsString], command: &mut Command) -> Error {
    command.build();
    let words = words.get(1..).unwrap_or_default();
    for (kind, suggestion) in
        [(COMMAND, ContextKind::SuggestedSubcommand), (ContextKind::InvalidArg, ContextKind::SuggestedArg)]
    {
        let Some(ContextValue::String(unknown)) = error.get(kind) else { continue };
        let unknown = unknown.split(['=', ' ']).next().unwrap_or_default().to_owned();
        let suggested = error.remove(suggestion);
        let near = suggested.as_ref().and_then(|suggested| near(&unknown, suggested));
        let is_far = suggested.is_some() && near.is_none();
        let root = &*command;
        let command = command_of(words, root);
        let hint = hint(&unknown, kind, &command, root).or_else(|| match command.first() {
            _ if near.is_some() => None,
            _ if kind == COMMAND => program_hint(&unknown),
            Some(&"resume") => Some(REPEATED.to_owned()),
            _ => None,
        });
        if let Some(near) = near.filter(|_| hint.is_none()) {
            error.insert(suggestion, near);
        } else if is_far || hint.is_some() {
            // Removes clap's usage line, because it contains the removed suggestion.
            error.remove(ContextKind::Usage);
        }
        // clap advises writing the unknown word after `--`. In `run`, the word would then become
        // part of the command to execute.
        if hint.is_some() || words.iter().any(|word| word == "run") {
            error.remove(ContextKind::Suggested);
        }
        if let Some(hint) = hint {
            let hint = ContextValue::StyledStrs(vec![StyledStr::from(hint)]);
            error.insert(ContextKind::Suggested, hint);
        }
    }
    let shown: Vec<_> = words.iter().map(word_without_password).collect();
    if let Some(line) = corrected(&error, &shown, command) {
        error.remove(ContextKind::SuggestedArg);
        error.remove(ContextKind::Usage);
        let hint = StyledStr::from(format!("write the command after `--`, as in: {line}"));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint]));
    }
    escape_arguments(&mut error);
    error
}

/// If clap rejected a word because `--` is missing before the command of `run`, returns the command
/// line with `--`.
fn corrected(error: &Error, words: &[OsString], command: &Command) -> Option<String> {
    let is_about_option = matches!(
        error.kind(),
        ErrorKind::UnknownArgument | ErrorKind::InvalidValue | ErrorKind::ValueValidation | ErrorKind::TooManyValues
    );
    let run = command.find_subcommand("run").filter(|_| is_about_option)?;
    forgotten_dashes::corrected(words, run, &env::current_dir().unwrap_or_default())
}

/// Also removes passwords from the arguments.
fn escape_arguments(error: &mut Error) {
    let escaped = error.context().filter_map(|(kind, value)| match value {
        ContextValue::String(text) => {
            let shown = Printable(&without_passwords(text)).to_string();
            (shown != *text).then_some((kind, ContextValue::String(shown)))
        }
        _ => None,
    });
    for (kind, value) in escaped.collect::<Vec<_>>() {
        error.insert(kind, value);
    }
}

/// Returns the names of the command and its subcommand.
fn command_of<'w>(words: &'w [OsString], command: &Command) -> Vec<&'w str> {
    let before_dashes = words.iter().zip(roles(words, command)).take_while(|(word, _)| *word != "--");
    let named = before_dashes.filter(|(_, role)| *role == Role::Other).filter_map(|(word, _)| word.to_str());
    named.take(2).collect()
}

fn hint(unknown: &str, kind: ContextKind, command: &[&str], root: &Command) -> Option<String> {
    if kind == COMMAND { command_hint(unknown, command, root) } else { option_hint(unknown, command) }
}

fn option_hint(unknown: &str, command: &[&str]) -> Option<String> {
    let command = match command {
        ["queue" | "workflow", command, ..] | [command, ..] => command,
        [] => "",
    };
    let is_known = |commands: &[&str], options: &[&str]| {
        (commands.is_empty() || commands.contains(&command)) && options.contains(&unknown)
    };
    let known = OPTIONS.iter().find(|(commands, options, _)| is_known(commands, options));
    known.map(|(.., hint)| (*hint).to_owned())
}

fn command_hint(unknown: &str, command: &[&str], root: &Command) -> Option<String> {
    let is_below_queue = command.first() == Some(&"queue");
    // The user may have written `queue` before another command.
    if is_below_queue && root.find_subcommand(unknown).is_some_and(|known| !known.is_hide_set()) {
        return Some(format!("`autoproc {unknown}`"));
    }
    if let Some((_, hint)) = COMMANDS.iter().find(|(words, _)| words.contains(&unknown)) {
        return Some((*hint).to_owned());
    }
    // The user may have omitted `queue` before one of its commands.
    if root.find_subcommand("queue").is_some_and(|queue| queue.find_subcommand(unknown).is_some()) {
        return Some(format!("`autoproc queue {unknown}`"));
    }
    let named = Path::new(unknown);
    let exists = !is_below_queue && named.exists();
    let file = quoted_path(named);
    exists.then(|| format!("`autoproc run {file} -- COMMAND {{}}` runs a command on each file"))
}

fn program_hint(unknown: &str) -> Option<String> {
    let named = Shown(Path::new(unknown));
    let program = quoted_path(Path::new(unknown));
    let is_program = program_path::is_found(OsStr::new(unknown));
    is_program.then(|| format!("`autoproc run FILES -- {program} {{}}` runs {named} on each file"))
}

/// Returns the suggestions with at most two typing errors. Words of fewer than four characters may
/// have one.
fn near(unknown: &str, suggested: &ContextValue) -> Option<ContextValue> {
    let most = if unknown.trim_start_matches('-').len() < 4 { 1 } else { 2 };
    let is_near = |known: &&String| damerau_levenshtein(unknown, known) <= most;
    match suggested {
        ContextValue::String(known) => Some(known).filter(is_near).cloned().map(ContextValue::String),
        ContextValue::Strings(known) => {
            let near: Vec<_> = known.iter().filter(is_near).cloned().collect();
            (!near.is_empty()).then_some(ContextValue::Strings(near))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    fn command_of_entry<'c>(root: &'c Command, name: &str) -> Option<&'c Command> {
        let groups = ["queue", "workflow"].iter().filter_map(|group| root.find_subcommand(group));
        [root].into_iter().chain(groups).find_map(|group| group.find_subcommand(name))
    }

    #[test]
    fn entries_name_every_name_of_a_command() {
        let root = Cli::command();
        for (commands, options, _) in OPTIONS {
            for name in *commands {
                let command = command_of_entry(&root, name).unwrap_or_else(|| panic!("no command {name}"));
                let names = [command.get_name()].into_iter().chain(command.get_all_aliases());
                let missing: Vec<_> = names.filter(|name| !commands.contains(name)).collect();
                assert!(missing.is_empty(), "{options:?} lacks {missing:?}");
            }
        }
    }

    #[test]
    fn a_command_is_found_with_and_without_queue() {
        let root = Cli::command();
        for name in ["explain", "metrics", "top", "workflow", "store", "migrate", "retry"] {
            assert_eq!(command_hint(name, &["queue"], &root), Some(format!("`autoproc {name}`")));
        }
        assert_eq!(command_hint("recover", &[], &root).as_deref(), Some("`autoproc queue recover`"));
        assert_eq!(command_hint("torture-writer", &["queue"], &root), None);
        let init = command_hint("init", &[], &root).expect("a hint");
        assert!(init.contains("`autoproc store init`") && init.contains("`autoproc workflow init "), "{init}");
    }
}
