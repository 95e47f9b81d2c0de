//! The names of the store's files, all relative to the state folder.

/// The snapshot.
pub(crate) const SNAPSHOT: &str = "QUEUE-STATE.json";
/// What the snapshot was before this program first wrote it, where it came from the original program or a person.
pub(crate) const ORIGINAL: &str = "QUEUE-STATE.original.json";
/// The lock. Never renamed, never removed: a lock on a file that another takes the place of excludes nobody.
pub(crate) const LOCK: &str = "QUEUE-STATE.lock";
/// The folder of the run locks.
pub(crate) const RUNS: &str = "runs";

const TEMP_PREFIX: &str = "QUEUE-STATE.json.tmp-";
const JOURNAL_PREFIX: &str = "QUEUE-STATE.journal.";
const ORPHAN_SUFFIX: &str = ".orphan";
const TORN_INFIX: &str = ".torn.";
const RUN_SUFFIX: &str = ".lock";

/// The journal of a generation. The nonce keeps a restored copy of an old snapshot from meeting a journal that is not its.
pub(crate) fn journal(generation: u64, nonce: &str) -> String {
    format!("{JOURNAL_PREFIX}{generation}-{nonce}")
}

/// A snapshot in the making.
pub(crate) fn temp(nonce: &str) -> String {
    format!("{TEMP_PREFIX}{nonce}")
}

/// A journal that no snapshot names, but that holds more than any snapshot.
pub(crate) fn orphan(journal: &str) -> String {
    format!("{journal}{ORPHAN_SUFFIX}")
}

/// The copy of a torn tail that was cut off after this many transactions.
pub(crate) fn torn(journal: &str, seq: u64) -> String {
    format!("{journal}{TORN_INFIX}{seq}")
}

/// The lock that a run holds for life.
pub(crate) fn run(id: &str) -> String {
    format!("{RUNS}/{id}{RUN_SUFFIX}")
}

/// The run that a file in the runs folder belongs to.
pub(crate) fn run_of(name: &str) -> Option<&str> {
    name.strip_suffix(RUN_SUFFIX)
}

/// Whether a file is a snapshot in the making, left behind by a process that died.
pub(crate) fn is_temp(name: &str) -> bool {
    name.starts_with(TEMP_PREFIX)
}

/// Whether a file is a journal, and not something kept aside.
pub(crate) fn is_journal(name: &str) -> bool {
    name.starts_with(JOURNAL_PREFIX) && !name.ends_with(ORPHAN_SUFFIX) && !name.contains(TORN_INFIX)
}
