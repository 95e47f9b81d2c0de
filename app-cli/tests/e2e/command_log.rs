use std::collections::BTreeMap;
use std::fs;

use crate::fixture::TempProject;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Microseconds since 1970.
    pub(crate) at: i64,
    pub(crate) what: String,
    pub(crate) run: String,
    pub(crate) attempt: u32,
    pub(crate) name: String,
}

#[derive(Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) starts: Vec<Moment>,
    pub(crate) ends: Vec<Moment>,
}

pub(crate) fn moments(project: &TempProject) -> Vec<Moment> {
    let bytes = fs::read(project.command_log()).expect("the command's log");
    // File names need not be UTF-8.
    String::from_utf8_lossy(whole_lines(&bytes)).lines().map(moment).collect()
}

/// Returns the complete lines. A concurrent append may leave an incomplete last line.
pub(crate) fn whole_lines(bytes: &[u8]) -> &[u8] {
    let last = bytes.iter().rposition(|byte| *byte == b'\n');
    last.map_or(&[], |last| &bytes[..=last])
}

pub(crate) fn starts(project: &TempProject) -> usize {
    moments(project).iter().filter(|moment| moment.what == "start").count()
}

/// Groups the entries by file and attempt number. Panics if two attempts on a file overlap.
pub(crate) fn recorded(project: &TempProject) -> BTreeMap<(String, u32), Recorded> {
    let mut attempts: BTreeMap<_, Recorded> = BTreeMap::new();
    for moment in moments(project) {
        let attempt = attempts.entry((moment.name.clone(), moment.attempt)).or_default();
        match moment.what.as_str() {
            "start" => attempt.starts.push(moment),
            "end" => attempt.ends.push(moment),
            _ => panic!("two attempts on a file overlapped: {moment:?}"),
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
