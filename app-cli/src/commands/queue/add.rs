//! `queue add`: adds files to the queue.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::Path;

use autoproc_domain::request::{AnswerNeeded, Enqueue, NewItem, Repeat};
use autoproc_domain::view::{EnqueueOutcome, Enqueued};
use autoproc_domain::{FilePath, ItemId, Priority};
use autoproc_subprocess::fingerprint_of;
use clap::{Args, ValueHint};
use serde::{Serialize, Serializer};

use crate::context::Context;
use crate::error::CliError;
use crate::escape::Shown;
use crate::paths::{Absent, FoundFile, Gathered, PathListArgs, PathSource};
use crate::priority;
use crate::view::json::PathJson;
use crate::view::screen::Screen;
use crate::view::{View, counted, files};

/// Above this number of files, only a summary is printed.
const MAX_LINES: usize = 20;

/// The arguments of `queue add`.
#[derive(Debug, Args)]
#[command(
    override_usage = "autoproc queue add [OPTIONS] FILE [PRIORITY]
       autoproc queue add [OPTIONS] [-p N] FILE FILE...
       COMMAND | autoproc queue add [OPTIONS] [-p N] [-0] -",
    after_help = "A file that is already pending or processing is not added twice; its priority is raised if the new one is higher.
A completed file that has not changed since is skipped, unless --again is given.
If the second of two arguments is an integer, it is the priority: write ./5 for a file named 5.
A folder adds all files below it; `-` reads a list from standard input.

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
    /// Priority of the files: higher ones are processed first [default: 0]
    #[arg(short, long, value_name = "N", allow_negative_numbers = true, value_parser = priority::parse)]
    priority: Option<Priority>,
    /// Process completed files again, even if they have not changed
    #[arg(long)]
    again: bool,
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
    let source = PathSource::new(args.words, &args.lists)?;
    let repeat = if args.again { Repeat::Always } else { Repeat::IfChanged };
    let gathered = source.gather(Absent::Warn, &context.surroundings())?;
    let added = offer(gathered, priority, repeat, AnswerNeeded::Later, false, context).await?;
    context.show_change(&added)
}

/// Replaces the word `-0` by the flag `null`. clap parses `-0` as a negative number.
fn take_out_null_flag(args: &mut AddArgs) {
    let before = args.words.len();
    args.words.retain(|word| word != "-0");
    args.lists.null |= args.words.len() < before;
}

/// Returns the priority after a single file. Fails if the last word is ambiguous.
fn trailing_priority(
    words: &[OsString],
    given: Option<Priority>,
    exists: impl Fn(&OsStr) -> bool,
) -> Result<Option<Priority>, CliError> {
    let [before @ .., last] = words else { return Ok(None) };
    let integer = last.to_str().filter(|word| priority::is_integer(word));
    match (before.len(), integer, given) {
        (1, Some(_), Some(_)) => Err(given_twice(last)),
        (1, Some(word), None) if exists(last) => Err(both(word)),
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

fn both(word: &str) -> CliError {
    CliError::usage(format!("{word} is both a priority (an integer) and an existing file"))
        .with_hint(format!("write -p {word} for the priority, ./{word} for the file"))
}

fn no_priority(word: &str, error: priority::InvalidPriority) -> CliError {
    CliError::usage(format!("invalid priority {word}: {error}"))
}

fn neither(word: &OsStr) -> CliError {
    CliError::usage(format!("{} is neither a priority (an integer) nor an existing file", Shown(Path::new(word))))
        .with_hint("write a priority as an integer; to add a file of this name that does not exist yet, use `-p 0`: then each argument is a file")
}

fn ambiguous(word: &str) -> CliError {
    CliError::usage(format!("{word} is not an existing file, and a priority after several files needs -p"))
        .with_hint(format!("write -p {word} to give all files this priority"))
}

pub(in crate::commands) async fn offer(
    gathered: Gathered,
    priority: Priority,
    repeat: Repeat,
    answer: AnswerNeeded,
    is_quiet: bool,
    context: &Context,
) -> Result<Added, CliError> {
    report(&gathered, is_quiet, context);
    let new_item = |FoundFile { path, depth }: &FoundFile| {
        let seen = fingerprint_of(path.as_path());
        NewItem::new(path.clone()).with_depth(*depth).with_priority(priority).with_fingerprint(seen)
    };
    let request = Enqueue { items: gathered.files.iter().map(new_item).collect(), repeat, answer };
    let enqueued =
        if request.items.is_empty() { Vec::new() } else { context.storage().enqueue(request, context.now()).await? };
    let Gathered { files, missing, unexamined, unreadable, left_out, .. } = gathered;
    let repeated = if matches!(repeat, Repeat::IfOtherRecipe(_)) {
        "added again (completed by a different command)"
    } else {
        "added again"
    };
    let files = files.into_iter().map(|file| file.path).collect();
    let missing = missing.count + unexamined.count;
    Ok(Added { files, enqueued, priority, repeated, missing, unreadable: unreadable.count, left_out })
}

/// Prints remarks and warnings about the files. If `is_quiet`, does not report excluded files.
pub(in crate::commands) fn report(gathered: &Gathered, is_quiet: bool, context: &Context) {
    let Gathered { missing, unexamined, unreadable, left_out, remarks, unquoted, .. } = gathered;
    for remark in remarks {
        context.remark(remark);
    }
    for path in &missing.first {
        context.console.warn(format_args!("{path} does not exist (yet)"));
    }
    match missing.count - missing.first.len() {
        0 => {}
        1 => context.console.warn("1 more file does not exist (yet)"),
        more => context.console.warn(format_args!("{more} more files do not exist (yet)")),
    }
    for place in &unexamined.first {
        context.console.warn(format_args!("{place}; it is added all the same"));
    }
    match unexamined.count - unexamined.first.len() {
        0 => {}
        more => context
            .console
            .warn(format_args!("{} cannot be examined, and added all the same", counted(more as u64, "more file"))),
    }
    for place in &unreadable.first {
        context.console.warn(format_args!("skipped, because it cannot be read: {place}"));
    }
    match unreadable.count - unreadable.first.len() {
        0 => {}
        more => context.console.warn(format_args!("{} cannot be read", counted(more as u64, "more place"))),
    }
    if let Some(unquoted) = unquoted {
        context.console.warn(unquoted.warning());
    }
    if let Some(nothing) = gathered.nothing() {
        // Warns, because an empty folder may be an unmounted disk.
        context.console.warn(nothing);
    } else if *left_out > 0 && !is_quiet {
        context.remark(&format!("{} excluded by --include, --exclude or --newer-than", files(*left_out)));
    }
}

#[derive(Debug)]
pub(in crate::commands) struct Added {
    files: Vec<FilePath>,
    /// The outcome for each file, in the order of `files`.
    enqueued: Vec<Enqueued>,
    priority: Priority,
    /// The words that the summary prints after the number of completed files that are processed
    /// again.
    repeated: &'static str,
    missing: usize,
    /// The number of unreadable files and folders below the given folders.
    unreadable: usize,
    /// The number of files that `--include`, `--exclude` or `--newer-than` excluded.
    left_out: usize,
}

impl Added {
    pub(in crate::commands) fn items(&self) -> impl Iterator<Item = ItemId> {
        self.enqueued.iter().filter_map(|enqueued| enqueued.item)
    }

    /// Returns the number of files that are pending or processing now.
    pub(in crate::commands) fn live(&self) -> usize {
        self.enqueued.len() - self.count(EnqueueOutcome::AlreadyCompleted)
    }

    /// Returns the number of files made pending. Some may have been pending before.
    pub(in crate::commands) fn due(&self) -> usize {
        let is_new = |enqueued: &&Enqueued| {
            !matches!(
                enqueued.outcome,
                EnqueueOutcome::AlreadyCompleted | EnqueueOutcome::Unchanged | EnqueueOutcome::Raised
            )
        };
        self.enqueued.iter().filter(is_new).count()
    }

    /// Counts the new files that may be output of an earlier run. They differ from a completed file
    /// only in the extension.
    pub(in crate::commands) fn beside_completed(&self) -> usize {
        let stem = |path: &FilePath| path.as_path().with_extension("");
        let with = |outcome| self.each().filter(move |(_, became)| *became == outcome).map(|(path, _)| path);
        let completed: HashSet<_> = with(EnqueueOutcome::AlreadyCompleted).map(stem).collect();
        with(EnqueueOutcome::Added).filter(|path| completed.contains(&stem(path))).count()
    }

    fn count(&self, outcome: EnqueueOutcome) -> usize {
        self.enqueued.iter().filter(|enqueued| enqueued.outcome == outcome).count()
    }

    fn each(&self) -> impl Iterator<Item = (&FilePath, EnqueueOutcome)> {
        self.files.iter().zip(self.enqueued.iter().map(|enqueued| enqueued.outcome))
    }

    pub(in crate::commands) fn in_sum(&self) -> String {
        let noun = |count| if count == 1 { "file" } else { "files" };
        let accepted = self.count(EnqueueOutcome::Accepted);
        if accepted > 0 {
            return format!("{accepted} {} added, or already there", noun(accepted));
        }
        let added = self.count(EnqueueOutcome::Added);
        let others = [
            (EnqueueOutcome::Changed, "added again (changed)"),
            (EnqueueOutcome::FailedBefore, "added again (failed earlier)"),
            (EnqueueOutcome::Repeated, self.repeated),
            (EnqueueOutcome::Raised, "raised in priority"),
            (EnqueueOutcome::Unchanged, "already there"),
            (EnqueueOutcome::AlreadyCompleted, "already completed"),
        ];
        let others = others.map(|(outcome, words)| (self.count(outcome), words));
        let others = others.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!(", {count} {words}"));
        format!("{added} {} added{}", noun(added), others.collect::<String>())
    }
}

impl View for Added {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.files.len() <= MAX_LINES {
            for (path, outcome) in self.each() {
                let line = match outcome {
                    EnqueueOutcome::Added => out.line("added ", path, ""),
                    EnqueueOutcome::Changed => out.line("added ", path, " again: it changed since it was completed"),
                    EnqueueOutcome::FailedBefore => out.line("added ", path, " again: it failed before"),
                    EnqueueOutcome::Repeated => out.line("added ", path, " again"),
                    EnqueueOutcome::Raised => out.line("raised ", path, &format!(" to priority {}", self.priority)),
                    EnqueueOutcome::Unchanged => out.line("already there: ", path, ""),
                    EnqueueOutcome::AlreadyCompleted => out.line("already completed: ", path, ""),
                    EnqueueOutcome::Accepted => out.line("added, or already there: ", path, ""),
                };
                writeln!(out, "{line}")?;
            }
        }
        if self.files.len() == 1 { Ok(()) } else { writeln!(out, "{}", self.in_sum()) }
    }

    fn document(&self) -> impl Serialize {
        AddedJson {
            added: self.count(EnqueueOutcome::Added),
            changed: self.count(EnqueueOutcome::Changed),
            failed_before: self.count(EnqueueOutcome::FailedBefore),
            repeated: self.count(EnqueueOutcome::Repeated),
            raised: self.count(EnqueueOutcome::Raised),
            unchanged: self.count(EnqueueOutcome::Unchanged),
            already_completed: self.count(EnqueueOutcome::AlreadyCompleted),
            accepted: self.count(EnqueueOutcome::Accepted),
            missing: self.missing,
            unreadable: self.unreadable,
            left_out: self.left_out,
            priority: self.priority.get(),
            files: self,
        }
    }
}

#[derive(Serialize)]
struct AddedJson<'a> {
    added: usize,
    changed: usize,
    failed_before: usize,
    repeated: usize,
    raised: usize,
    unchanged: usize,
    already_completed: usize,
    accepted: usize,
    missing: usize,
    unreadable: usize,
    left_out: usize,
    priority: i32,
    #[serde(serialize_with = "each_file")]
    files: &'a Added,
}

#[derive(Serialize)]
struct AddedFileJson {
    #[serde(flatten)]
    path: PathJson,
    outcome: &'static str,
}

fn outcome_word(outcome: EnqueueOutcome) -> &'static str {
    match outcome {
        EnqueueOutcome::Added => "added",
        EnqueueOutcome::Changed => "changed",
        EnqueueOutcome::FailedBefore => "failed_before",
        EnqueueOutcome::Repeated => "repeated",
        EnqueueOutcome::Raised => "raised",
        EnqueueOutcome::Unchanged => "unchanged",
        EnqueueOutcome::AlreadyCompleted => "already_completed",
        EnqueueOutcome::Accepted => "accepted",
    }
}

/// Serialises the files one at a time, to save memory.
fn each_file<S: Serializer>(view: &Added, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(
        view.each().map(|(path, outcome)| AddedFileJson { path: path.into(), outcome: outcome_word(outcome) }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn an_integer_that_is_a_file_is_ambiguous() {
        let says = trailing_priority(&["a".into(), "5".into()], None, |_| true).expect_err("refused");
        assert!(says.message().contains("both a priority"), "{}", says.message());
        assert_eq!(trailing_priority(&["a".into(), "./5".into()], None, |_| true).ok(), Some(None));
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
