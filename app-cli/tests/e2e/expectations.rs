use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expectation {
    pub(crate) status: &'static str,
    pub(crate) attempts: u32,
}

/// For each part of a file name, the expected outcome with 3 retries.
const BY_NAME: [(&str, Expectation); 11] = [
    ("ok-", Expectation { status: "completed", attempts: 1 }),
    ("held-", Expectation { status: "completed", attempts: 1 }),
    ("flaky-", Expectation { status: "completed", attempts: 3 }),
    ("bad-", Expectation { status: "failed", attempts: 4 }),
    ("killer-", Expectation { status: "failed", attempts: 4 }),
    // The two exit codes that are not retried.
    ("denied-", Expectation { status: "failed", attempts: 1 }),
    ("absent-", Expectation { status: "failed", attempts: 1 }),
    ("hang-", Expectation { status: "timeout", attempts: 4 }),
    ("stubborn-", Expectation { status: "timeout", attempts: 4 }),
    ("tree-", Expectation { status: "timeout", attempts: 4 }),
    ("thicket-", Expectation { status: "timeout", attempts: 4 }),
];

pub(crate) fn expectations<'a>(names: impl IntoIterator<Item = &'a OsString>) -> BTreeMap<String, Expectation> {
    names.into_iter().map(|name| (shown(name), expectation(&shown(name)))).collect()
}

pub(crate) fn shown(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

pub(crate) fn numbered(kind: &str, numbers: std::ops::Range<usize>) -> Vec<OsString> {
    numbers.map(|number| format!("{kind}-{number}").into()).collect()
}

/// True if attempts on this file are killed before the command logs an end.
pub(crate) fn is_cut_short(name: &str) -> bool {
    ["hang-", "stubborn-", "tree-", "thicket-", "killer-"].iter().any(|part| name.contains(part))
}

fn expectation(name: &str) -> Expectation {
    let found = BY_NAME.iter().find(|(part, _)| name.contains(part));
    found.unwrap_or_else(|| panic!("no outcome is known for {name}")).1
}
