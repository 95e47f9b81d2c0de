//! `report`: shows the results of past runs.

mod html;
mod human;
mod interval;
mod json;
mod latest;
mod slots;
mod trace;

use std::borrow::Cow;
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::PathBuf;

use autoproc_domain::failure::run_died;
use autoproc_domain::ports::{EndedAttempt, PastAttempt, PastEnd, PastRun, RunFilter, RunsSummary};
use autoproc_domain::request::{Scope, Selector};
use autoproc_domain::signature::FailureGroups;
use autoproc_domain::view::Counts;
use autoproc_domain::{RunId, Status, Timestamp};
use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Args, ValueHint};

use crate::completion::Candidates;
use crate::context::Context;
use crate::error::CliError;
use crate::escape::Printable;
use crate::missing_files::MissingFiles;
use crate::since::{self, Since};
use crate::view::past_run::RunShown;

/// The arguments of `report`.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("file").args(["html", "trace"]),
    after_help = "--html writes one file that needs no other: a browser shows it without a network or scripts. The
report is not printed as text; with --json, it is printed as a document. FILE is replaced, as a
whole, if it is empty or an earlier page of `report --html`. Any other file is kept, unless --force
is given. The same holds for the file of --trace. Perfetto (ui.perfetto.dev) and chrome://tracing
show it: attempts of a run that ran at the same time are in different rows.

Examples:
  autoproc report                    the last run that had something to do
  autoproc report --since 22:00      every run since ten in the evening
  autoproc report --since 2d --json
  autoproc report --run 01a22414-c0c7-7231-9b2e-a5b9a820b483
  autoproc report --html night.html --since 22:00
  autoproc report --html night.html --watch    a page that follows the live run
  autoproc report --trace night.json"
)]
pub(crate) struct ReportArgs {
    /// Report this run; the beginning of its name suffices
    #[arg(long, value_name = "ID", conflicts_with_all = ["since", "last"], add = Candidates::Runs, value_parser = NonEmptyStringValueParser::new())]
    run: Option<String>,
    /// Report every run that was alive at TIME or later. TIME is a time of day, a date, a date and
    /// time, or a span
    ///
    /// For example: 22:00 (its latest occurrence), 2026-11-28, 2026-11-28T22:00, 12h.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, conflicts_with = "last", value_parser = since::parse)]
    since: Option<Since>,
    /// Report the last run, even if it had nothing to do
    #[arg(long)]
    last: bool,
    /// Write the report as an HTML page to FILE, with charts; `-` for standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    html: Option<PathBuf>,
    /// Write the attempts to FILE as a trace for Perfetto or `chrome://tracing`; `-` for
    /// standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    trace: Option<PathBuf>,
    /// Write the page again every 5 seconds until the reported runs have ended; Ctrl-C ends only
    /// the watching
    #[arg(short, long, requires = "html", conflicts_with = "trace")]
    watch: bool,
    /// Replace FILE even if `report` did not write it
    #[arg(long, requires = "file")]
    force: bool,
}

pub(super) async fn report(args: &ReportArgs, context: &Context) -> Result<(), CliError> {
    if let Some(file) = &args.html {
        return html::report(file, args, context).await;
    }
    if let Some(file) = &args.trace {
        return trace::report(file, args, context).await;
    }
    context.show_named(&read(args, context).await?)
}

async fn read(args: &ReportArgs, context: &Context) -> Result<Report, CliError> {
    let since = args.since.map(|since| since.before(context.now()));
    let mut later = Vec::new();
    let summary = match (&args.run, since) {
        (Some(name), _) => named(name, context).await?,
        (None, Some(since)) => context.past_runs(RunFilter::Since(since)).await?,
        (None, None) if args.last => context.past_runs(RunFilter::Latest(1)).await?,
        (None, None) => {
            let latest = latest::latest(context).await?;
            later = latest.later;
            latest.summary
        }
    };
    if summary.runs.is_empty() {
        context.remark_on_missing_queue();
        context.remark("no run is recorded for this report");
    }
    Ok(Report { later, ..Report::new(summary, since, context).await? })
}

/// Finds a run by its id, or by a unique prefix of its id.
async fn named(word: &str, context: &Context) -> Result<RunsSummary, CliError> {
    let exact = context.past_runs(RunFilter::Named(vec![RunId::new(word)])).await?;
    if !exact.runs.is_empty() {
        return Ok(exact);
    }
    let runs = context.past_runs(RunFilter::All).await?.runs;
    let mut matching: Vec<_> = runs.into_iter().map(|run| run.id).filter(|id| id.as_str().starts_with(word)).collect();
    let word = Printable(word);
    match (matching.pop(), matching.is_empty()) {
        (Some(run), true) => context.past_runs(RunFilter::Named(vec![run])).await,
        (None, _) => Err(CliError::usage(format!("there is no run {word}")).with_hint("`autoproc runs` lists them")),
        (Some(_), false) => Err(CliError::usage(format!("the names of several runs begin with {word}"))
            .with_hint("`autoproc runs --json` has the complete names")),
    }
}

fn reason(past: &PastAttempt) -> Cow<'_, str> {
    match (&past.error, past.end) {
        (Some(error), _) => Cow::Borrowed(error),
        (None, Some(PastEnd::Died)) => Cow::Owned(run_died(past.of.attempt.get()).into()),
        (None, _) => Cow::Borrowed("no reason is recorded"),
    }
}

fn command_of(run: &RunId, context: &Context) -> Option<Vec<OsString>> {
    let recorded = context.wiring.run_command().ok().flatten().filter(|recorded| recorded.is_own)?;
    (recorded.command.run.as_ref() == Some(run)).then_some(recorded.command.words)
}

struct Report {
    since: Option<Timestamp>,
    summary: RunsSummary,
    /// The runs after the reported run, none of which had anything to do. Empty if an option
    /// selects the reported run.
    later: Vec<PastRun>,
    /// True if no run is later than the reported ones.
    is_latest: bool,
    /// The command line of the latest reported run; `None` if it is not recorded.
    command: Option<Vec<OsString>>,
    live: HashSet<RunId>,
    /// The current status of each file in `summary.failures`; `None` for a file that has left the
    /// queue.
    now: Vec<Option<Status>>,
    groups: FailureGroups,
    counts: Counts,
    /// The reported files that are still failed but do not exist.
    missing: MissingFiles,
    /// The options that a suggested command needs to find the queue; see
    /// [`Context::project_option`].
    project_option: String,
}

impl Report {
    async fn new(summary: RunsSummary, since: Option<Timestamp>, context: &Context) -> Result<Self, CliError> {
        let (mut now, mut failed) = (Vec::with_capacity(summary.failures.len()), Vec::new());
        let mut groups = FailureGroups::default();
        for failure in &summary.failures {
            groups.add(Some(&*reason(&failure.attempt)), &failure.attempt.of.file_path, Some(failure.ended_at));
            let item = context.storage().find(Selector::Path(failure.attempt.of.file_path.clone())).await?;
            now.push(item.as_ref().map(|item| item.status));
            failed.extend(item.filter(|item| item.status.has_failed()).map(|item| item.file_path));
        }
        let latest = context.past_runs(RunFilter::Latest(1)).await?.runs;
        let reported = summary.runs.last().map(|run| run.id.clone());
        Ok(Self {
            command: reported.and_then(|run| command_of(&run, context)),
            since,
            is_latest: latest.last().map(|run| &run.id) == summary.runs.last().map(|run| &run.id),
            later: Vec::new(),
            live: context.live_runs().await?,
            now,
            groups,
            counts: context.storage().counts(Scope::Queue).await?,
            missing: MissingFiles::among(&failed),
            project_option: context.project_option(),
            summary,
        })
    }

    fn runs(&self) -> impl Iterator<Item = RunShown<'_>> {
        self.summary.runs.iter().map(|run| RunShown { run, is_live: self.live.contains(&run.id) })
    }

    fn sum(&self, figure: impl Fn(&PastRun) -> u64) -> u64 {
        self.summary.runs.iter().map(figure).sum()
    }

    /// Returns the number counted by the runs, if clearly above `in_history`.
    fn attempts_if_more_than(&self, in_history: u64) -> Option<u64> {
        let counted = self.sum(|run| run.completed + run.failed + run.retried);
        // A difference of up to 10% plus one is normal: a run also counts failures of dead runs.
        (in_history + counted / 10 + 1 < counted).then_some(counted)
    }

    fn failures(&self) -> impl Iterator<Item = (&EndedAttempt, Option<Status>)> {
        self.summary.failures.iter().zip(self.now.iter().copied())
    }
}
