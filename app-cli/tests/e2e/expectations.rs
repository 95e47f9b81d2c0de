//! File names, and the outcome that each must have.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// The outcome of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expectation {
    pub(crate) status: &'static str,
    pub(crate) attempts: u32,
}

/// The outcome of files whose name contains this text, with 3 retries. `command.sh` implements the
/// outcomes.
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

/// Returns the outcome of each of these files, by the displayed name.
pub(crate) fn expectations<'a>(names: impl IntoIterator<Item = &'a OsString>) -> BTreeMap<String, Expectation> {
    names.into_iter().map(|name| (shown(name), expectation(&shown(name)))).collect()
}

/// Returns a name with invalid UTF-8 replaced.
pub(crate) fn shown(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

/// Returns the names `kind-N` for these numbers.
pub(crate) fn numbered(kind: &str, numbers: std::ops::Range<usize>) -> Vec<OsString> {
    numbers.map(|number| format!("{kind}-{number}").into()).collect()
}

/// True if attempts on this file are killed before the command logs their end.
pub(crate) fn is_cut_short(name: &str) -> bool {
    ["hang-", "stubborn-", "tree-", "thicket-", "killer-"].iter().any(|part| name.contains(part))
}

fn expectation(name: &str) -> Expectation {
    let found = BY_NAME.iter().find(|(part, _)| name.contains(part));
    found.unwrap_or_else(|| panic!("no outcome is known for {name}")).1
}
