//! The command `log`: shows or follows the output of an attempt.

mod attempts;
pub(in crate::commands) mod choice;
mod elsewhere;
mod following;
mod rounds;

use std::ffi::{OsStr, OsString};

use autoproc_domain::request::Selector;
use autoproc_domain::signature::SignatureId;
use autoproc_domain::{ItemId, QueueItem, Status};
use autoproc_subprocess::{AttemptLog, Stream};
use clap::Args;

use crate::attempt_output::{AttemptOutput, unreadable};
use crate::completion::Candidates;
use crate::console::Delivery;
use crate::context::Context;
use crate::error::CliError;
use crate::escape::Shown;
use crate::failure_groups::{self, parse_signature};
use crate::followed_log::{FollowedLog, POLL_INTERVAL};
use crate::item_word::ItemWord;
use crate::number;
use crate::view::files;
use choice::{Choice, Known};
use elsewhere::Elsewhere;

/// The arguments of `log`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc log report.pdf
  autoproc log 17 --attempt 1
  autoproc log 17 --round 1     the latest attempt before the file was added again
  autoproc log -f report.pdf    follow it while it runs
  autoproc log report.pdf --stderr
  autoproc log --like 3fa2c19b  the latest failure of a group; see `autoproc failures`
  autoproc log report.pdf > report.log")]
#[expect(clippy::struct_excessive_bools, reason = "a flag is a bool, and there are several")]
pub(crate) struct LogArgs {
    /// A file, or the number `queue list` shows for it
    #[arg(value_name = "FILE|ID", required_unless_present = "like", add = Candidates::Files(&Status::ALL))]
    item: Option<OsString>,
    /// Show the latest of the failures with this signature, which `autoproc failures` shows
    #[arg(long, value_name = "ID", conflicts_with = "item", add = Candidates::Signatures, value_parser = parse_signature)]
    like: Option<SignatureId>,
    /// Follow the output until the file is completed or has failed for good; if it is pending, wait
    /// for its next attempt. With --attempt or --round, until the shown attempt ends
    #[arg(short, long, conflicts_with = "json")]
    follow: bool,
    /// Show this round [default: the current one]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = number::within::<u32>(number::ORDINAL))]
    round: Option<u32>,
    /// Show this attempt of the round [default: the latest]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = number::within::<u32>(number::ORDINAL))]
    attempt: Option<u32>,
    /// Print every byte as it is. Otherwise, a line that was overwritten by carriage returns is
    /// printed in its last version, and control characters, including colours, are escaped on a
    /// terminal
    #[arg(long, conflicts_with = "json")]
    raw: bool,
    /// Print only the standard output of the attempt
    #[arg(long, conflicts_with_all = ["json", "stderr"])]
    stdout: bool,
    /// Print only the standard error of the attempt
    #[arg(long, conflicts_with = "json")]
    stderr: bool,
}

impl LogArgs {
    fn stream(&self) -> Option<Stream> {
        match (self.stdout, self.stderr) {
            (true, _) => Some(Stream::Stdout),
            (_, true) => Some(Stream::Stderr),
            _ => None,
        }
    }
}

pub(super) async fn log(request: &LogArgs, context: &Context) -> Result<(), CliError> {
    let (id, item) = match request.like {
        Some(like) => latest_like(like, context).await?,
        None => named(request.item.as_deref().unwrap_or_default(), context).await?,
    };
    if item.as_ref().is_some_and(|item| request.follow && is_before_wanted(item, request)) {
        return following::following(id, None, request, context).await;
    }
    let mut logs = logs(id, context)?;
    let elsewhere = Elsewhere::of(id, &logs, context).await?;
    elsewhere.add_to(&mut logs, id, context);
    let known = known(id, item, logs, request, context).await?;
    if context.json {
        let mut attempts = known.files(id, request.round, request.attempt);
        elsewhere.name_in(&mut attempts);
        return context.show(&attempts);
    }
    match known.choose(request.round, request.attempt) {
        Choice::Log(log, name) => {
            if request.follow
                && let Some(remark) = elsewhere::running(&log, &name, context).await?
            {
                context.remark(&remark);
                return Ok(());
            }
            match elsewhere.get(&log) {
                Some(stored) => elsewhere::show(stored, &name, request, context)?,
                None => show(&log, &name, request, context).await?,
            }
            // A request for a certain round or attempt follows only that attempt.
            let is_latest = request.round.is_none() && request.attempt.is_none();
            if request.follow && is_latest {
                return following::following(id, Some(log.claim), request, context).await;
            }
            Ok(())
        }
        Choice::Remark(remark) => {
            context.remark(&remark);
            Ok(())
        }
        Choice::NoOutput { name, what, hint, run } => {
            let what = elsewhere::no_output(&name, what, run.as_ref(), context).await?;
            context.remark(&(what + &hint));
            Ok(())
        }
        Choice::NeverMade { wanted, made } => Err(CliError::usage(format!("{wanted} does not exist"))
            .with_hint(format!("{made} so far; without these options, `log` shows the latest attempt"))),
    }
}

/// Finds an item by an argument. An item outside the queue must have output.
async fn named(word: &OsStr, context: &Context) -> Result<(ItemId, Option<QueueItem>), CliError> {
    let word = ItemWord::parse(word, &context.cwd)?;
    let item = word.find(&*context.storage()).await?;
    let Some(id) = item.as_ref().map(|item| item.id).or(word.id()) else { return Err(word.not_found(context).await) };
    if item.is_none() && !has_output(id, context).await? {
        return Err(word.not_found(context).await);
    }
    Ok((id, item))
}

/// Returns the item of the latest failure with this signature, and prints its path.
async fn latest_like(id: SignatureId, context: &Context) -> Result<(ItemId, Option<QueueItem>), CliError> {
    let alike = failure_groups::like(id, context).await?;
    let file = context.console.err().path(&alike.latest.file_path);
    context.remark(&format!("the latest of {}: {file}", files(alike.files.len())));
    Ok((alike.latest.id, Some(alike.latest)))
}

async fn has_output(item: ItemId, context: &Context) -> Result<bool, CliError> {
    let logs = logs(item, context)?;
    Ok(!logs.is_empty() || !Elsewhere::of(item, &logs, context).await?.is_empty())
}

fn logs(item: ItemId, context: &Context) -> Result<Vec<AttemptLog>, CliError> {
    context.wiring.attempt_logs().attempts_of(item).map_err(|error| no_folder(context, &error))
}

fn no_folder(context: &Context, error: &std::io::Error) -> CliError {
    CliError::io(format!("cannot read {}", Shown(&context.project.attempts_dir())), error)
}

async fn known(
    id: ItemId,
    item: Option<QueueItem>,
    logs: Vec<AttemptLog>,
    request: &LogArgs,
    context: &Context,
) -> Result<Known, CliError> {
    // A large event log takes long to read, so it is read only if several rounds are possible or
    // runs were copied here. A database is always asked. The history tells on which machine an
    // attempt ran, and so where its output is.
    let has_rounds = item.as_ref().is_none_or(|item| item.round > 1) || request.round.is_some();
    let is_read = has_rounds || context.wiring.server().is_some() || !context.wiring.copied_runs().is_empty();
    let past = if is_read { context.history_of(id).await } else { Vec::new() };
    let known = Known::find(item, logs, past, &context.wiring.attempt_logs());
    known.map_err(|error| no_folder(context, &error))
}

/// True if the requested attempt is next and has not begun.
fn is_before_wanted(item: &QueueItem, request: &LogArgs) -> bool {
    item.status == Status::Pending
        && request.round.is_none_or(|round| round == item.round)
        && request.attempt.is_none_or(|number| number == item.attempts.saturating_add(1))
}

async fn show(log: &AttemptLog, name: &str, request: &LogArgs, context: &Context) -> Result<(), CliError> {
    let output = AttemptOutput::of_text(&context.console, request.raw);
    let filter = request.stream().map(|stream| log.only(stream));
    let mut followed = FollowedLog::new(log, &context.console, output).filtered(filter);
    // After the attempt has ended, reads once more, so that all output is printed.
    while request.follow && is_current(log, context).await? {
        if followed.poll()? == Delivery::Cut {
            return Ok(());
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    let printed = followed.rest()?;
    let has_streams = request.stream().is_none() || log.has_streams().map_err(|error| unreadable(log, &error))?;
    if printed.has_unknown || !has_streams {
        context.console.warn(format_args!("{name}: {}", if has_streams { PARTLY_APART } else { NOT_APART }));
    } else if !printed.is_any {
        // The attempt may have run elsewhere. Since it ended, the database may contain its output.
        if let Some(stored) = Elsewhere::of(log.item, &[], context).await?.get(log).filter(|_| !log.path.exists()) {
            return elsewhere::show(stored, name, request, context);
        }
        if let Some(remark) = elsewhere::running(log, name, context).await? {
            context.remark(&remark);
            return Ok(());
        }
        let so_far = if is_current(log, context).await? { "has printed nothing yet" } else { "printed nothing" };
        context.remark(&format!("{name} {so_far}{}", to_stream(log, request)));
    }
    Ok(())
}

const PARTLY_APART: &str = "from some point on, its standard output and standard error are mixed, and this part is left out; `autoproc log` without --stdout and --stderr prints all of it";

const NOT_APART: &str = "it is not known which lines are standard output and which standard error; --stdout prints all";

/// Returns words such as ` to its standard error`, or an empty text.
fn to_stream(log: &AttemptLog, request: &LogArgs) -> &'static str {
    match request.stream().filter(|_| log.path.exists()) {
        Some(Stream::Stdout) => " to its standard output",
        Some(Stream::Stderr) => " to its standard error",
        None => "",
    }
}

/// True if the attempt may still print output.
async fn is_current(log: &AttemptLog, context: &Context) -> Result<bool, CliError> {
    let item = context.storage().find(Selector::Id(log.item)).await?;
    let claim = item.and_then(|item| item.claim).filter(|claim| claim.number == log.claim);
    Ok(match claim {
        Some(claim) => context.live_runs().await?.contains(&claim.run),
        None => false,
    })
}
