//! `queue show`: shows one item with its history.

pub(in crate::commands) mod attempts;

use std::ffi::OsString;
use std::io::{self, Write};

use autoproc_domain::item::ClaimNumber;
use autoproc_domain::ports::{PastAttempt, PastEnd};
use autoproc_domain::{QueueItem, Status, Timestamp};
use autoproc_workflow::ProgressReport;
use autoproc_workflow::execution::LocatedOutput;
use clap::Args;
use serde::Serialize;

use crate::commands::workflow::progress::{OutputJson, print_outputs};
use crate::completion::Candidates;
use crate::context::Context;
use crate::delay::Delay;
use crate::error::CliError;
use crate::forecasting::{FileForecastJson, RecentAttempts, SizedForecast, describe, sizes_of};
use crate::item_word::ItemWord;
use crate::view::failure::{self, SaidBefore};
use crate::view::json::ItemJson;
use crate::view::screen::Screen;
use crate::view::time::local;
use crate::view::{View, item};
use attempts::{RunningAttempt, after, unended};

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
    let history = attempts::of(&item, context).await;
    // An unreadable workflow execution only hides the outputs. `workflow progress` reports the
    // error.
    let execution = context.wiring.execution_of(item.id).await.ok().flatten();
    let outputs = execution.map(|stored| ProgressReport::of(&stored.state, context.now()).outputs).unwrap_or_default();
    let forecast = forecast(&item, context).await;
    let running = RunningAttempt::find(&item, &history, context).await?;
    context.show(&ItemShown { now: context.now(), item, forecast, running, outputs, history })
}

/// Returns the size of a pending file and its forecast duration. Assumes the command or workflow of
/// the latest completed attempt.
async fn forecast(item: &QueueItem, context: &Context) -> Option<SizedForecast> {
    if item.status != Status::Pending {
        return None;
    }
    let recent = RecentAttempts::read(&*context.wiring.history()).await;
    let forecast = recent.forecast(recent.latest_recipe()?, None);
    let size_bytes = sizes_of(vec![item.file_path.clone()]).pop().flatten()?;
    Some((size_bytes, forecast.of_file(&item.file_path, size_bytes)))
}

struct ItemShown {
    now: Timestamp,
    item: QueueItem,
    forecast: Option<SizedForecast>,
    running: Option<RunningAttempt>,
    /// The outputs of the item's latest workflow execution.
    outputs: Vec<LocatedOutput>,
    /// The past attempts, the oldest first.
    history: Vec<PastAttempt>,
}

impl View for ItemShown {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        item::at_length(&self.item, self.now, out)?;
        if let Some(forecast) = self.forecast.as_ref().and_then(describe) {
            writeln!(out, "{:<13}{forecast}", "forecast")?;
        }
        print_outputs(&self.outputs, out)?;
        attempts(&self.history, self.running.as_ref(), out)
    }

    fn document(&self) -> impl Serialize {
        let history = self.history.iter().map(|past| PastJson::new(past, self.running.as_ref())).collect();
        let outputs = self.outputs.iter().map(OutputJson::from).collect();
        let forecast = self.forecast.as_ref().and_then(|(_, file)| file.as_ref().ok()).map(FileForecastJson::from);
        ShownJson { item: (&self.item).into(), forecast, outputs, history }
    }
}

fn attempts(attempts: &[PastAttempt], running: Option<&RunningAttempt>, out: &mut dyn Write) -> io::Result<()> {
    if !attempts.is_empty() {
        writeln!(out, "\nattempts:")?;
    }
    let has_rounds = attempts.iter().any(|attempt| attempt.of.round > 1);
    attempts.iter().try_for_each(|attempt| {
        let running = running.filter(|running| running.is(attempt));
        line(attempt, running, has_rounds, out)
    })
}

fn line(
    attempt: &PastAttempt,
    running: Option<&RunningAttempt>,
    has_rounds: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let began = attempt.started_at.map_or_else(|| UNKNOWN.to_owned(), local);
    let end = attempt.end.map_or_else(|| unended(running), |end| end.word().to_owned());
    let round = if has_rounds { format!(" of round {}", attempt.of.round) } else { String::new() };
    write!(out, "  {}{round}  {began}  {end}{}", attempt.of.attempt, after(attempt))?;
    if let Some(error) = &attempt.error {
        write!(out, ": {}{}", failure::in_one_line(error), SaidBefore(error))?;
    }
    writeln!(out)
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
    running_s: Option<f64>,
    slow: bool,
    stalled: bool,
    user_s: Option<f64>,
    system_s: Option<f64>,
    peak_memory_bytes: Option<u64>,
    input_changed: bool,
    error: Option<String>,
}

impl PastJson {
    /// Ignores `running` if it is another attempt.
    fn new(past: &PastAttempt, running: Option<&RunningAttempt>) -> Self {
        let running = running.filter(|running| running.is(past));
        Self {
            round: past.of.round,
            attempt: past.of.attempt.get(),
            claim: past.of.claim.map(ClaimNumber::get),
            run_id: past.run.to_string(),
            started_at: past.started_at.map(|at| at.to_string()),
            end: past.end.map(PastEnd::word),
            duration_s: past.elapsed.map(|elapsed| elapsed.as_secs_f64()),
            running_s: running.map(|running| running.elapsed.as_secs_f64()),
            slow: running.is_some_and(|running| running.delay.is_some()),
            stalled: running.is_some_and(|running| running.delay == Some(Delay::Stalled)),
            user_s: past.usage.map(|usage| usage.user.as_secs_f64()),
            system_s: past.usage.map(|usage| usage.system.as_secs_f64()),
            peak_memory_bytes: past.usage.map(|usage| usage.peak_memory),
            input_changed: past.input_changed,
            error: past.error.as_deref().map(str::to_owned),
        }
    }
}
