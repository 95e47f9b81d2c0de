//! Run by run: what each says of itself, what the log tells of it, and what the state file was left with.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use super::{Accounts, outcome};
use crate::place::Place;
use crate::story::{Event, base_name, status_after};

impl Accounts {
    /// A run's result, the event with which it ended, and the events before that one have the same numbers.
    pub(super) fn runs_count_what_they_did(&self) {
        for result in &self.results {
            let run = result["run_id"].as_str().expect("a name");
            let of_run: Vec<_> = self.events.iter().filter(|event| event.run == run).collect();
            let last = of_run.last().expect("a story of every run");
            assert_eq!((of_run[0].kind.as_str(), last.kind.as_str()), ("processor_started", "processor_stopped"));
            for (key, count) in tally(&of_run) {
                assert_eq!((&result[key], &last.document[key]), (&count.into(), &count.into()), "{key} of run {run}");
            }
            for key in ["remaining", "stopped_by"] {
                assert_eq!(result[key], last.document[key], "{key} of run {run}");
            }
        }
    }

    /// Over all the runs, each file ended once. For nights in which every run came to say what it did.
    pub(crate) fn sums_agree(&self) {
        let sum = |key: &str| self.results.iter().filter_map(|result| result[key].as_u64()).sum::<u64>();
        let count = |words: &[&str]| self.items.iter().filter(|item| words.contains(&&*outcome(item).0)).count() as u64;
        assert_eq!(sum("processed"), count(&["completed"]));
        assert_eq!(sum("failed"), count(&["failed", "timeout"]));
    }

    /// Each run that was stopped has told that it heard of it, and one that the request is gone.
    pub(crate) fn stops_are_told(&self) {
        let heard = |run: &Value| {
            let of_run = self.events.iter().filter(|event| *run == *event.run);
            of_run.filter(|event| event.kind == "stop_requested").count()
        };
        for result in &self.results {
            assert_eq!(heard(&result["run_id"]), usize::from(result["stopped_by"] == "stop_file"), "{result}");
        }
        assert_eq!(self.events.iter().filter(|event| event.kind == "stop_signal_cleared").count(), 1);
    }

    /// The first attempts a run makes of files that stood in the queue before it began come in the order of the queue: all
    /// of them are due at all times, so whichever comes later was still waiting, and behind.
    pub(crate) fn first_attempts_come_in_order(&self, names: &BTreeSet<String>) {
        let places: BTreeMap<_, _> = self.items.iter().map(|item| (base_name(item), place_of(item))).collect();
        let mut latest: BTreeMap<&str, _> = BTreeMap::new();
        let is_first = |event: &&Event| event.kind == "file_started" && event.attempt() == 1;
        for event in self.events.iter().filter(is_first).filter(|event| names.contains(&event.name())) {
            let place = places[&event.name()];
            let before = latest.insert(&event.run, place);
            assert!(before.is_none_or(|before| before < place), "{before:?}, then {place:?} in {event:?}");
        }
        assert!(!latest.is_empty(), "some run took some of them");
    }

    pub(super) fn the_state_is_of_the_last_run(&self, place: &Place) {
        let file = fs::read(place.state("AUTONOMOUS-STATE.json")).expect("the state");
        let state: Value = serde_json::from_slice(&file).expect("JSON");
        let last = self.results.last().expect("a run");
        let said = [&state["run_id"], &state["files_processed"], &state["files_failed"]];
        assert_eq!(said, [&last["run_id"], &last["processed"], &last["failed"]], "{state:#}");
        assert_eq!(state["status"], "completed", "{state:#}");
        assert_eq!((&state["current_file"], &state["current_files"]), (&Value::Null, &Value::Array(vec![])));
    }
}

/// What a run did, by its events.
fn tally(events: &[&Event]) -> [(&'static str, u64); 3] {
    let count = |is_meant: &dyn Fn(&Event) -> bool| events.iter().filter(|event| is_meant(event)).count() as u64;
    let is_over = |event: &Event| ["file_failed", "file_timeout", "file_recovered"].contains(&event.kind.as_str());
    [
        ("processed", count(&|event| event.kind == "file_completed")),
        ("failed", count(&|event| is_over(event) && status_after(event) != "pending")),
        ("retried", count(&|event| event.kind == "file_requeued")),
    ]
}

fn place_of(item: &Value) -> (Reverse<i64>, u64) {
    (Reverse(item["priority"].as_i64().expect("a number")), item["id"].as_u64().expect("a number"))
}
