//! `queue show`: shows one item with its history.

use std::ffi::OsString;
use std::io::{self, Write};

use autoproc_domain::forecast::FileForecast;
use autoproc_domain::item::ClaimNumber;
use autoproc_domain::ports::{PastAttempt, PastEnd, ResourceUsage};
use autoproc_domain::{QueueItem, Status, Timestamp};
use autoproc_workflow::ProgressReport;
use autoproc_workflow::execution::LocatedOutput;
use clap::Args;
use serde::Serialize;

use crate::commands::workflow::progress::{OutputJson, print_outputs};
use crate::completion::Candidates;
use crate::context::Context;
use crate::error::CliError;
use crate::forecasting::{FileForecastJson, RecentAttempts, describe, sizes_of};
use crate::item_word::ItemWord;
use crate::view::bytes::memory;
use crate::view::failure::{self, SaidBefore};
use crate::view::json::ItemJson;
use crate::view::screen::Screen;
use crate::view::time::{local, span};
use crate::view::{View, item};

/// The placeholder for unknown values.
const UNKNOWN: &str = "?";

/// The arguments of `queue show`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  autoproc queue show report.pdf
  autoproc queue show 17")]
pub(crate) struct ShowArgs {
    /// A file, or the number `queue list` shows for it
    #[arg(value_name = "FILE|ID", add = Candidates::Files(&Status::ALL))]
    item: OsString,
}

pub(super) async fn show(args: &ShowArgs, context: &Context) -> Result<(), CliError> {
    let word = ItemWord::parse(&args.item, &context.cwd)?;
    let Some(item) = word.find(&*context.storage()).await? else { return Err(word.not_found(context).await) };
    let mut history = context.history_of(item.id).await;
    // Drops other files with the same id: an event log that is older than the queue may contain
    // such files.
    history.retain(|past| past.of.file_path == item.file_path);
    // If the state of the workflow's execution cannot be read, no outputs are shown. The command
    // `workflow progress` reports the error.
    let execution = context.wiring.executions().of(item.id).ok().flatten();
    let outputs = execution.map(|state| ProgressReport::of(&state, context.now()).outputs).unwrap_or_default();
    let forecast = forecast(&item, context).await;
    context.show(&ItemShown { now: context.now(), item, forecast, outputs, history })
}

/// Returns the forecast duration of a pending file under the recipe of the latest completed attempt.
/// `None` if the file is not pending or does not exist, or if there are too few attempts.
async fn forecast(item: &QueueItem, context: &Context) -> Option<FileForecast> {
    if item.status != Status::Pending {
        return None;
    }
    let recent = RecentAttempts::read(&*context.wiring.history()).await;
    let forecast = recent.forecast(recent.latest_recipe()?, None);
    forecast.of_file(&item.file_path, sizes_of(vec![item.file_path.clone()]).pop().flatten()?)
}

struct ItemShown {
    /// The time of the query.
    now: Timestamp,
    item: QueueItem,
    /// The forecast duration of the next attempt; `None` if unknown, and unless the file is pending.
    forecast: Option<FileForecast>,
    /// The outputs of the item's latest workflow execution.
    outputs: Vec<LocatedOutput>,
    /// The past attempts, the oldest first.
    history: Vec<PastAttempt>,
}

impl View for ItemShown {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        item::at_length(&self.item, self.now, out)?;
        if let Some(forecast) = &self.forecast {
            writeln!(out, "{:<13}{}", "forecast", describe(forecast))?;
        }
        print_outputs(&self.outputs, out)?;
        attempts(&self.history, out)
    }

    fn document(&self) -> impl Serialize {
        let history = self.history.iter().map(PastJson::from).collect();
        let outputs = self.outputs.iter().map(OutputJson::from).collect();
        let forecast = self.forecast.as_ref().map(FileForecastJson::from);
        ShownJson { item: (&self.item).into(), forecast, outputs, history }
    }
}

/// Prints one line per attempt: number, round (only if there are several), start, end, duration,
/// resource usage, whether the file changed, and error.
fn attempts(attempts: &[PastAttempt], out: &mut dyn Write) -> io::Result<()> {
    if !attempts.is_empty() {
        writeln!(out, "\nattempts:")?;
    }
    let has_rounds = attempts.iter().any(|attempt| attempt.of.round > 1);
    attempts.iter().try_for_each(|attempt| line(attempt, has_rounds, out))
}

fn line(attempt: &PastAttempt, has_rounds: bool, out: &mut dyn Write) -> io::Result<()> {
    let began = attempt.started_at.map_or_else(|| UNKNOWN.to_owned(), local);
    let end = attempt.end.map_or("not known to have ended", PastEnd::word);
    let round = if has_rounds { format!(" of round {}", attempt.of.round) } else { String::new() };
    write!(out, "  {}{round}  {began}  {end}", attempt.of.attempt)?;
    if let Some(elapsed) = attempt.elapsed {
        write!(out, " after {}", span(elapsed))?;
    }
    if let Some(usage) = &attempt.usage {
        write!(out, ", {}", used(usage))?;
    }
    if attempt.input_changed {
        write!(out, ", the file changed while it was processed")?;
    }
    if let Some(error) = &attempt.error {
        write!(out, ": {}{}", failure::in_one_line(error), SaidBefore(error))?;
    }
    writeln!(out)
}

fn used(usage: &ResourceUsage) -> String {
    format!("{} of CPU, {}", span(usage.user.saturating_add(usage.system)), memory(usage.peak_memory))
}

#[derive(Serialize)]
struct ShownJson<'a> {
    #[serde(flatten)]
    item: ItemJson,
    forecast: Option<FileForecastJson>,
    outputs: Vec<OutputJson<'a>>,
    history: Vec<PastJson>,
}

#[derive(Serialize)]
struct PastJson {
    round: u32,
    attempt: u32,
    claim: Option<u64>,
    run_id: String,
    started_at: Option<String>,
    end: Option<&'static str>,
    duration_s: Option<f64>,
    user_s: Option<f64>,
    system_s: Option<f64>,
    peak_memory_bytes: Option<u64>,
    input_changed: bool,
    error: Option<String>,
}

impl From<&PastAttempt> for PastJson {
    fn from(past: &PastAttempt) -> Self {
        Self {
            round: past.of.round,
            attempt: past.of.attempt.get(),
            claim: past.of.claim.map(ClaimNumber::get),
            run_id: past.run.to_string(),
            started_at: past.started_at.map(|at| at.to_string()),
            end: past.end.map(PastEnd::word),
            duration_s: past.elapsed.map(|elapsed| elapsed.as_secs_f64()),
            user_s: past.usage.map(|usage| usage.user.as_secs_f64()),
            system_s: past.usage.map(|usage| usage.system.as_secs_f64()),
            peak_memory_bytes: past.usage.map(|usage| usage.peak_memory),
            input_changed: past.input_changed,
            error: past.error.as_deref().map(str::to_owned),
        }
    }
}
