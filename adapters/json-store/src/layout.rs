//! The names of the store's files, relative to the state folder.

use autoproc_domain::Timestamp;

pub(crate) const SNAPSHOT: &str = "QUEUE-STATE.json";
/// A copy of a snapshot that the Python program or a user wrote, made before this program first
/// replaces it.
pub(crate) const ORIGINAL: &str = "QUEUE-STATE.original.json";
/// The lock file. Never renamed or removed: a lock on a replaced file would exclude no process.
pub(crate) const LOCK: &str = "QUEUE-STATE.lock";
/// The folder of the run locks.
pub(crate) const RUNS: &str = "runs";

/// The prefix of a folder with copies made by a repair.
pub(crate) const BACKUP_PREFIX: &str = "backup-";

const TEMP_PREFIX: &str = "QUEUE-STATE.json.tmp-";
const JOURNAL_PREFIX: &str = "QUEUE-STATE.journal.";
const ORPHAN_SUFFIX: &str = ".orphan";
const TORN_INFIX: &str = ".torn.";
const RUN_SUFFIX: &str = ".lock";
/// Follows [`RUN_SUFFIX`] until the run's lock file is locked and complete.
const NEW_SUFFIX: &str = ".new";

/// The maximum number of characters of a run's id in its file name; a UUID has 36.
const MAX_RUN_NAME: usize = 100;
/// The maximum length of a journal's name after its prefix; the longest generation and a nonce fit.
const MAX_JOURNAL_ID: usize = 64;

/// Returns the name of the journal of a generation. Because of the nonce, a restored copy of an old
/// snapshot cannot find a later journal.
pub(crate) fn journal(generation: u64, nonce: &str) -> String {
    format!("{JOURNAL_PREFIX}{generation}-{nonce}")
}

/// Returns the name of an unfinished snapshot.
pub(crate) fn temp(nonce: &str) -> String {
    format!("{TEMP_PREFIX}{nonce}")
}

/// Returns the name to which an orphaned journal is renamed: one that the snapshot does not refer
/// to, but whose transactions are newer.
pub(crate) fn orphan(journal: &str) -> String {
    format!("{journal}{ORPHAN_SUFFIX}")
}

/// Returns the name of the copy of a torn tail after the transaction with this number.
pub(crate) fn torn(journal: &str, seq: u64) -> String {
    format!("{journal}{TORN_INFIX}{seq}")
}

/// Returns the path of a run's lock file in [`RUNS`]. Characters other than ASCII letters, digits,
/// `-` and `_` become `%`, and a long id is truncated (`NAME_MAX`, 255 bytes: limits.h).
pub(crate) fn run(id: &str) -> String {
    let fits = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    let id: String =
        id.chars().take(MAX_RUN_NAME).map(|character| if fits(character) { character } else { '%' }).collect();
    format!("{RUNS}/{id}{RUN_SUFFIX}")
}

/// Returns the path that a run's lock file has until it is locked and complete.
pub(crate) fn new_run(id: &str) -> String {
    format!("{}{NEW_SUFFIX}", run(id))
}

/// True if a file in the runs folder belongs to a run that is beginning, or that was killed while
/// it began.
pub(crate) fn is_new_run(name: &str) -> bool {
    name.strip_suffix(NEW_SUFFIX).is_some_and(|name| run_of(name).is_some())
}

/// Returns the run of a lock file in the runs folder; `None` for the files of guards.
pub(crate) fn run_of(name: &str) -> Option<&str> {
    name.strip_suffix(RUN_SUFFIX)
}

/// True if a file is an unfinished snapshot.
pub(crate) fn is_temp(name: &str) -> bool {
    name.starts_with(TEMP_PREFIX)
}

/// True if a file is a journal that was not set aside.
pub(crate) fn is_journal(name: &str) -> bool {
    name.starts_with(JOURNAL_PREFIX) && !name.ends_with(ORPHAN_SUFFIX) && !name.contains(TORN_INFIX)
}

/// Returns the generation in a journal's name.
pub(crate) fn generation_of(journal: &str) -> Option<u64> {
    journal.strip_prefix(JOURNAL_PREFIX)?.split('-').next()?.parse().ok()
}

/// Returns the name of the folder for a repair's copies. It contains the time to the second,
/// without characters that some systems refuse.
pub(crate) fn backup(now: Timestamp) -> String {
    let text = now.to_string();
    let digits = text.chars().take_while(|character| *character != '.').filter(char::is_ascii_alphanumeric);
    format!("{BACKUP_PREFIX}{}Z", digits.filter(|character| *character != 'Z').collect::<String>())
}

/// True if a file or folder was set aside after damage, for the user to inspect.
pub(crate) fn is_kept_aside(name: &str) -> bool {
    let was_journal = name.ends_with(ORPHAN_SUFFIX) || name.contains(TORN_INFIX);
    name.starts_with(BACKUP_PREFIX) || (name.starts_with(JOURNAL_PREFIX) && was_journal)
}

/// True if a name read from a snapshot is valid and can belong only to a journal.
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
