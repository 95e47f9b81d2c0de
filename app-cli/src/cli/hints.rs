//! Hints for unknown commands and options.
//!
//! Clap suggests the most similar known word, even if that command or option has a dangerous
//! effect. This module keeps a suggestion only if a typing error is likely. If the unknown word is
//! known from other programs, the hint names the equivalent in autoproc.

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
use crate::word_roles::{Role, roles};
use crate::{forgotten_dashes, program_path};
use words::{COMMANDS, OPTIONS, QUEUE_COMMANDS, TOP_COMMANDS};

/// The key under which a clap error stores an unknown command.
const COMMAND: ContextKind = ContextKind::InvalidSubcommand;

const REPEATED: &str = "`autoproc resume` repeats the latest run with its options and files";

/// Returns the error without clap's unlikely suggestions, and with the hints of this module.
/// Escapes the arguments in it, and leaves out passwords. `words` is the command line with the name
/// of the program, and `command` is the definition of autoproc's commands and options.
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
        let command = command_of(words, command);
        let hint = hint(&unknown, kind, &command).or_else(|| match command.first() {
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

/// If clap rejected an option because `--` is missing before the command of `run`, returns the
/// command line with the `--`.
fn corrected(error: &Error, words: &[OsString], command: &Command) -> Option<String> {
    let is_about_option = matches!(
        error.kind(),
        ErrorKind::UnknownArgument | ErrorKind::InvalidValue | ErrorKind::ValueValidation | ErrorKind::TooManyValues
    );
    let run = command.find_subcommand("run").filter(|_| is_about_option)?;
    forgotten_dashes::corrected(words, run, &env::current_dir().unwrap_or_default())
}

/// Escapes unprintable characters in the arguments that the error quotes, and leaves out passwords.
/// An argument may be a file name that a shell pattern inserted.
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

/// Returns the command and its subcommand: the first two words before `--` that are neither options
/// nor their values. The result is shorter if there are fewer such words.
fn command_of<'w>(words: &'w [OsString], command: &Command) -> Vec<&'w str> {
    let before_dashes = words.iter().zip(roles(words, command)).take_while(|(word, _)| *word != "--");
    let named = before_dashes.filter(|(_, role)| *role == Role::Other).filter_map(|(word, _)| word.to_str());
    named.take(2).collect()
}

fn hint(unknown: &str, kind: ContextKind, command: &[&str]) -> Option<String> {
    if kind == COMMAND { command_hint(unknown, command) } else { option_hint(unknown, command) }
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

fn command_hint(unknown: &str, command: &[&str]) -> Option<String> {
    let is_below_queue = command.first() == Some(&"queue");
    if is_below_queue && TOP_COMMANDS.contains(&unknown) {
        return Some(format!("`autoproc {unknown}`"));
    }
    if let Some((_, hint)) = COMMANDS.iter().find(|(words, _)| words.contains(&unknown)) {
        return Some((*hint).to_owned());
    }
    // The user may have omitted `queue` before one of its commands.
    if QUEUE_COMMANDS.contains(&unknown) {
        return Some(format!("`autoproc queue {unknown}`"));
    }
    let named = Path::new(unknown);
    let exists = !is_below_queue && named.exists();
    exists.then(|| format!("`autoproc run {} -- COMMAND {{}}` runs a command on each file", Shown(named)))
}

fn program_hint(unknown: &str) -> Option<String> {
    let named = Shown(Path::new(unknown));
    let is_program = program_path::is_found(OsStr::new(unknown));
    is_program.then(|| format!("`autoproc run FILES -- {named} {{}}` runs {named} on each file"))
}

/// Returns the suggestions that differ from the word by at most two typing errors, or by one if the
/// word has fewer than four characters without its leading dashes; `None` if there are none.
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
