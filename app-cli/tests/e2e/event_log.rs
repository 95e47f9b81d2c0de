use std::collections::BTreeMap;
use std::fs;

use jiff::Timestamp;
use serde_json::Value;

use crate::command_log::whole_lines;
use crate::fixture::TempProject;

const ENDINGS: [&str; 7] = [
    "file_completed",
    "file_requeued",
    "file_failed",
    "file_timeout",
    "file_released",
    "file_recovered",
    "result_discarded",
];

#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// Microseconds since 1970.
    pub(crate) at: i64,
    pub(crate) run: String,
    pub(crate) kind: String,
    pub(crate) document: Value,
}

#[derive(Debug, Default)]
pub(crate) struct Logged {
    pub(crate) starts: Vec<Event>,
    pub(crate) endings: Vec<Event>,
}

pub(crate) fn events(project: &TempProject) -> Vec<Event> {
    let log = fs::read(project.path("logs/autonomous-processing.jsonl")).expect("the event log");
    str::from_utf8(whole_lines(&log)).expect("text").lines().map(event).collect()
}

pub(crate) fn logged(events: &[Event]) -> BTreeMap<(String, u32), Logged> {
    let mut attempts: BTreeMap<_, Logged> = BTreeMap::new();
    for event in events.iter().filter(|event| event.document.get("item_id").is_some()) {
        let attempt = attempts.entry((event.name(), event.attempt())).or_default();
        match event.kind.as_str() {
            "file_started" => attempt.starts.push(event.clone()),
            kind if ENDINGS.contains(&kind) => attempt.endings.push(event.clone()),
            _ => panic!("an event of an unknown kind: {event:?}"),
        }
    }
    attempts
}

pub(crate) fn status_after(ending: &Event) -> &'static str {
    match (ending.kind.as_str(), ending.document["requeued"].as_bool()) {
        ("file_completed", _) => "completed",
        ("file_failed", _) | ("file_recovered", Some(false)) => "failed",
        ("file_timeout", _) => "timeout",
        ("file_requeued" | "file_released", _) | ("file_recovered", Some(true)) => "pending",
        _ => panic!("no status follows from {ending:?}"),
    }
}

impl Event {
    pub(crate) fn name(&self) -> String {
        base_name(&self.document)
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.number("attempt").try_into().expect("a small number")
    }

    #[track_caller]
    pub(crate) fn number(&self, key: &str) -> u64 {
        self.document[key].as_u64().unwrap_or_else(|| panic!("no {key} in {self:?}"))
    }

    /// Returns the duration in the field `key`, converted from seconds to microseconds.
    #[track_caller]
    #[expect(clippy::cast_possible_truncation, reason = "these are seconds and minutes")]
    pub(crate) fn span(&self, key: &str) -> i64 {
        let seconds = self.document[key].as_f64().unwrap_or_else(|| panic!("no {key} in {self:?}"));
        (seconds * 1e6).round() as i64
    }
}

pub(crate) fn base_name(document: &Value) -> String {
    let path = document["file_path"].as_str().unwrap_or_else(|| panic!("no path in {document}"));
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

fn event(line: &str) -> Event {
    let document: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
    let word = |key: &str| document[key].as_str().unwrap_or_else(|| panic!("no {key} in {line}")).to_owned();
    let at: Timestamp = word("timestamp").parse().expect("RFC 3339");
    Event { at: at.as_microsecond(), run: word("run_id"), kind: word("event"), document }
}
