//! The record that the command keeps: the one witness that is no part of the binary.

use std::collections::BTreeMap;
use std::fs;

use crate::place::Place;

/// A moment of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Microseconds since 1970.
    pub(crate) at: i64,
    pub(crate) what: String,
    pub(crate) run: String,
    pub(crate) attempt: u32,
    pub(crate) name: String,
}

/// What the record says of one file and attempt.
#[derive(Debug, Default)]
pub(crate) struct Witnessed {
    pub(crate) starts: Vec<Moment>,
    /// An attempt that was killed has none.
    pub(crate) ends: Vec<Moment>,
}

/// Everything recorded so far.
pub(crate) fn moments(place: &Place) -> Vec<Moment> {
    let bytes = fs::read(place.record()).expect("the record");
    // What a file is named need not be text.
    String::from_utf8_lossy(whole_lines(&bytes)).lines().map(moment).collect()
}

/// The lines that have an end. Whoever looks while others append may see a part of the last one.
pub(crate) fn whole_lines(bytes: &[u8]) -> &[u8] {
    let last = bytes.iter().rposition(|byte| *byte == b'\n');
    last.map_or(&[], |last| &bytes[..=last])
}

/// How many attempts have begun.
pub(crate) fn starts(place: &Place) -> usize {
    moments(place).iter().filter(|moment| moment.what == "start").count()
}

/// The record by file and attempt. No attempt may have met another one of its file.
pub(crate) fn witnessed(place: &Place) -> BTreeMap<(String, u32), Witnessed> {
    let mut attempts: BTreeMap<_, Witnessed> = BTreeMap::new();
    for moment in moments(place) {
        let attempt = attempts.entry((moment.name.clone(), moment.attempt)).or_default();
        match moment.what.as_str() {
            "start" => attempt.starts.push(moment),
            "end" => attempt.ends.push(moment),
            _ => panic!("an attempt that was over still lived: {moment:?}"),
        }
    }
    attempts
}

fn moment(line: &str) -> Moment {
    let fields: Vec<&str> = line.split('\t').collect();
    let [nanoseconds, what, run, attempt, name] = fields[..] else { panic!("a torn line: {line:?}") };
    Moment {
        at: nanoseconds.parse::<i64>().expect("a date(1) that knows nanoseconds") / 1000,
        what: what.to_owned(),
        run: run.to_owned(),
        attempt: attempt.parse().expect("a number"),
        name: name.to_owned(),
    }
}
