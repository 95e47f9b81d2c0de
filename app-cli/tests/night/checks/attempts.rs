//! Attempt by attempt: what the command recorded and what the event log tells are the same.

use std::collections::BTreeMap;

use super::{Accounts, BACKOFF_BASE_MICROS};
use crate::desert::{Desert, is_cut_short};
use crate::record::Witnessed;
use crate::story::{Event, Told};

/// A file's first attempt may be one of a series, where attempts are short.
fn may_be_in_a_series(key: &(String, u32), ending: &Event) -> bool {
    key.1 == 1 && ending.document["duration_s"].as_f64().is_some_and(|seconds| seconds < 0.1)
}

impl Accounts {
    /// As many attempts as deserved, numbered from 1, each begun once, ended once, and told so.
    pub(super) fn every_attempt_was_made_and_told_once(&self, deserts: &BTreeMap<String, Desert>) {
        let numbers = |(name, desert): (&String, &Desert)| (1..=desert.attempts).map(|n| (name.clone(), n)).collect();
        let due: Vec<(String, u32)> = deserts.iter().flat_map::<Vec<_>, _>(numbers).collect();
        assert_eq!(self.witnessed.keys().cloned().collect::<Vec<_>>(), due, "by the record");
        assert_eq!(self.told.keys().cloned().collect::<Vec<_>>(), due, "by the event log");
        for (key, Witnessed { starts, ends }, told) in self.both() {
            assert_eq!((told.starts.len(), told.endings.len()), (1, 1), "{key:?} by the event log: {told:#?}");
            // What a dead run had begun was ended before its file was taken back.
            let is_cut_short = is_cut_short(&key.0) || told.endings[0].kind == "file_recovered";
            assert_eq!((starts.len(), ends.len()), (1, usize::from(!is_cut_short)), "{key:?} by the record");
        }
    }

    /// The log's start comes before the record's, because it is told first, unless the attempt may be one of a series; the
    /// log's end comes after the record's. A run that died tells no end; the run that took its file back does.
    pub(super) fn every_attempt_was_told_as_it_was(&self) {
        for (key, witnessed, told) in self.both() {
            let (start, ending) = (&told.starts[0], &told.endings[0]);
            let ended_by = ending.document["dead_run"].as_str().unwrap_or(&ending.run);
            assert_eq!((&*start.run, ended_by), (&*witnessed.starts[0].run, &*witnessed.starts[0].run), "{key:?}");
            let ends = witnessed.ends.iter().map(|moment| moment.at);
            let points: Vec<_> = [witnessed.starts[0].at].into_iter().chain(ends).chain([ending.at]).collect();
            assert!(points.is_sorted() && start.at <= ending.at, "{key:?}: {points:?}");
            assert!(start.at <= points[0] || may_be_in_a_series(key, ending), "{key:?}: {} and {points:?}", start.at);
        }
    }

    /// An attempt begins after the one before it is over. Where that one was killed, the record knows no end of it; that it
    /// was gone is asserted where the record is read.
    pub(super) fn attempts_follow_each_other(&self) {
        for ((name, attempt), witnessed, _) in self.both().filter(|(key, ..)| key.1 > 1) {
            let before = &self.witnessed[&(name.clone(), attempt - 1)];
            let end = before.ends.first().unwrap_or(&before.starts[0]);
            assert!(witnessed.starts[0].at >= end.at, "{name}: {end:?}, then {:?}", witnessed.starts[0]);
        }
    }

    pub(super) fn backoffs_are_waited_for(&self) {
        let mut waits = 0;
        for ((name, attempt), witnessed, told) in self.both() {
            let ending = &told.endings[0];
            if ending.kind != "file_requeued" {
                continue;
            }
            waits += 1;
            let backoff = ending.span("backoff_s");
            assert_eq!(backoff, BACKOFF_BASE_MICROS << (attempt - 1), "{name}, attempt {attempt}");
            let told_end = told.starts[0].at + ending.span("duration_s");
            let end = witnessed.ends.first().map_or(told_end, |moment| moment.at.max(told_end));
            let next = self.witnessed[&(name.clone(), attempt + 1)].starts[0].at;
            assert!(next >= end + backoff, "{name}, attempt {}, came {} µs early", attempt + 1, end + backoff - next);
        }
        assert!(waits > 0, "a night without a retry proves nothing");
    }

    /// Every attempt, by both accounts.
    fn both(&self) -> impl Iterator<Item = (&(String, u32), &Witnessed, &Told)> {
        self.witnessed.iter().filter_map(|(key, witnessed)| Some((key, witnessed, self.told.get(key)?)))
    }
}
