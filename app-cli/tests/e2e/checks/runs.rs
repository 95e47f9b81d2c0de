use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use super::{Evidence, outcome};
use crate::event_log::{Event, base_name, status_after};
use crate::fixture::TempProject;

impl Evidence {
    pub(super) fn results_agree_with_the_log(&self) {
        for result in &self.results {
            let run = result["run_id"].as_str().expect("a name");
            let run_events: Vec<_> = self.events.iter().filter(|event| event.run == run).collect();
            let last = run_events.last().expect("a story of every run");
            assert_eq!((run_events[0].kind.as_str(), last.kind.as_str()), ("processor_started", "processor_stopped"));
            for (key, count) in tally(&run_events) {
                assert_eq!((&result[key], &last.document[key]), (&count.into(), &count.into()), "{key} of run {run}");
            }
            for key in ["remaining", "stopped_by"] {
                assert_eq!(result[key], last.document[key], "{key} of run {run}");
            }
        }
    }

    /// Checks that the counts in all results add up to the counts of the queue. Needs the result of
    /// every run.
    pub(crate) fn sums_agree(&self) {
        let sum = |key: &str| self.results.iter().filter_map(|result| result[key].as_u64()).sum::<u64>();
        let count = |words: &[&str]| self.items.iter().filter(|item| words.contains(&&*outcome(item).0)).count() as u64;
        assert_eq!(sum("processed"), count(&["completed"]));
        assert_eq!(sum("failed"), count(&["failed", "timeout"]));
    }

    pub(crate) fn stops_are_logged(&self) {
        let stop_requests = |run: &Value| {
            let run_events = self.events.iter().filter(|event| *run == *event.run);
            run_events.filter(|event| event.kind == "stop_requested").count()
        };
        for result in &self.results {
            assert_eq!(stop_requests(&result["run_id"]), usize::from(result["stopped_by"] == "stop_file"), "{result}");
        }
        assert_eq!(self.events.iter().filter(|event| event.kind == "stop_signal_cleared").count(), 1);
    }

    /// Checks that each run made the first attempts on files in claim order. Concurrent attempts
    /// may be logged in any order. The files must have been queued before the run.
    pub(crate) fn first_attempts_come_in_order(&self, names: &BTreeSet<String>, jobs: usize) {
        let ranks: BTreeMap<_, _> = self.items.iter().map(|item| (base_name(item), rank_of(item))).collect();
        let mut started: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        let is_first = |event: &&Event| event.kind == "file_started" && event.attempt() == 1;
        for event in self.events.iter().filter(is_first).filter(|event| names.contains(&event.name())) {
            let (rank, before) = (ranks[&event.name()], started.entry(&event.run).or_default());
            let earlier = before.iter().rev().skip(jobs - 1).max();
            assert!(earlier.is_none_or(|earlier| *earlier < rank), "{earlier:?}, then {rank:?} in {event:?}");
            before.push(rank);
        }
        assert!(!started.is_empty(), "no run processed any of them");
    }

    pub(super) fn the_state_is_of_the_last_run(&self, project: &TempProject) {
        let file = fs::read(project.state("AUTONOMOUS-STATE.json")).expect("the state");
        let state: Value = serde_json::from_slice(&file).expect("JSON");
        let last = self.results.last().expect("a run");
        let said = [&state["run_id"], &state["files_processed"], &state["files_failed"]];
        assert_eq!(said, [&last["run_id"], &last["processed"], &last["failed"]], "{state:#}");
        assert_eq!(state["status"], "completed", "{state:#}");
        assert_eq!((&state["current_file"], &state["current_files"]), (&Value::Null, &Value::Array(vec![])));
    }
}

fn tally(events: &[&Event]) -> [(&'static str, u64); 3] {
    let count = |is_meant: &dyn Fn(&Event) -> bool| events.iter().filter(|event| is_meant(event)).count() as u64;
    let is_over = |event: &Event| ["file_failed", "file_timeout", "file_recovered"].contains(&event.kind.as_str());
    [
        ("processed", count(&|event| event.kind == "file_completed")),
        ("failed", count(&|event| is_over(event) && status_after(event) != "pending")),
        ("retried", count(&|event| event.kind == "file_requeued")),
    ]
}

fn rank_of(item: &Value) -> (Reverse<i64>, u64) {
    (Reverse(item["priority"].as_i64().expect("a number")), item["id"].as_u64().expect("a number"))
}
