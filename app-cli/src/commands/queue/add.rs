//! `queue add`, and the files given to `run`.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::Path;

use autoproc_domain::request::{AnswerNeeded, Enqueue, NewItem, Repeat};
use autoproc_domain::view::EnqueueOutcome;
use autoproc_domain::{FilePath, Priority};
use clap::{Args, ValueHint};
use serde::{Serialize, Serializer};

use crate::context::Context;
use crate::error::CliError;
use crate::escape::Shown;
use crate::paths::{Missing, PathListArgs, PathSource};
use crate::priority;
use crate::view::View;
use crate::view::json::PathJson;

/// Above this many files only a summary is printed.
const MAX_LINES: usize = 20;

/// `queue add`
#[derive(Debug, Args)]
#[command(
    override_usage = "autoproc queue add [OPTIONS] FILE [PRIORITY]
       autoproc queue add [OPTIONS] [-p N] FILE FILE...
       COMMAND | autoproc queue add [OPTIONS] [-p N] [-0] -",
    after_help = "A file that waits already is not added twice; its priority is raised where the new one is higher.
Of two words, an integer second one is the priority: write ./5 for a file named 5.
A folder stands for the files below it, `-` for a list on standard input.

Examples:
  autoproc queue add report.pdf 5
  autoproc queue add *.pdf -p -10
  find . -name '*.pdf' -print0 | autoproc queue add -0 -
  autoproc queue add -- -name-with-a-dash.pdf"
)]
pub(crate) struct AddArgs {
    /// Files or folders; after a single file, an integer is its priority
    #[arg(value_name = "FILE", required_unless_present = "from_file", allow_negative_numbers = true)]
    #[arg(value_hint = ValueHint::AnyPath)]
    words: Vec<OsString>,
    /// Priority of all the files: higher is taken first [default: 0]
    #[arg(short, long, value_name = "N", allow_negative_numbers = true, value_parser = priority::parse)]
    priority: Option<Priority>,
    #[command(flatten)]
    lists: PathListArgs,
}

pub(super) async fn add(mut args: AddArgs, context: &Context) -> Result<(), CliError> {
    take_out_null_flag(&mut args);
    let exists = |word: &OsStr| word == "-" || context.cwd.join(word).exists();
    let trailing = trailing_priority(&args.words, args.priority, exists)?;
    if trailing.is_some() {
        args.words.pop();
    }
    let priority = trailing.or(args.priority).unwrap_or_default();
    let source = PathSource::new(args.words, &args.lists);
    let added = offer(&source, priority, AnswerNeeded::Later, context).await?;
    if added.files.is_empty() {
        context.remark("no files found there");
    }
    context.show(&added)
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

/// Adds the files in one transaction.
pub(in crate::commands) async fn offer(
    source: &PathSource,
    priority: Priority,
    answer: AnswerNeeded,
    context: &Context,
) -> Result<Added, CliError> {
    let gathered = source.gather(&context.cwd, &context.project)?;
    warn_of(&gathered.missing, context);
    let items: Vec<_> = gathered.files.iter().map(|path| NewItem::new(path.clone()).with_priority(priority)).collect();
    let request = Enqueue { items, repeat: Repeat::Always, answer };
    let enqueued =
        if request.items.is_empty() { Vec::new() } else { context.storage().enqueue(request, context.now()).await? };
    let outcomes = enqueued.into_iter().map(|file| file.outcome.into()).collect();
    Ok(Added { files: gathered.files, outcomes, priority, missing: gathered.missing.count })
}

fn warn_of(missing: &Missing, context: &Context) {
    for path in &missing.first {
        context.console.warn(format_args!("{path} does not exist (yet)"));
    }
    let more = missing.count - missing.first.len();
    if more > 0 {
        context.console.warn(format_args!("{more} more files do not exist (yet)"));
    }
}

/// The outcome of adding files.
#[derive(Debug)]
pub(crate) struct Added {
    files: Vec<FilePath>,
    /// One for each file, in the same order.
    outcomes: Vec<AddOutcome>,
    priority: Priority,
    /// Number of files that do not exist.
    missing: usize,
}

/// The outcome of adding one file, as reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AddOutcome {
    /// A new item, or a new round of an ended one.
    Added,
    /// The priority of a live item was raised.
    Raised,
    /// A live item did not change.
    Unchanged,
    /// Recorded; the store has not looked whether the file is queued already.
    Accepted,
}

impl From<EnqueueOutcome> for AddOutcome {
    fn from(outcome: EnqueueOutcome) -> Self {
        match outcome {
            EnqueueOutcome::Raised => Self::Raised,
            EnqueueOutcome::Unchanged | EnqueueOutcome::AlreadyCompleted => Self::Unchanged,
            EnqueueOutcome::Accepted => Self::Accepted,
            EnqueueOutcome::Added
            | EnqueueOutcome::Changed
            | EnqueueOutcome::FailedBefore
            | EnqueueOutcome::Repeated => Self::Added,
        }
    }
}

impl Added {
    fn count(&self, outcome: AddOutcome) -> usize {
        self.outcomes.iter().filter(|became| **became == outcome).count()
    }

    fn each(&self) -> impl Iterator<Item = (&FilePath, AddOutcome)> {
        self.files.iter().zip(self.outcomes.iter().copied())
    }

    /// A summary on one line.
    pub(crate) fn in_sum(&self) -> String {
        let words = |outcome, word: &str| match self.count(outcome) {
            0 => String::new(),
            count => format!(", {count} {word}"),
        };
        let noun = |count| if count == 1 { "file" } else { "files" };
        let accepted = self.count(AddOutcome::Accepted);
        if accepted > 0 {
            return format!("{accepted} {} accepted", noun(accepted));
        }
        let added = self.count(AddOutcome::Added);
        let raised = words(AddOutcome::Raised, "raised");
        format!("{added} {} added{raised}{}", noun(added), words(AddOutcome::Unchanged, "already there"))
    }
}

impl View for Added {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.files.len() <= MAX_LINES {
            for (path, outcome) in self.each() {
                match outcome {
                    AddOutcome::Added => writeln!(out, "added {path}")?,
                    AddOutcome::Raised => writeln!(out, "raised {path} to priority {}", self.priority)?,
                    AddOutcome::Unchanged => writeln!(out, "already there: {path}")?,
                    AddOutcome::Accepted => writeln!(out, "accepted {path}")?,
                }
            }
        }
        if self.files.len() == 1 { Ok(()) } else { writeln!(out, "{}", self.in_sum()) }
    }

    fn document(&self) -> impl Serialize {
        AddedJson {
            added: self.count(AddOutcome::Added),
            raised: self.count(AddOutcome::Raised),
            unchanged: self.count(AddOutcome::Unchanged),
            accepted: self.count(AddOutcome::Accepted),
            missing: self.missing,
            priority: self.priority.get(),
            files: self,
        }
    }
}

#[derive(Serialize)]
struct AddedJson<'a> {
    added: usize,
    raised: usize,
    unchanged: usize,
    accepted: usize,
    missing: usize,
    priority: i32,
    #[serde(serialize_with = "files")]
    files: &'a Added,
}

#[derive(Serialize)]
struct AddedFileJson {
    #[serde(flatten)]
    path: PathJson,
    outcome: &'static str,
}

fn outcome_word(outcome: AddOutcome) -> &'static str {
    match outcome {
        AddOutcome::Added => "added",
        AddOutcome::Raised => "raised",
        AddOutcome::Unchanged => "unchanged",
        AddOutcome::Accepted => "accepted",
    }
}

/// Serialises one file at a time, so that a million of them are not in memory together.
fn files<S: Serializer>(view: &Added, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(
        view.each().map(|(path, outcome)| AddedFileJson { path: path.into(), outcome: outcome_word(outcome) }),
    )
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
