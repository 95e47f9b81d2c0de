use std::collections::BTreeMap;

use super::{BACKOFF_BASE_MICROS, Evidence};
use crate::command_log::Recorded;
use crate::event_log::Logged;
use crate::expectations::{Expectation, is_cut_short};

/// The maximum delay of a start in the event log, in microseconds.
const MAX_START_DELAY_MICROS: i64 = 500_000;

impl Evidence {
    pub(super) fn every_attempt_was_made_and_logged_once(&self, expectations: &BTreeMap<String, Expectation>) {
        let numbers = |(name, expectation): (&String, &Expectation)| {
            (1..=expectation.attempts).map(|n| (name.clone(), n)).collect()
        };
        let due: Vec<(String, u32)> = expectations.iter().flat_map::<Vec<_>, _>(numbers).collect();
        assert_eq!(self.recorded.keys().cloned().collect::<Vec<_>>(), due, "by the command's log");
        assert_eq!(self.logged.keys().cloned().collect::<Vec<_>>(), due, "by the event log");
        for (key, Recorded { starts, ends }, logged) in self.both() {
            assert_eq!((logged.starts.len(), logged.endings.len()), (1, 1), "{key:?} by the event log: {logged:#?}");
            // When a run dies, its commands are ended before they can log their ends.
            let is_cut_short = is_cut_short(&key.0) || logged.endings[0].kind == "file_recovered";
            assert_eq!((starts.len(), ends.len()), (1, usize::from(!is_cut_short)), "{key:?} by the command's log");
        }
    }

    pub(super) fn both_logs_agree_on_times(&self) {
        for (key, recorded, logged) in self.both() {
            let (start, ending) = (&logged.starts[0], &logged.endings[0]);
            let ended_by = ending.document["dead_run"].as_str().unwrap_or(&ending.run);
            assert_eq!((&*start.run, ended_by), (&*recorded.starts[0].run, &*recorded.starts[0].run), "{key:?}");
            let ends = recorded.ends.iter().map(|moment| moment.at);
            let points: Vec<_> = [recorded.starts[0].at].into_iter().chain(ends).chain([ending.at]).collect();
            assert!(points.is_sorted() && start.at <= ending.at, "{key:?}: {points:?}");
            assert!(start.at <= points[0] + MAX_START_DELAY_MICROS, "{key:?}: {} and {points:?}", start.at);
        }
    }

    pub(super) fn attempts_follow_each_other(&self) {
        for ((name, attempt), recorded, _) in self.both().filter(|(key, ..)| key.1 > 1) {
            let before = &self.recorded[&(name.clone(), attempt - 1)];
            let end = before.ends.first().unwrap_or(&before.starts[0]);
            assert!(recorded.starts[0].at >= end.at, "{name}: {end:?}, then {:?}", recorded.starts[0]);
        }
    }

    pub(super) fn backoffs_are_waited_for(&self) {
        let mut waits = 0;
        for ((name, attempt), recorded, logged) in self.both() {
            let ending = &logged.endings[0];
            if ending.kind != "file_requeued" {
                continue;
            }
            waits += 1;
            let backoff = ending.span("backoff_s");
            assert_eq!(backoff, BACKOFF_BASE_MICROS << (attempt - 1), "{name}, attempt {attempt}");
            // If the event log reports the start late, the end that is computed from the start is
            // late too.
            let earliest_end = logged.starts[0].at - MAX_START_DELAY_MICROS + ending.span("duration_s");
            let end = recorded.ends.first().map_or(earliest_end, |moment| moment.at);
            let next = self.recorded[&(name.clone(), attempt + 1)].starts[0].at;
            assert!(next >= end + backoff, "{name}, attempt {}, came {} µs early", attempt + 1, end + backoff - next);
        }
        assert!(waits > 0, "no retry was logged, so this check proves nothing");
    }

    fn both(&self) -> impl Iterator<Item = (&(String, u32), &Recorded, &Logged)> {
        self.recorded.iter().filter_map(|(key, recorded)| Some((key, recorded, self.logged.get(key)?)))
    }
}
