//! Removes old runs from the history.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::escape::Printable;
use crate::exit_code::ExitCode;
use crate::view::screen::Screen;
use crate::view::{View, counted};
use crate::wiring::{HistorySize, Server};

/// The arguments of `store prune`.
#[derive(Debug, Args)]
#[command(
    after_help = "Removes the events, attempts and figures of the runs that are over and had no event for this time.
`report`, `runs` and `queue show` then lack them. Keeps the events and attempts of files that wait
or are processing, and the latest 1,000 attempts, from which durations are forecast. The files of
the queue stay. Runs may be live meanwhile, because it works in short transactions.

Exit status:
  0   the history is removed
  73  the user lacks a right, or the server is read-only
  75  the server cannot be reached
  78  the server refuses the user, or the schema must be created or updated

Example:
  autoproc store prune --older-than 90d --dry-run --store postgres://anna@db.example.com/queue"
)]
pub(crate) struct PruneArgs {
    /// Remove the runs whose latest event is older than this, for instance 90d; the unit is
    /// required
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = older_than)]
    older_than: Duration,
    /// Only count what would be removed
    #[arg(long)]
    dry_run: bool,
}

/// Parses a time span with a unit. A bare number would mean seconds and remove almost the whole
/// history.
fn older_than(word: &str) -> Result<Duration, String> {
    let has_unit = word.ends_with(|last: char| last.is_ascii_alphabetic());
    let span = autoproc_time_text::parse(word).ok().filter(|_| has_unit);
    span.ok_or_else(|| {
        "expected a time with its unit, such as 12h or 90d; months and years are not accepted".to_owned()
    })
}

pub(super) async fn prune(args: &PruneArgs, server: &Server, context: &Context) -> Result<ExitCode, CliError> {
    server.reach().await?;
    let size = if args.dry_run {
        server.prunable_history(args.older_than).await?
    } else {
        server.prune_history(args.older_than).await?
    };
    context.show(&Pruned { size, is_dry_run: args.dry_run, place: server.place() })?;
    Ok(ExitCode::Success)
}

struct Pruned {
    size: HistorySize,
    is_dry_run: bool,
    /// The address of the database, without user and password.
    place: String,
}

impl View for Pruned {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let HistorySize { runs, events } = self.size;
        let verb = if self.is_dry_run { "would remove" } else { "removed" };
        let (events, runs) = (counted(events, "event"), counted(runs, "run"));
        writeln!(out, "{verb} {events} and {runs} from the history at {}", Printable(&self.place))
    }

    fn document(&self) -> impl Serialize {
        PrunedJson { store: &self.place, events: self.size.events, runs: self.size.runs, dry_run: self.is_dry_run }
    }
}

#[derive(Serialize)]
struct PrunedJson<'a> {
    store: &'a str,
    events: u64,
    runs: u64,
    dry_run: bool,
}
