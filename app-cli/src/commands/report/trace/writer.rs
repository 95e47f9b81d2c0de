//! Writes a trace event by event.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

use autoproc_domain::ports::{PastAttempt, PastEnd, PastRun};
use autoproc_domain::{RunId, Timestamp};
use serde::Serialize;

use super::event::{AttemptEvent, NameEvent, ProcessNumber};
use crate::commands::report::interval::{RunSpan, beginning};
use crate::commands::report::slots::Rows;
use crate::view::past_run::RunShown;

/// Every trace begins with this, which identifies a file that `report --trace` wrote.
pub(super) const BEGINNING: &str =
    "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"producer\":\"autoproc report\"},\"traceEvents\":[";

const END: &str = "\n]}\n";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) attempts: u64,
    /// The number of attempts that the trace lacks, because their beginnings are not recorded.
    pub(super) without_beginning: u64,
}

struct Process {
    number: ProcessNumber,
    span: RunSpan,
    rows: Rows,
    named: usize,
}

pub(super) struct TraceWriter<W> {
    out: W,
    is_first: bool,
    processes: HashMap<RunId, Process>,
    tally: Tally,
    /// The first write error. No event is written after this error.
    error: Option<io::Error>,
}

impl<W: Write> TraceWriter<W> {
    /// `hosts` contains the host names of the live runs.
    pub(super) fn new(
        out: W,
        runs: &[PastRun],
        live: &HashSet<RunId>,
        hosts: &HashMap<RunId, Box<str>>,
        now: Timestamp,
    ) -> Self {
        let mut spans = RunSpan::of(runs, live, now);
        let mut writer = Self { out, is_first: true, processes: HashMap::new(), tally: Tally::default(), error: None };
        let begun = writer.out.write_all(BEGINNING.as_bytes());
        writer.note(begun);
        for (number, run) in (1..).zip(runs) {
            let Some(span) = spans.remove(&run.id) else { continue };
            let host = hosts.get(&run.id).map_or_else(String::new, |host| format!(" on {host}"));
            writer.write(&NameEvent::of_run(number, format!("run {}{host}", run.id)));
            let rows = Rows::within(RunShown { run, is_live: span.is_live }.elapsed());
            writer.processes.insert(run.id.clone(), Process { number, span, rows, named: 0 });
        }
        writer
    }

    /// Adds an attempt. Attempts must be added in order of their ends, those without a recorded end
    /// last.
    pub(super) fn add(&mut self, attempt: &PastAttempt, ended_at: Option<Timestamp>) {
        let Some(process) = self.processes.get_mut(&attempt.run) else { return };
        self.tally.attempts += 1;
        let to = process.span.end(attempt, ended_at);
        let Some(from) = beginning(attempt, to) else {
            self.tally.without_beginning += 1;
            return;
        };
        let (row, from) = process.rows.place(from, to.max(from));
        let (number, is_new) = (process.number, row >= process.named);
        process.named = process.named.max(row + 1);
        let unended = if process.span.is_live { "running" } else { "died" };
        let category = attempt.end.map_or(unended, PastEnd::word);
        if is_new {
            self.write(&NameEvent::of_row(number, row));
        }
        self.write(&AttemptEvent::new(attempt, category, (from, to), (number, row)));
    }

    /// Ends the trace.
    ///
    /// # Errors
    /// The first write error.
    pub(super) fn finish(mut self) -> io::Result<(W, Tally)> {
        let ended = self.out.write_all(END.as_bytes());
        self.note(ended);
        self.error.map_or(Ok((self.out, self.tally)), Err)
    }

    fn write(&mut self, event: &impl Serialize) {
        if self.error.is_some() {
            return;
        }
        let separator: &[u8] = if self.is_first { b"\n" } else { b",\n" };
        self.is_first = false;
        let written = self.out.write_all(separator);
        let written = written.and_then(|()| serde_json::to_writer(&mut self.out, event).map_err(io::Error::from));
        self.note(written);
    }

    fn note(&mut self, written: io::Result<()>) {
        if let (None, Err(error)) = (&self.error, written) {
            self.error = Some(error);
        }
    }
}
