//! Completes the command line in a shell.
//!
//! # Theory of operation
//!
//! `autoproc completions SHELL` prints a script for the shell. When the user presses Tab, the
//! script calls `autoproc` with the typed text. The environment variable [`VARIABLE`] then contains
//! the name of the shell. The program prints a kind and the possible values. The kind tells the
//! shell how to use the values.
//!
//! The program completes options, commands and values of the project, such as files in the queue.
//! The shell completes all other paths and commands.
//!
//! # Deliberately absent
//!
//! Completion never changes or locks the queue, and prints no warnings or errors.

mod line;
mod lookup;
mod shell;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use autoproc_domain::Status;
use clap::ValueHint;
use clap::builder::ArgExt;
use clap_complete::engine::{self, ArgValueCompleter, CompletionCandidate};

use line::Typed;
use lookup::Lookup;
use shell::Shell;

pub(crate) use shell::script;

/// The environment variable with the name of the shell. If set, this process only prints
/// completions.
pub(crate) const VARIABLE: &str = "AUTOPROC_COMPLETE";

/// The kinds of argument values that completion looks up in the project.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Candidates {
    Files(&'static [Status]),
    /// Ids and YAML files of workflows.
    Workflows,
    Runs,
    Signatures,
    /// The names of the live runs of a queue in a database.
    LiveRuns,
    /// The hosts of the live runs of a queue in a database.
    LiveHosts,
}

impl ArgExt for Candidates {}

/// Tells the shell how to complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The shell offers the values.
    Words,
    /// The shell offers the values, and treats them as paths.
    Paths,
    /// The shell itself completes files and folders.
    AnyPath,
    /// The shell itself completes folders.
    Folder,
    /// The shell completes a command line after `--`.
    Command,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Paths => "paths",
            Self::AnyPath => "files",
            Self::Folder => "folders",
            Self::Command => "command",
        }
    }
}

#[derive(Debug)]
struct Answer {
    kind: Kind,
    candidates: Vec<CompletionCandidate>,
}

/// Candidates with these ids make the shell complete paths or folders.
const ANY_PATH: &str = "path";
const FOLDER: &str = "folder";

/// Prints the answer to a completion script, if there is an answer.
pub(crate) fn answer(shell: &OsStr, args: impl Iterator<Item = OsString>, command: clap::Command) {
    let Some(shell) = Shell::named(shell) else { return };
    let Ok(cwd) = std::env::current_dir() else { return };
    let Some(typed) = shell.typed(args.collect()) else { return };
    if let Some(answer) = find(&typed, command, &cwd) {
        // An error is ignored: a shell that has exited needs no answer.
        let _ = io::stdout().write_all(&shell.records(&answer, &typed));
    }
}

fn find(typed: &Typed, command: clap::Command, cwd: &Path) -> Option<Answer> {
    if typed.is_escaped() && named_on(typed, &command).get_positionals().any(clap::Arg::is_last_set) {
        return Some(Answer { kind: Kind::Command, candidates: Vec::new() });
    }
    let lookup = Arc::new(Lookup::new(typed, cwd));
    let mut command = with_completers(command, &lookup);
    let words: Vec<_> = [OsString::from("autoproc")].into_iter().chain(typed.words()).collect();
    let current = words.len() - 1;
    let mut candidates = engine::complete(&mut command, words, current, Some(cwd)).ok()?;
    candidates.retain(|candidate| is_offered(candidate, typed));
    let kind = kind(&candidates);
    if matches!(kind, Kind::AnyPath | Kind::Folder) {
        candidates.clear();
    }
    Some(Answer { kind, candidates })
}

fn is_offered(candidate: &CompletionCandidate, typed: &Typed) -> bool {
    let (is_option, is_command) = (has_id(candidate, "arg::"), has_id(candidate, "command::"));
    (typed.is_option() || !is_option) && !(candidate.is_hide_set() && (is_option || is_command))
}

fn named_on<'c>(typed: &Typed, root: &'c clap::Command) -> &'c clap::Command {
    let words = typed.before.iter().take_while(|word| *word != "--");
    words.fold(root, |command, word| command.find_subcommand(word).unwrap_or(command))
}

fn with_completers(command: clap::Command, lookup: &Arc<Lookup>) -> clap::Command {
    command
        .mut_args(|arg| match completer(&arg, lookup) {
            Some(completer) => arg.add(completer),
            None => arg,
        })
        .mut_subcommands(|below| with_completers(below, lookup))
}

fn completer(arg: &clap::Arg, lookup: &Arc<Lookup>) -> Option<ArgValueCompleter> {
    if let Some(candidates) = arg.get::<Candidates>().copied() {
        let lookup = Arc::clone(lookup);
        return Some(ArgValueCompleter::new(move |current: &OsStr| lookup.candidates(candidates, current)));
    }
    let id = match arg.get_value_hint() {
        ValueHint::AnyPath | ValueHint::FilePath => ANY_PATH,
        ValueHint::DirPath => FOLDER,
        _ => return None,
    };
    let lookup = Arc::clone(lookup);
    Some(ArgValueCompleter::new(move |current: &OsStr| {
        if lookup.is_option(current) {
            Vec::new()
        } else {
            vec![CompletionCandidate::new(current).id(Some(id.to_owned()))]
        }
    }))
}

fn kind(candidates: &[CompletionCandidate]) -> Kind {
    let any = |id| candidates.iter().any(|candidate| has_id(candidate, id));
    if any(ANY_PATH) {
        Kind::AnyPath
    } else if any(FOLDER) {
        Kind::Folder
    } else if candidates.iter().any(lookup::is_looked_up) {
        Kind::Paths
    } else {
        Kind::Words
    }
}

fn has_id(candidate: &CompletionCandidate, start: &str) -> bool {
    candidate.get_id().is_some_and(|id| id.starts_with(start))
}
