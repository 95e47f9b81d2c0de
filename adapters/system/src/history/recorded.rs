//! Reads and writes whole events of the log.

use std::io::{self, BufRead};
use std::ops::ControlFlow;

use autoproc_domain::RunId;
use autoproc_domain::ports::{RecordedEvent, RunTotals};
use serde::{Deserialize, Serialize};

use super::line::{Line, for_each_line};
use crate::event_line::{AttemptText, UsageText};

/// The events of a part of the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RecordedEvents {
    /// The events, in the order of the log.
    pub events: Vec<RecordedEvent>,
    /// The number of lines that are not events of a run. Lines that are incomplete, too long or not
    /// UTF-8 are not counted.
    pub skipped: usize,
}

impl RecordedEvents {
    /// Reads at most `limit` lines from the current position. An empty result means the end of the
    /// log.
    pub(crate) fn read(log: &mut impl BufRead, limit: usize) -> io::Result<Self> {
        let mut read = Self::default();
        for_each_line(log, |text| {
            match event(text) {
                Some(event) => read.events.push(event),
                None => read.skipped += 1,
            }
            let is_full = read.events.len() + read.skipped >= limit;
            if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(read)
    }
}

#[derive(Deserialize)]
struct RunText {
    requeued: Option<bool>,
    processed: Option<u64>,
    failed: Option<u64>,
    retried: Option<u64>,
    stopped_by: Option<Box<str>>,
    level: Option<Box<str>>,
    cause: Option<Box<str>>,
}

/// Parses a line, if it is an event of a run.
fn event(text: &str) -> Option<RecordedEvent> {
    let line = Line::parse(text)?;
    let is_plain = |text: &str| !text.contains('\0');
    if !is_plain(line.run.as_str()) || !is_plain(line.event()) || !is_plain(line.attempt_run().as_str()) {
        return None;
    }
    let run: RunText = serde_json::from_str(text).ok()?;
    Some(RecordedEvent {
        at: line.at,
        run: line.run.clone(),
        attempt_run: line.of.is_some().then(|| line.attempt_run()),
        is_requeued: run.requeued,
        elapsed: line.elapsed(),
        usage: line.usage(),
        input_changed: line.input_changed(),
        size_bytes: line.size_bytes(),
        recipe: line.recipe(),
        totals: run.totals(),
        stop: run.level.zip(run.cause),
        stopped_by: run.stopped_by,
        line: Some(text.trim_end_matches('\n').into()),
        name: line.event().into(),
        of: line.of.clone(),
        reason: line.into_event().reason,
    })
}

impl RunText {
    fn totals(&self) -> Option<RunTotals> {
        Some(RunTotals { completed: self.processed?, failed: self.failed?, retried: self.retried? })
    }
}

/// A line with the fields that a history reads, in the order of
/// [`EventLine`](crate::event_line::EventLine). Searches for text in a line rely on this order.
#[derive(Serialize)]
struct RecordedLine<'e> {
    timestamp: String,
    run_id: &'e str,
    event: &'e str,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    of: Option<AttemptText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_run: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requeued: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipe: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_s: Option<f64>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    usage: Option<UsageText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_changed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'e str>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    totals: Option<TotalsText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_by: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'e str>,
}

#[derive(Serialize)]
struct TotalsText {
    processed: u64,
    failed: u64,
    retried: u64,
}

/// Returns an event as a line without a newline. An event from a log keeps its original line.
pub(crate) fn line(event: &RecordedEvent) -> io::Result<String> {
    match &event.line {
        Some(line) => Ok(line.as_ref().to_owned()),
        None => Ok(serde_json::to_string(&RecordedLine::of(event))?),
    }
}

impl<'e> RecordedLine<'e> {
    fn of(event: &'e RecordedEvent) -> Self {
        let reason = event.reason.as_deref();
        let is_reason = matches!(&*event.name, "recovery_withheld" | "starts_held");
        let (level, cause) = event.stop.as_ref().map(|(level, cause)| (&**level, &**cause)).unzip();
        Self {
            timestamp: event.at.to_string(),
            run_id: event.run.as_str(),
            event: &event.name,
            of: event.of.as_ref().map(AttemptText::from),
            dead_run: event.attempt_run.as_ref().filter(|run| **run != event.run).map(RunId::as_str),
            requeued: event.is_requeued,
            size_bytes: event.size_bytes,
            recipe: event.recipe.map(|recipe| recipe.to_string()),
            duration_s: event.elapsed.map(|elapsed| elapsed.as_secs_f64()),
            usage: event.usage.map(UsageText::from),
            input_changed: event.input_changed.then_some(true),
            reason: reason.filter(|_| is_reason),
            error: reason.filter(|_| !is_reason),
            totals: event.totals.map(TotalsText::from),
            stopped_by: event.stopped_by.as_deref(),
            level,
            cause,
        }
    }
}

impl From<RunTotals> for TotalsText {
    fn from(RunTotals { completed, failed, retried }: RunTotals) -> Self {
        Self { processed: completed, failed, retried }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: [&str; 6] = [
        r#"{"timestamp":"2026-11-29T01:02:03.000004Z","run_id":"r","event":"processor_started","jobs":2,"pending":1}"#,
        r#"{"timestamp":"2026-11-29T01:02:03.000005Z","run_id":"r","event":"file_started","file_path":"/a","item_id":1,"attempt":1,"claim":7,"size_bytes":3,"recipe":"0102030405060708"}"#,
        r#"{"timestamp":"2026-11-29T01:02:04.000005Z","run_id":"r","event":"file_failed","file_path":"/a","item_id":1,"attempt":1,"round":2,"claim":7,"duration_s":1.25,"user_s":0.5,"system_s":0.25,"peak_memory_bytes":4096,"input_changed":true,"error":"exit status 1"}"#,
        r#"{"timestamp":"2026-11-29T01:02:05.000005Z","run_id":"s","event":"file_recovered","file_path":"/b","item_id":2,"attempt":1,"dead_run":"r","requeued":false}"#,
        r#"{"timestamp":"2026-11-29T01:02:05.000006Z","run_id":"s","event":"stop_requested","level":"draining","cause":"stop_file"}"#,
        r#"{"timestamp":"2026-11-29T01:02:06.000005Z","run_id":"s","event":"processor_stopped","processed":1,"failed":2,"retried":3,"remaining":4,"stopped_by":"queue_empty","level":"running"}"#,
    ];

    fn events(text: &str) -> RecordedEvents {
        RecordedEvents::read(&mut text.as_bytes(), 100).expect("text")
    }

    #[test]
    fn a_copied_line_is_the_same() {
        let text = LINES.map(|line| format!("{line}\n")).concat();
        let read = events(&text);
        let written = read.events.iter().map(|event| line(event).expect("a line") + "\n").collect::<String>();
        assert_eq!((written, read.skipped), (text, 0));
    }

    #[test]
    fn an_event_of_another_store_becomes_a_line_with_the_same_fields() {
        for text in LINES {
            let [mut event] = <[_; 1]>::try_from(events(&format!("{text}\n")).events).expect("one event");
            event.line = None;
            let again = line(&event).expect("a line");
            let mut read = events(&format!("{again}\n")).events.remove(0);
            read.line = None;
            assert_eq!(read, event, "{again}");
        }
    }

    #[test]
    fn lines_are_read_in_parts_and_others_are_counted() {
        let text = format!("no event\n{}\n{}\n", LINES[0], LINES[1]);
        let mut rest = text.as_bytes();
        let mut part = |limit| RecordedEvents::read(&mut rest, limit).expect("text");
        let first = part(2);
        assert_eq!((first.events.len(), first.skipped), (1, 1));
        assert_eq!(part(2).events.len(), 1);
        assert_eq!(part(2), RecordedEvents::default());
    }
}
