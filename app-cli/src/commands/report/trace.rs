//! `report --trace`: writes the attempts of the reported runs as a trace.
//!
//! Perfetto and `chrome://tracing` can show the trace.

mod event;
mod writer;

use std::io::{self, BufWriter, Seek as _, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use autoproc_system::nameless_file;

use super::{Report, ReportArgs, read};
use crate::context::Context;
use crate::error::CliError;
use crate::escape::Shown;
use crate::target_file::{FileKind, TargetFile};
use crate::view;
use writer::{BEGINNING, Tally, TraceWriter};

const TRACE: FileKind = FileKind { beginning: BEGINNING, name: "a trace that `autoproc report --trace` wrote" };

pub(super) async fn report(file: &Path, args: &ReportArgs, context: &Context) -> Result<(), CliError> {
    if file.as_os_str() == "-" {
        return print(args, context).await;
    }
    let target = TargetFile::checked(file, &TRACE, args.force, context)?;
    let report = read(args, context).await?;
    let written = written(target.begin()?, &report, context).await?;
    let (trace, tally) = written.map_err(|error| target.cannot_write(&error))?;
    target.finish(trace)?;
    warn(tally, &report, context);
    if context.json {
        return context.show_named(&report);
    }
    context.console.print(|out| writeln!(out, "trace written to {}", Shown(file))).map(drop)
}

/// Writes a temporary file first. So an error leaves no partial output.
async fn print(args: &ReportArgs, context: &Context) -> Result<(), CliError> {
    if context.json {
        return Err(CliError::usage("--json and `--trace -` both write to standard output").with_hint("name a file"));
    }
    let failed = |error: io::Error| CliError::io("cannot write a temporary file", &error);
    let report = read(args, context).await?;
    let file = BufWriter::new(nameless_file().map_err(failed)?);
    let (trace, tally) = written(file, &report, context).await?.map_err(failed)?;
    let mut trace = trace.into_inner().map_err(|error| failed(error.into_error()))?;
    trace.rewind().map_err(failed)?;
    context.console.print_exactly(|out| io::copy(&mut trace, out).map(drop))?;
    warn(tally, &report, context);
    Ok(())
}

/// Writes the trace to `out`. Returns a tally of the attempts, or the write error.
async fn written<W: Write + Send + 'static>(
    out: W,
    report: &Report,
    context: &Context,
) -> Result<io::Result<(W, Tally)>, CliError> {
    let hosts = context.runs().live().await?.into_iter().map(|run| (run.info.id, run.info.location.host)).collect();
    let writer = TraceWriter::new(out, &report.summary.runs, &report.live, &hosts, context.now());
    let shared = Arc::new(Mutex::new(writer));
    let visited = shared.clone();
    let add = move |attempt, ended_at| {
        visited.lock().unwrap_or_else(PoisonError::into_inner).add(&attempt, ended_at);
    };
    let runs = report.summary.runs.iter().map(|run| run.id.clone()).collect();
    let read = context.wiring.history().visit_attempts(runs, Box::new(add)).await;
    read.map_err(|error| CliError::io(format!("cannot read {}", Shown(Path::new(&error.place))), &error.source))?;
    let writer = Arc::into_inner(shared).ok_or_else(|| CliError::internal("the history keeps its visitor"))?;
    Ok(writer.into_inner().unwrap_or_else(PoisonError::into_inner).finish())
}

fn warn(tally: Tally, report: &Report, context: &Context) {
    if tally.without_beginning > 0 {
        let count = tally.without_beginning;
        context.console.warn(format_args!("the trace lacks the attempts whose beginning was not recorded: {count}"));
    }
    if let Some(counted) = report.attempts_if_more_than(tally.attempts) {
        let all = view::counted(counted, "attempt");
        context.console.warn(format_args!("the history has only {} of {all}", tally.attempts));
    }
}
