//! Hints for unknown commands and options.
//!
//! Clap proposes the most similar known word, which may have dangerous effects. This module keeps a
//! proposal only if a typing error is likely. If the unknown word is known from other programs, the
//! hint names the equivalent in autoproc.

use std::ffi::OsString;
use std::path::Path;

use autoproc_domain::path::is_unprintable;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, Error};
use strsim::damerau_levenshtein;

use crate::escape::{Printable, Shown};

/// Commands of other programs, each with the hint that names the equivalent here.
const COMMANDS: &[(&[&str], &str)] = &[
    (
        &["skip"],
        "`autoproc cancel FILE` makes a file fail; `autoproc queue hold FILE` keeps it pending until `autoproc queue unhold FILE`",
    ),
    (&["delete"], "`autoproc queue remove FILE` removes a file that is not being processed"),
    (&["check", "validate", "lint"], "`autoproc workflow check FILE` checks a workflow file"),
    (&["restart", "start"], "`autoproc run` continues where an earlier run stopped"),
    (
        &["continue", "unpause"],
        "`autoproc resume` continues a paused run; `autoproc run` continues where an earlier run stopped",
    ),
    (&["exec", "process", "work"], "`autoproc run -- COMMAND {}` runs a command on each file"),
    (&["failed", "failures", "errors"], "`autoproc queue list --status failed,timeout` lists the files that failed"),
    (&["enqueue", "push", "submit"], "`autoproc queue add FILE` adds a file"),
    (&["init", "new", "create"], "no command is needed: the first `autoproc queue add FILE` creates the queue"),
    (&["kill", "abort"], "`autoproc stop --now` ends the current attempts; their files wait for the next run"),
    (&["suspend", "freeze"], "`autoproc pause` suspends the live runs; `autoproc resume` continues them"),
    (&["drain"], "`autoproc stop` finishes the current files; the next `autoproc run` continues"),
    (&["prioritise", "prioritize"], "`autoproc queue prioritise FILE N` changes the priority of a file"),
    (
        &["wait"],
        "`autoproc run` returns when its files are processed; `autoproc stop --wait` returns when every run has ended",
    ),
    (&["progress"], "`autoproc status` shows a run, `autoproc workflow progress` executions of workflows"),
    (&["summary", "stats"], "`autoproc report` reports on the last run; `autoproc status` shows live runs and counts"),
    (&["info", "ps", "jobs"], "`autoproc status` shows runs and counts, with --json for scripts"),
    (
        &["watch", "top", "monitor", "follow", "tail"],
        "`watch autoproc status` repeats the status; `autoproc log -f FILE` follows one file",
    ),
];

/// Options of other programs, each with the hint that names the equivalent here.
const OPTIONS: &[(&[&str], &str)] = &[
    (&["--all"], "`autoproc retry-failed` without files retries all failed files"),
    (
        &["--resume", "--continue", "--restart"],
        "leave it out: a run continues where an earlier run stopped, and `autoproc resume` continues a paused run",
    ),
    (&["--retry", "--max-retries", "--attempts"], "`--retries N` sets how often a failed file is retried"),
    (&["--delay", "--retry-delay", "--backoff"], "`--backoff-base TIME` is the wait before the first retry"),
    (
        &["--parallel", "--workers", "--threads", "--max-procs", "-P"],
        "`--jobs N` sets how many files are processed at a time",
    ),
    (&["-n", "--simulate", "--just-print"], "`--dry-run` prints the command for the first file and executes nothing"),
    (&["-v", "--verbose"], "`autoproc run -v` prints a line for each attempt; `autoproc log FILE` shows its output"),
    (
        &["--watch", "--follow", "-f"],
        "`autoproc log -f FILE` follows one file; `watch autoproc status` repeats the status",
    ),
    (&["--yes", "-y", "--force"], "leave it out: no command asks for confirmation"),
    (&["--format", "--output-format"], "`--json` prints data as JSON"),
    (&["--dir", "-C", "--chdir", "--project"], "`--project-dir FOLDER` selects the folder of the queue"),
];

/// Returns the error without clap's unlikely suggestions, and with the hints of this module.
pub(super) fn improved(mut error: Error, words: &[OsString]) -> Error {
    for (kind, suggestion) in [
        (ContextKind::InvalidSubcommand, ContextKind::SuggestedSubcommand),
        (ContextKind::InvalidArg, ContextKind::SuggestedArg),
    ] {
        let Some(ContextValue::String(unknown)) = error.get(kind) else { continue };
        let unknown = unknown.split(['=', ' ']).next().unwrap_or_default().to_owned();
        let suggested = error.remove(suggestion);
        let near = suggested.as_ref().and_then(|suggested| near(&unknown, suggested));
        let is_far = suggested.is_some() && near.is_none();
        let hint = hint(&unknown, kind);
        if let Some(near) = near.filter(|_| hint.is_none()) {
            error.insert(suggestion, near);
        } else if is_far || hint.is_some() {
            // clap's usage line names the suggestion, which has been removed.
            error.remove(ContextKind::Usage);
        }
        // clap advises writing the word after `--`. In `run`, the words after `--` are the command.
        if hint.is_some() || words.iter().any(|word| word == "run") {
            error.remove(ContextKind::Suggested);
        }
        if let Some(hint) = hint {
            let hint = ContextValue::StyledStrs(vec![StyledStr::from(hint)]);
            error.insert(ContextKind::Suggested, hint);
        }
    }
    escape_arguments(&mut error);
    error
}

/// Escapes the arguments that the error quotes: they may be file names inserted by a shell pattern.
fn escape_arguments(error: &mut Error) {
    let escaped = error.context().filter_map(|(kind, value)| match value {
        ContextValue::String(text) if text.contains(is_unprintable) => {
            Some((kind, ContextValue::String(Printable(text).to_string())))
        }
        _ => None,
    });
    for (kind, value) in escaped.collect::<Vec<_>>() {
        error.insert(kind, value);
    }
}

fn hint(unknown: &str, kind: ContextKind) -> Option<String> {
    let known = if kind == ContextKind::InvalidSubcommand { COMMANDS } else { OPTIONS };
    let known = known.iter().find(|(words, _)| words.contains(&unknown)).map(|(_, hint)| (*hint).to_owned());
    known.or_else(|| {
        // The user may have omitted `queue` before one of its commands.
        let is_queue = ["size", "peek", "show", "hold", "unhold", "export", "recover", "repair"].contains(&unknown);
        let is_command = kind == ContextKind::InvalidSubcommand;
        if is_command && is_queue {
            Some(format!("`autoproc queue {unknown}`"))
        } else if is_command && Path::new(unknown).exists() {
            let named = Shown(Path::new(unknown));
            Some(format!("`autoproc run {named} -- COMMAND {{}}` runs a command on each file"))
        } else {
            None
        }
    })
}

/// Returns the suggestions that differ from the word by at most two typing errors, or by one if the
/// word has fewer than four characters; `None` if there are none.
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
