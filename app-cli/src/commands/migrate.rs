//! `migrate`: copies a queue to another place.

use std::io::{self, Write};

use autoproc_domain::FileQueue;
use autoproc_domain::view::Counts;
use clap::Args;
use clap::builder::{NonEmptyStringValueParser, TypedValueParser as _};
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::escape::Printable;
use crate::exit_code::ExitCode;
use crate::store_choice::StoreUrl;
use crate::view::json::CountsJson;
use crate::view::screen::Screen;
use crate::view::{View, counted, files};
use crate::wiring::{Place, Server, Source, Target};

/// The number of events in one step. They take a few MB of memory.
const EVENTS: usize = 5_000;

/// The number of outputs in one step. Each takes up to 16 MiB of memory by default.
const OUTPUTS: usize = 16;

const EXECUTIONS: usize = 100;

/// The arguments of `migrate`.
#[derive(Debug, Args)]
#[command(
    after_help = "A PLACE is a project folder, or postgres://USER@HOST/DATABASE. The database needs the schema of the
queue (`autoproc store init`), and the queue of --to must be empty.

Copies all files with their statuses, priorities, order, failures and holds, the history of runs,
the outputs of attempts, and workflow executions. Of each output, a database has the last 64 KiB.
Settings stay where they are. Both queues are locked meanwhile, and the copy appears as a whole or
not at all. The queue of --from is not changed.

Exit status:
  0   the queue is copied
  2   the places are the same, one has no queue, the target is not empty, or files are processing
  75  a run is live, or another process holds a lock

Examples:
  autoproc migrate --from . --to postgres://anna@db.example.com/queue
  autoproc migrate --from postgres://anna@db.example.com/queue --to /srv/night"
)]
pub(crate) struct MigrateArgs {
    /// The queue to copy
    #[arg(long, value_name = "PLACE", value_parser = NonEmptyStringValueParser::new().try_map(|word| word.parse::<StoreUrl>()))]
    from: StoreUrl,
    /// The empty queue that receives the copy
    #[arg(long, value_name = "PLACE", value_parser = NonEmptyStringValueParser::new().try_map(|word| word.parse::<StoreUrl>()))]
    to: StoreUrl,
}

pub(super) async fn migrate(args: &MigrateArgs, context: &Context) -> Result<(), CliError> {
    if context.wiring.server().is_some_and(Server::is_named_by_option) {
        return Err(CliError::usage("`migrate` takes both places from --from and --to, and not from --store"));
    }
    let place = |word, option| Place::named(word, option, &context.cwd, &context.console);
    let (from, to) = (place(&args.from, "--from")?, place(&args.to, "--to")?);
    refuse_equal(&from, &to)?;
    let mut source = from.lock_to_read(context.wiring.options()).await.map_err(|error| advised(error, &from))?;
    let queue = source.queue().await?;
    refuse_processing(&queue, &from)?;
    if source.has_unknown_keys()? {
        context.console.warn("the source has keys that autoproc does not know; they are not copied");
    }
    let mut target = to.lock_to_fill(context.wiring.options()).await.map_err(|error| advised(error, &to))?;
    if !target.is_empty().await? {
        return Err(CliError::usage(format!("the {} is not empty", to.in_words()))
            .with_hint("name a folder without a queue, or another database"));
    }
    let counts = queue.counts();
    target.add_queue(queue).await?;
    let history = copy_history(&mut source, &mut target).await?;
    target.add_run_places(source.run_places().await?).await?;
    let outputs = copy_outputs(&mut source, &mut target).await?;
    let executions = copy_executions(&mut source, &mut target, context).await?;
    target.commit().await?;
    context.remark(&format!("to use the copy, give commands {}; the {} is unchanged", to.option(), from.in_words()));
    if to.names_a_database() {
        let folder = to.address();
        context.console.warn(format_args!(
            "autoproc.toml in {} names a database, which commands there use instead of the copy: remove its [store]",
            Printable(&folder)
        ));
    }
    context.show(&Migrated { from, to, counts, history, outputs, executions })
}

fn refuse_equal(from: &Place, to: &Place) -> Result<(), CliError> {
    if from.is_same(to) {
        return Err(CliError::usage("--from and --to name the same queue"));
    }
    if from.lacks_queue() {
        return Err(
            CliError::usage(format!("there is no {}", from.in_words())).with_hint("--from names the queue to copy")
        );
    }
    Ok(())
}

fn advised(error: CliError, place: &Place) -> CliError {
    if error.exit_code() != ExitCode::TryAgain || !error.message().contains("locked by the run ") {
        return error;
    }
    error.with_hint(format!("stop it with: autoproc stop --wait {}", place.option()))
}

/// Fails if files are processing. Their claims would have no meaning in the copy.
fn refuse_processing(queue: &FileQueue, place: &Place) -> Result<(), CliError> {
    match queue.counts().processing {
        0 => Ok(()),
        count => Err(CliError::usage(format!(
            "{} in the {} still marked as processing by a dead run",
            are(count),
            place.in_words()
        ))
        .with_hint(format!("return them to pending with: autoproc queue recover {}", place.option()))),
    }
}

fn are(count: usize) -> String {
    format!("{} {}", files(count), if count == 1 { "is" } else { "are" })
}

#[derive(Default)]
struct History {
    events: usize,
    /// The number of lines of the event log that were skipped because they are not events of a run.
    skipped: usize,
}

async fn copy_history(source: &mut Source<'_>, target: &mut Target<'_>) -> Result<History, CliError> {
    let mut history = History::default();
    loop {
        let read = source.next_events(EVENTS).await?;
        if read.events.is_empty() && read.skipped == 0 {
            return Ok(history);
        }
        if !read.events.is_empty() {
            target.add_events(&read.events).await?;
        }
        history.events += read.events.len();
        history.skipped += read.skipped;
    }
}

#[derive(Default)]
struct Outputs {
    copied: u64,
    /// The number of outputs of which only the end was copied.
    cut: u64,
    /// The number of skipped outputs: their attempts are not in the history.
    left_out: u64,
}

async fn copy_outputs(source: &mut Source<'_>, target: &mut Target<'_>) -> Result<Outputs, CliError> {
    let mut counted = Outputs::default();
    loop {
        let outputs = source.next_outputs(OUTPUTS, target.max_output()).await?;
        if outputs.is_empty() {
            return Ok(counted);
        }
        let read = outputs.len() as u64;
        let (whole, cut): (Vec<_>, Vec<_>) =
            outputs.into_iter().partition(|output| output.ending.len() as u64 >= output.bytes);
        let cut = if cut.is_empty() { 0 } else { target.add_outputs(cut).await? };
        let copied = cut + target.add_outputs(whole).await?;
        counted.cut += cut;
        counted.copied += copied;
        counted.left_out += read - copied;
    }
}

#[derive(Default)]
struct Executions {
    copied: u64,
    /// The number of copied executions that have not completed.
    unfinished: u64,
}

async fn copy_executions(
    source: &mut Source<'_>,
    target: &mut Target<'_>,
    context: &Context,
) -> Result<Executions, CliError> {
    let mut counted = Executions::default();
    let warn = |error: &str| context.console.warn(format_args!("{error}; not copied: its file begins again"));
    loop {
        let executions = source.next_executions(EXECUTIONS, warn).await?;
        if executions.is_empty() {
            return Ok(counted);
        }
        for execution in executions {
            let is_unfinished = execution.completed_at.is_none();
            let is_copied = target.add_execution(execution).await?;
            counted.copied += u64::from(is_copied);
            counted.unfinished += u64::from(is_copied && is_unfinished);
        }
    }
}

struct Migrated {
    from: Place,
    to: Place,
    counts: Counts,
    history: History,
    outputs: Outputs,
    executions: Executions,
}

impl View for Migrated {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let History { events, skipped } = self.history;
        let (count, from, to) = (files(self.counts.total()), self.from.in_words(), self.to.in_words());
        let events = counted(events as u64, "event");
        writeln!(out, "copied {count} and {events} of the history from the {from} to the {to}")?;
        if skipped > 0 {
            let lines = counted(skipped as u64, "line");
            writeln!(out, "left out {lines} of the event log without an event of a run")?;
        }
        let Outputs { copied, cut, left_out } = self.outputs;
        let part = if cut > 0 { format!(", only the end of {cut}") } else { String::new() };
        writeln!(out, "copied {} of attempts{part}", counted(copied, "output"))?;
        if left_out > 0 {
            writeln!(out, "left out {} of attempts that are not in the history", counted(left_out, "output"))?;
        }
        match self.executions {
            Executions { copied: 0, .. } => Ok(()),
            Executions { copied, unfinished } => {
                writeln!(out, "copied {}, {unfinished} of them unfinished", counted(copied, "workflow execution"))
            }
        }
    }

    fn document(&self) -> impl Serialize {
        MigratedJson {
            from: self.from.address(),
            to: self.to.address(),
            counts: self.counts.into(),
            events: self.history.events,
            skipped_lines: self.history.skipped,
            outputs: self.outputs.copied,
            outputs_in_part: self.outputs.cut,
            outputs_left_out: self.outputs.left_out,
            executions: self.executions.copied,
            executions_unfinished: self.executions.unfinished,
        }
    }
}

#[derive(Serialize)]
struct MigratedJson {
    /// The project folder, or the address of the database without user and password.
    from: String,
    to: String,
    counts: CountsJson,
    events: usize,
    skipped_lines: usize,
    outputs: u64,
    /// The number of outputs of which only the end was copied.
    outputs_in_part: u64,
    /// The number of skipped outputs: their attempts are not in the history.
    outputs_left_out: u64,
    executions: u64,
    executions_unfinished: u64,
}
