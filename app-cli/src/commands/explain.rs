//! The command `explain`: shows the history and future of a file.

mod next;
mod situation;
mod story;
mod view;

use std::ffi::OsString;
use std::path::Path;
use std::sync::mpsc::channel;

use autoproc_domain::ports::{HistoryQuery, PastAttempt, PastEvent, RunFilter};
use autoproc_domain::{FilePath, ItemId, QueueItem, Status};
use clap::Args;

use crate::commands::queue::show::attempts::{self, RunningAttempt};
use crate::completion::Candidates;
use crate::context::Context;
use crate::error::CliError;
use crate::escape::Shown;
use crate::item_word::ItemWord;
use next::{Commands, Next};
use situation::{Claimant, Situation};
use view::Explained;

const RECOVERED: &str = "file_recovered";

/// The arguments of `explain`.
#[derive(Debug, Args)]
#[command(
    after_help = "The story has no times for holding, cancelling, requeueing and adding again, because they are not
recorded. A file that has left the queue is explained by its past attempts.

Examples:
  autoproc explain report.pdf
  autoproc explain 17
  autoproc explain report.pdf --json | jq -r '.next.commands[]'"
)]
pub(crate) struct ExplainArgs {
    /// A file, or the number `queue list` shows for it
    #[arg(value_name = "FILE|ID", add = Candidates::Files(&Status::ALL))]
    item: OsString,
}

pub(super) async fn explain(args: &ExplainArgs, context: &Context) -> Result<(), CliError> {
    let word = ItemWord::parse(&args.item, &context.cwd)?;
    let Some(item) = word.find(&*context.storage()).await? else { return explain_past(&word, context).await };
    let (item, attempts, situation) = settled(item, &word, context).await?;
    let recoveries = recoveries(item.id, &item.file_path, context).await;
    let running = RunningAttempt::find(&item, &attempts, context).await?;
    let commands = Commands::new(&item.file_path, context);
    let next = Next::of(&item, &situation, running.as_ref(), &commands);
    let story = story::of_item(&item, attempts, &recoveries);
    context.show(&Explained { file_path: item.file_path.clone(), item: Some(item), story, running, next })
}

/// Reads the attempts and the situation of an item. If the run of the item is dead and the claim
/// has changed in the meantime, reads both again.
async fn settled(
    mut item: QueueItem,
    word: &ItemWord,
    context: &Context,
) -> Result<(QueueItem, Vec<PastAttempt>, Situation), CliError> {
    loop {
        let attempts = attempts::of(&item, context).await;
        let situation = Situation::read(&item, attempts.last(), context).await?;
        if !matches!(situation.claimant, Some(Claimant::Dead(_))) {
            return Ok((item, attempts, situation));
        }
        match word.find(&*context.storage()).await? {
            Some(current) if current.claim != item.claim => item = current,
            _ => return Ok((item, attempts, situation)),
        }
    }
}

/// Explains a file that is no longer in the queue.
async fn explain_past(word: &ItemWord, context: &Context) -> Result<(), CliError> {
    let path = word.path();
    let commands = Commands::new(path, context);
    let attempts = if context.had_queue { attempts_on(path, context).await? } else { Vec::new() };
    if attempts.is_empty() {
        let hint = if path.as_path().exists() {
            format!("`{}` adds it", commands.add())
        } else {
            format!("`{}` lists the files of the queue", commands.list())
        };
        return Err(word.not_found_with(hint, context).await);
    }
    let mut recovered = Vec::new();
    for id in ids(&attempts) {
        recovered.extend(recoveries(id, path, context).await);
    }
    let story = story::of_past(attempts, &recovered);
    let next = Next::not_queued(&commands);
    context.show(&Explained { file_path: path.clone(), item: None, story, running: None, next })
}

/// Returns the past attempts on a file, the oldest first. Searches all runs.
async fn attempts_on(path: &FilePath, context: &Context) -> Result<Vec<PastAttempt>, CliError> {
    let runs = context.past_runs(RunFilter::All).await?.runs.into_iter().map(|run| run.id).collect();
    let (sender, receiver) = channel();
    let wanted = path.clone();
    let visit = move |attempt: PastAttempt, _| {
        if attempt.of.file_path == wanted {
            // Sending does not fail, because the receiver exists until all attempts are visited.
            let _ = sender.send(attempt);
        }
    };
    let read = context.wiring.history().visit_attempts(runs, Box::new(visit)).await;
    read.map_err(|error| CliError::io(format!("cannot read {}", Shown(Path::new(&error.place))), &error.source))?;
    let mut attempts: Vec<_> = receiver.iter().collect();
    attempts.sort_by_key(|attempt| attempt.started_at);
    Ok(attempts)
}

/// A file that was added again has several ids.
fn ids(attempts: &[PastAttempt]) -> Vec<ItemId> {
    let mut ids: Vec<_> = attempts.iter().map(|attempt| attempt.of.id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Returns the recoveries of the file. Empty if the history cannot be read.
async fn recoveries(item: ItemId, path: &FilePath, context: &Context) -> Vec<PastEvent> {
    let events = context.wiring.history().events(HistoryQuery::of_item(item)).await.unwrap_or_default();
    let is_it =
        |event: &PastEvent| &*event.name == RECOVERED && event.of.as_ref().is_some_and(|of| of.file_path == *path);
    events.into_iter().filter(is_it).collect()
}
