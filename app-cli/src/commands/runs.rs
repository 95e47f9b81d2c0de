//! Lists past runs and live runs.

use std::collections::HashSet;
use std::io::{self, Write};

use autoproc_domain::RunId;
use autoproc_domain::ports::{PastRun, RunFilter};
use clap::Args;
use comfy_table::{Table, presets};
use serde::Serialize;

use crate::context::Context;
use crate::error::CliError;
use crate::escape::printable;
use crate::number;
use crate::since::{self, Since};
use crate::view::View;
use crate::view::past_run::{PastRunJson, RunShown, short_id};
use crate::view::screen::Screen;
use crate::view::time::local;

const UNKNOWN: &str = "-";

/// The arguments of `runs`.
#[derive(Debug, Args)]
#[command(after_help = "If standard output is not a terminal, the columns are separated by tabs, and
the names of the runs are complete: run, start, end, completed, failed, retried,
how it ended.

Examples:
  autoproc runs
  autoproc runs -n 5
  autoproc runs --since 2d --json")]
pub(crate) struct RunsArgs {
    /// Only the latest N runs
    #[arg(short = 'n', long, value_name = "N", allow_negative_numbers = true, value_parser = number::within::<usize>(number::COUNT))]
    limit: Option<usize>,
    /// Only runs that were alive at TIME or later. TIME is a time of day, a date, a date and time,
    /// or a span
    ///
    /// For example: 22:00 (its latest occurrence), 2026-11-28, 2026-11-28T22:00, 12h.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = since::parse)]
    since: Option<Since>,
}

pub(super) async fn runs(args: &RunsArgs, context: &Context) -> Result<(), CliError> {
    let since = args.since.map(|since| since.before(context.now()));
    let filter = match (since, args.limit) {
        (Some(since), _) => RunFilter::Since(since),
        // Reads one run more than the limit, to know whether there are earlier runs.
        (None, Some(limit)) => RunFilter::Latest(limit.saturating_add(1)),
        (None, None) => RunFilter::All,
    };
    let mut runs = context.past_runs(filter).await?.runs;
    let omitted = args.limit.map_or(0, |limit| runs.len().saturating_sub(limit));
    runs.drain(..omitted);
    if runs.is_empty() && omitted == 0 {
        context.remark_on_missing_queue();
        let since = since.map_or_else(String::new, |at| format!(" since {}", local(at)));
        context.remark(&format!("no runs are recorded{since}"));
    }
    context.show(&Listed { runs, live: context.live_runs().await?, more: omitted > 0 })?;
    if omitted > 0 {
        context.remark("there are earlier runs");
    }
    Ok(())
}

struct Listed {
    /// The newest run is last.
    runs: Vec<PastRun>,
    live: HashSet<RunId>,
    /// True if there are earlier runs beyond the limit.
    more: bool,
}

impl Listed {
    fn shown(&self) -> impl Iterator<Item = RunShown<'_>> {
        self.runs.iter().map(|run| RunShown { run, is_live: self.live.contains(&run.id) })
    }
}

impl View for Listed {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        if self.runs.is_empty() {
            return Ok(());
        }
        let is_terminal = out.is_terminal();
        let rows = self.shown().map(|shown| columns(&shown, is_terminal));
        if !is_terminal {
            return rows.map(|row| row.join("\t")).try_for_each(|row| writeln!(out, "{row}"));
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header([
            "RUN",
            "STARTED",
            "ENDED",
            "COMPLETED",
            "FAILED",
            "RETRIED",
            "HOW IT ENDED",
        ]);
        table.add_rows(rows);
        writeln!(out, "{}", table.trim_fmt())
    }

    fn document(&self) -> impl Serialize {
        ListedJson { runs: self.shown().map(|shown| (&shown).into()).collect(), more: self.more }
    }
}

fn columns(shown: &RunShown<'_>, is_terminal: bool) -> [String; 7] {
    let run = shown.run;
    let time = |at: Option<_>| at.map_or_else(|| UNKNOWN.to_owned(), local);
    [
        if is_terminal { printable(&short_id(&run.id)) } else { printable(&run.id) },
        time(run.started_at),
        time(shown.ended_at()),
        run.completed.to_string(),
        run.failed.to_string(),
        run.retried.to_string(),
        shown.ending(),
    ]
}

#[derive(Serialize)]
struct ListedJson {
    runs: Vec<PastRunJson>,
    more: bool,
}
