//! The names of the store's files, all relative to the state folder.

use autoproc_domain::Timestamp;

/// The snapshot.
pub(crate) const SNAPSHOT: &str = "QUEUE-STATE.json";
/// What the snapshot was before this program first wrote it, where it came from the original program or a person.
pub(crate) const ORIGINAL: &str = "QUEUE-STATE.original.json";
/// The lock. Never renamed, never removed: a lock on a file that another takes the place of excludes nobody.
pub(crate) const LOCK: &str = "QUEUE-STATE.lock";
/// The folder of the run locks.
pub(crate) const RUNS: &str = "runs";

/// What the folder of a copy made by a repair begins with.
pub(crate) const BACKUP_PREFIX: &str = "backup-";

const TEMP_PREFIX: &str = "QUEUE-STATE.json.tmp-";
const JOURNAL_PREFIX: &str = "QUEUE-STATE.journal.";
const ORPHAN_SUFFIX: &str = ".orphan";
const TORN_INFIX: &str = ".torn.";
const RUN_SUFFIX: &str = ".lock";
/// What follows that while the run is only beginning.
const NEW_SUFFIX: &str = ".new";

/// Of a run's id, what its file is named by: more than twice a UUID.
const RUN_NAME: usize = 100;
/// Of a journal's name, what may follow its prefix: the longest generation there is, and a nonce.
const JOURNAL_ID: usize = 64;

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

/// The lock that a run holds for life. An id that somebody else made up leads to no file but one in that folder, and to no
/// name longer than a name may be (`NAME_MAX`, 255 bytes: limits.h).
pub(crate) fn run(id: &str) -> String {
    let fits = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    let id: String = id.chars().take(RUN_NAME).map(|character| if fits(character) { character } else { '%' }).collect();
    format!("{RUNS}/{id}{RUN_SUFFIX}")
}

/// The same until it is held: no run's lock yet.
pub(crate) fn new_run(id: &str) -> String {
    format!("{}{NEW_SUFFIX}", run(id))
}

/// Whether a file in the runs folder is of a run that is beginning, or was killed then.
pub(crate) fn is_new_run(name: &str) -> bool {
    name.strip_suffix(NEW_SUFFIX).is_some_and(|name| run_of(name).is_some())
}

/// The run that a file in the runs folder is the lock of. Others beside it are those of the run's guards.
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

/// The generation that a journal's name tells.
pub(crate) fn generation_of(journal: &str) -> Option<u64> {
    journal.strip_prefix(JOURNAL_PREFIX)?.split('-').next()?.parse().ok()
}

/// Where a repair at this moment keeps its copy: to the second, without the signs that other systems do not take in names.
pub(crate) fn backup(now: Timestamp) -> String {
    let text = now.to_string();
    let digits = text.chars().take_while(|character| *character != '.').filter(char::is_ascii_alphanumeric);
    format!("{BACKUP_PREFIX}{}Z", digits.filter(|character| *character != 'Z').collect::<String>())
}

/// Whether a file or folder was put aside after some trouble, for a person to look at.
pub(crate) fn is_kept_aside(name: &str) -> bool {
    let was_journal = name.ends_with(ORPHAN_SUFFIX) || name.contains(TORN_INFIX);
    name.starts_with(BACKUP_PREFIX) || (name.starts_with(JOURNAL_PREFIX) && was_journal)
}

/// Whether a name that somebody wrote down can be a journal's, and so none of another file or folder.
pub(crate) fn is_journal_name(name: &str) -> bool {
    let id = name.strip_prefix(JOURNAL_PREFIX);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    id.is_some_and(|id| id.len() <= JOURNAL_ID && id.bytes().all(fits))
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
