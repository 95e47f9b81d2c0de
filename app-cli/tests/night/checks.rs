//! The accounts of a night, and that they agree.

mod attempts;
mod runs;

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::desert::Desert;
use crate::place::Place;
use crate::record::{self, Witnessed};
use crate::story::{self, Event, Told, base_name};

/// The wait before the first retry, in every run of these tests.
pub(crate) const BACKOFF_BASE: &str = "200ms";

/// The same in microseconds.
const BACKOFF_BASE_MICROS: i64 = 200_000;

/// Everything there is to know of a queue whose runs are over.
pub(crate) struct Accounts {
    /// What the queue says, in claim order.
    items: Vec<Value>,
    /// What each run said that ended by itself, in the order of their ends.
    results: Vec<Value>,
    events: Vec<Event>,
    told: BTreeMap<(String, u32), Told>,
    witnessed: BTreeMap<(String, u32), Witnessed>,
}

impl Accounts {
    pub(crate) fn gather(place: &Place, results: Vec<Value>) -> Self {
        let events = story::events(place);
        Self { items: items(place), results, told: story::told(&events), events, witnessed: record::witnessed(place) }
    }

    /// Whatever holds after every night.
    pub(crate) fn check(&self, place: &Place, deserts: &BTreeMap<String, Desert>) {
        self.every_file_has_what_it_deserves(deserts);
        self.every_attempt_was_made_and_told_once(deserts);
        self.every_attempt_was_told_as_it_was();
        self.attempts_follow_each_other();
        self.backoffs_are_waited_for();
        self.the_story_ends_where_the_queue_is();
        self.runs_count_what_they_did();
        self.the_queue_is_one_file(place);
        self.the_state_is_of_the_last_run(place);
    }

    fn every_file_has_what_it_deserves(&self, deserts: &BTreeMap<String, Desert>) {
        assert_eq!(self.items.len(), deserts.len(), "one entry a file");
        let seen: BTreeMap<_, _> = self.items.iter().map(|item| (base_name(item), outcome(item))).collect();
        let due: BTreeMap<_, _> = deserts.iter().map(|(name, desert)| (name.clone(), deserved(desert))).collect();
        let wrong: Vec<_> = due.iter().filter(|(name, outcome)| seen.get(*name) != Some(outcome)).collect();
        assert!(wrong.is_empty(), "deserved: {wrong:#?}\nof these: {seen:#?}");
    }

    /// The last attempt left the file where the queue has it, and all were on the one entry that it ever had.
    fn the_story_ends_where_the_queue_is(&self) {
        for item in &self.items {
            let name = base_name(item);
            let attempts: Vec<_> = self.told.range((name.clone(), 0)..=(name, u32::MAX)).collect();
            let ((_, number), _) = attempts.last().expect("an attempt of every file");
            let after: Vec<_> = attempts.iter().map(|(_, told)| story::status_after(&told.endings[0])).collect();
            let (last, before) = after.split_last().expect("as many as attempts");
            assert!(before.iter().all(|status| *status == "pending"), "{after:?} in {item}");
            assert_eq!(((*last).to_owned(), u64::from(*number)), outcome(item), "{item}");
            let events = attempts.iter().flat_map(|(_, told)| told.starts.iter().chain(&told.endings));
            events.for_each(|event| assert_eq!(event.number("item_id"), item["id"], "{event:?}"));
        }
    }

    /// A small queue that was closed is what anybody can read without this program.
    fn the_queue_is_one_file(&self, place: &Place) {
        let file = fs::read(place.state("QUEUE-STATE.json")).expect("the queue");
        let file: Value = serde_json::from_slice(&file).expect("JSON");
        let essence = |item: &Value| (item["id"].as_u64(), base_name(item), outcome(item));
        let mut listed: Vec<_> = self.items.iter().map(essence).collect();
        listed.sort();
        let written: Vec<_> = file["items"].as_array().expect("a list").iter().map(essence).collect();
        assert_eq!(written, listed);
        let left = fs::read_dir(place.state("")).expect("the state's folder").map(|entry| entry.expect("a file"));
        let left: Vec<_> = left.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        assert!(!left.iter().any(|name| name.contains(".journal.") || name == "STOP-AUTONOMOUS"), "{left:?}");
    }
}

/// The queue's items, in claim order.
pub(crate) fn items(place: &Place) -> Vec<Value> {
    place.json(["queue", "list"])["items"].as_array().expect("a list").clone()
}

/// Where an item stands, and after how many attempts.
pub(crate) fn outcome(item: &Value) -> (String, u64) {
    let status = item["status"].as_str().expect("a status").to_owned();
    (status, item["attempts"].as_u64().expect("a number"))
}

fn deserved(desert: &Desert) -> (String, u64) {
    (desert.status.to_owned(), desert.attempts.into())
}
