mod attempts;
mod runs;

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::command_log::{self, Recorded};
use crate::event_log::{self, Event, Logged, base_name};
use crate::expectations::Expectation;
use crate::fixture::TempProject;

pub(crate) const BACKOFF_BASE: &str = "200ms";

const BACKOFF_BASE_MICROS: i64 = 200_000;

pub(crate) struct Evidence {
    items: Vec<Value>,
    results: Vec<Value>,
    events: Vec<Event>,
    logged: BTreeMap<(String, u32), Logged>,
    recorded: BTreeMap<(String, u32), Recorded>,
}

impl Evidence {
    pub(crate) fn gather(project: &TempProject, results: Vec<Value>) -> Self {
        let events = event_log::events(project);
        Self {
            items: items(project),
            results,
            logged: event_log::logged(&events),
            events,
            recorded: command_log::recorded(project),
        }
    }

    pub(crate) fn check(&self, project: &TempProject, expectations: &BTreeMap<String, Expectation>) {
        self.every_file_has_its_outcome(expectations);
        self.every_attempt_was_made_and_logged_once(expectations);
        self.both_logs_agree_on_times();
        self.attempts_follow_each_other();
        self.backoffs_are_waited_for();
        self.the_log_ends_with_the_status();
        self.results_agree_with_the_log();
        self.the_queue_is_one_file(project);
        self.the_state_is_of_the_last_run(project);
    }

    fn every_file_has_its_outcome(&self, expectations: &BTreeMap<String, Expectation>) {
        assert_eq!(self.items.len(), expectations.len(), "one entry a file");
        let seen: BTreeMap<_, _> = self.items.iter().map(|item| (base_name(item), outcome(item))).collect();
        let due: BTreeMap<_, _> =
            expectations.iter().map(|(name, expectation)| (name.clone(), expected(expectation))).collect();
        let wrong: Vec<_> = due.iter().filter(|(name, outcome)| seen.get(*name) != Some(outcome)).collect();
        assert!(wrong.is_empty(), "expected: {wrong:#?}\nfound: {seen:#?}");
    }

    fn the_log_ends_with_the_status(&self) {
        for item in &self.items {
            let name = base_name(item);
            let attempts: Vec<_> = self.logged.range((name.clone(), 0)..=(name, u32::MAX)).collect();
            let ((_, number), _) = attempts.last().expect("an attempt of every file");
            let after: Vec<_> =
                attempts.iter().map(|(_, logged)| event_log::status_after(&logged.endings[0])).collect();
            let (last, before) = after.split_last().expect("as many as attempts");
            assert!(before.iter().all(|status| *status == "pending"), "{after:?} in {item}");
            assert_eq!(((*last).to_owned(), u64::from(*number)), outcome(item), "{item}");
            let events = attempts.iter().flat_map(|(_, logged)| logged.starts.iter().chain(&logged.endings));
            events.for_each(|event| assert_eq!(event.number("item_id"), item["id"], "{event:?}"));
        }
    }

    fn the_queue_is_one_file(&self, project: &TempProject) {
        let file = fs::read(project.state("QUEUE-STATE.json")).expect("the queue");
        let file: Value = serde_json::from_slice(&file).expect("JSON");
        let essence = |item: &Value| (item["id"].as_u64(), base_name(item), outcome(item));
        let mut listed: Vec<_> = self.items.iter().map(essence).collect();
        listed.sort();
        let written: Vec<_> = file["items"].as_array().expect("a list").iter().map(essence).collect();
        assert_eq!(written, listed);
        let left = fs::read_dir(project.state("")).expect("the state's folder").map(|entry| entry.expect("a file"));
        let left: Vec<_> = left.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        assert!(!left.iter().any(|name| name.contains(".journal.") || name == "STOP-AUTONOMOUS"), "{left:?}");
    }
}

pub(crate) fn items(project: &TempProject) -> Vec<Value> {
    project.json(["queue", "list"])["items"].as_array().expect("a list").clone()
}

pub(crate) fn outcome(item: &Value) -> (String, u64) {
    let status = item["status"].as_str().expect("a status").to_owned();
    (status, item["attempts"].as_u64().expect("a number"))
}

fn expected(expectation: &Expectation) -> (String, u64) {
    (expectation.status.to_owned(), expectation.attempts.into())
}
