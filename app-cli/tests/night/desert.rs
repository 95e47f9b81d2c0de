//! Files of many names, and what each deserves.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// How a file is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Desert {
    pub(crate) status: &'static str,
    pub(crate) attempts: u32,
}

/// What files of a name deserve, with 3 retries. `command.sh` has the other half of this.
const BY_NAME: [(&str, Desert); 11] = [
    ("ok-", Desert { status: "completed", attempts: 1 }),
    ("held-", Desert { status: "completed", attempts: 1 }),
    ("flaky-", Desert { status: "completed", attempts: 3 }),
    ("bad-", Desert { status: "failed", attempts: 4 }),
    ("killer-", Desert { status: "failed", attempts: 4 }),
    // The two exit codes that no retry can mend.
    ("denied-", Desert { status: "failed", attempts: 1 }),
    ("absent-", Desert { status: "failed", attempts: 1 }),
    ("hang-", Desert { status: "timeout", attempts: 4 }),
    ("stubborn-", Desert { status: "timeout", attempts: 4 }),
    ("tree-", Desert { status: "timeout", attempts: 4 }),
    ("thicket-", Desert { status: "timeout", attempts: 4 }),
];

/// What each of these files deserves, by its name as text can show it.
pub(crate) fn deserts<'a>(names: impl IntoIterator<Item = &'a OsString>) -> BTreeMap<String, Desert> {
    names.into_iter().map(|name| (shown(name), desert(&shown(name)))).collect()
}

/// A name, as far as it is text.
pub(crate) fn shown(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

/// The names `kind-from` up to, and without, `kind-to`.
pub(crate) fn numbered(kind: &str, numbers: std::ops::Range<usize>) -> Vec<OsString> {
    numbers.map(|number| format!("{kind}-{number}").into()).collect()
}

/// Whether the command has no chance to record the end of an attempt on this file.
pub(crate) fn is_cut_short(name: &str) -> bool {
    ["hang-", "stubborn-", "tree-", "thicket-", "killer-"].iter().any(|part| name.contains(part))
}

fn desert(name: &str) -> Desert {
    let found = BY_NAME.iter().find(|(part, _)| name.contains(part));
    found.unwrap_or_else(|| panic!("{name} deserves nothing")).1
}
