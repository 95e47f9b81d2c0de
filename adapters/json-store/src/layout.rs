//! The names of the store's files.

use autoproc_domain::Timestamp;

pub(crate) const SNAPSHOT: &str = "QUEUE-STATE.json";
/// A copy of the first snapshot that another program wrote.
pub(crate) const ORIGINAL: &str = "QUEUE-STATE.original.json";
/// The lock file. It must never be renamed or removed: two processes could then lock two files.
pub(crate) const LOCK: &str = "QUEUE-STATE.lock";
pub(crate) const RUNS: &str = "runs";

pub(crate) const BACKUP_PREFIX: &str = "backup-";

const TEMP_PREFIX: &str = "QUEUE-STATE.json.tmp-";
const JOURNAL_PREFIX: &str = "QUEUE-STATE.journal.";
const RESCUED_PREFIX: &str = "QUEUE-STATE.rescued-";
const ORPHAN_SUFFIX: &str = ".orphan";
const TORN_INFIX: &str = ".torn.";
const RUN_SUFFIX: &str = ".lock";
/// The suffix of a run's lock file until the file is locked and complete.
const NEW_SUFFIX: &str = ".new";

/// The maximum length of a run's id in a file name. A UUID has 36 characters.
const MAX_RUN_NAME: usize = 100;
const MAX_JOURNAL_ID: usize = 64;

/// Returns a journal's name.
///
/// After a user has restored an old snapshot, two journals may have the same generation. The nonce
/// distinguishes them.
pub(crate) fn journal(generation: u64, nonce: &str) -> String {
    format!("{JOURNAL_PREFIX}{generation}-{nonce}")
}

pub(crate) fn temp(nonce: &str) -> String {
    format!("{TEMP_PREFIX}{nonce}")
}

/// Returns the new name of an unused journal with newer changes.
pub(crate) fn orphan(journal: &str) -> String {
    format!("{journal}{ORPHAN_SUFFIX}")
}

/// Returns the name for a copy of an unfinished last line.
pub(crate) fn torn(journal: &str, seq: u64) -> String {
    format!("{journal}{TORN_INFIX}{seq}")
}

/// Returns the file name for the saved queue of a damaged store.
pub(crate) fn rescued(nonce: &str) -> String {
    format!("{RESCUED_PREFIX}{nonce}.json")
}

pub(crate) fn is_rescued(name: &str) -> bool {
    name.starts_with(RESCUED_PREFIX)
}

/// Returns the path of a run's lock file. A file name has at most 255 bytes (`NAME_MAX`, limits.h).
pub(crate) fn run(id: &str) -> String {
    let fits = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    let id: String =
        id.chars().take(MAX_RUN_NAME).map(|character| if fits(character) { character } else { '%' }).collect();
    format!("{RUNS}/{id}{RUN_SUFFIX}")
}

pub(crate) fn new_run(id: &str) -> String {
    format!("{}{NEW_SUFFIX}", run(id))
}

/// True if `name` is the lock file of a run that has not begun.
pub(crate) fn is_new_run(name: &str) -> bool {
    name.strip_suffix(NEW_SUFFIX).is_some_and(|name| run_of(name).is_some())
}

pub(crate) fn run_of(name: &str) -> Option<&str> {
    name.strip_suffix(RUN_SUFFIX)
}

pub(crate) fn is_temp(name: &str) -> bool {
    name.starts_with(TEMP_PREFIX)
}

/// True if `name` belongs to a journal that was not set aside.
pub(crate) fn is_journal(name: &str) -> bool {
    name.starts_with(JOURNAL_PREFIX) && !name.ends_with(ORPHAN_SUFFIX) && !name.contains(TORN_INFIX)
}

pub(crate) fn generation_of(journal: &str) -> Option<u64> {
    journal.strip_prefix(JOURNAL_PREFIX)?.split('-').next()?.parse().ok()
}

pub(crate) fn backup(now: Timestamp) -> String {
    let text = now.to_string();
    let digits = text.chars().take_while(|character| *character != '.').filter(char::is_ascii_alphanumeric);
    format!("{BACKUP_PREFIX}{}Z", digits.filter(|character| *character != 'Z').collect::<String>())
}

/// True if `name` belongs to a file or folder that was set aside for the user.
pub(crate) fn is_kept_aside(name: &str) -> bool {
    let was_journal = name.ends_with(ORPHAN_SUFFIX) || name.contains(TORN_INFIX);
    name.starts_with(BACKUP_PREFIX) || is_rescued(name) || (name.starts_with(JOURNAL_PREFIX) && was_journal)
}

pub(crate) fn is_journal_name(name: &str) -> bool {
    let id = name.strip_prefix(JOURNAL_PREFIX);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    id.is_some_and(|id| id.len() <= MAX_JOURNAL_ID && id.bytes().all(fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_guards_file_nor_one_in_the_making_is_a_run() {
        let id = "0190a8f4-7d3b-7cc1-9f3e-5a5a5a5a5a5a";
        assert_eq!(run(id), format!("{RUNS}/{id}.lock"));
        assert_eq!(run_of(&format!("{id}.lock")), Some(id));
        assert_eq!(run_of(&format!("{id}.guard-1")), None);
        assert_eq!(new_run(id), format!("{RUNS}/{id}.lock.new"));
        assert_eq!(run_of(&format!("{id}.lock.new")), None);
        assert!(is_new_run(&format!("{id}.lock.new")) && !is_new_run(&format!("{id}.lock")));
    }
}
