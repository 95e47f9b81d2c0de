use std::fs;
use std::os::unix::fs::PermissionsExt;

use autoproc_domain::ports::{Runs, Storage};
use autoproc_domain::request::{Remove, Selector};
use autoproc_domain::view::{EnqueueOutcome, Enqueued};
use autoproc_json_store::Mode;
use autoproc_testkit::block_on;

use crate::temp_store::{SNAPSHOT, TempStore, add, at, claim, complete_one, files, later, new_item, path};

fn mode_of(temp: &TempStore, name: &str) -> u32 {
    fs::metadata(temp.path(name)).unwrap().permissions().mode() & 0o777
}

#[test]
fn opening_and_reading_create_nothing() {
    let temp = TempStore::new();
    let store = temp.open(Mode::Command);
    assert_eq!(files(&store).unwrap(), Vec::<String>::new());
    assert!(block_on(store.live()).unwrap().is_empty());
    assert!(block_on(store.dead()).unwrap().is_empty());
    block_on(store.close()).unwrap();
    assert!(!temp.state_dir().exists());
}

#[test]
fn a_small_queue_is_one_file_after_every_command() {
    let temp = TempStore::new();
    for number in 0..5 {
        let store = temp.open(Mode::Command);
        add(&store, &format!("/file-{number}")).unwrap();
        assert_eq!(temp.names(), ["QUEUE-STATE.json", "QUEUE-STATE.lock", "runs"]);
        let text = fs::read_to_string(temp.path(SNAPSHOT)).unwrap();
        assert!(text.contains(&format!("/file-{number}")));
    }
}

#[test]
fn a_run_journals_and_leaves_one_file_at_its_close() {
    let temp = TempStore::new();
    let store = temp.open(Mode::Service);
    add(&store, "/a").unwrap();
    let snapshot = fs::read(temp.path(SNAPSHOT)).unwrap();
    add(&store, "/b").unwrap();
    complete_one(&store).unwrap();
    assert_eq!(fs::read(temp.path(SNAPSHOT)).unwrap(), snapshot, "changes go to the journal");
    assert!(temp.has_journal());
    block_on(store.close()).unwrap();
    assert!(!temp.has_journal());
    let text = fs::read_to_string(temp.path(SNAPSHOT)).unwrap();
    assert!(text.contains("completed") && text.contains("/b"), "{text}");
}

#[test]
fn a_large_queue_keeps_its_snapshot_and_appends() {
    let temp = TempStore::new();
    let batch = (0..3000).map(|number| new_item(format!("/long/path/of/file-{number}"), 0)).collect();
    block_on(temp.open(Mode::Command).enqueue(later(batch), at(0))).unwrap();
    let snapshot = fs::read(temp.path(SNAPSHOT)).unwrap();
    for file in ["/one", "/two"] {
        let store = temp.open(Mode::Command);
        add(&store, file).unwrap();
        block_on(store.close()).unwrap();
    }
    assert_eq!(fs::read(temp.path(SNAPSHOT)).unwrap(), snapshot);
    assert_eq!(files(&temp.open(Mode::Command)).unwrap().len(), 3002);
}

#[test]
fn additions_to_a_medium_queue_are_appended_and_folded_by_the_next_command_that_loads_it() {
    let temp = TempStore::new();
    let batch = (0..400).map(|number| new_item(format!("/long/path/of/file-{number}"), 0)).collect();
    block_on(temp.open(Mode::Command).enqueue(later(batch), at(0))).unwrap();
    assert!(!temp.has_journal());
    let outcomes = block_on(temp.open(Mode::Command).enqueue(later(vec![new_item("/one", 0)]), at(0))).unwrap();
    assert_eq!(outcomes, [Enqueued { outcome: EnqueueOutcome::Accepted, item: None }]);
    assert!(temp.has_journal());
    block_on(temp.open(Mode::Command).remove(Remove(vec![Selector::Path(path("/one"))]), at(0))).unwrap();
    assert!(!temp.has_journal());
    assert_eq!(files(&temp.open(Mode::Command)).unwrap().len(), 400);
}

#[test]
fn a_journal_that_outgrows_the_snapshot_is_checkpointed() {
    let temp = TempStore::new();
    let store = temp.open(Mode::Service);
    add(&store, "/first").unwrap();
    let mut longest = 0;
    for batch in 0..80 {
        let items = (0..200).map(|number| new_item(format!("/batch-{batch}/file-{number}"), 0)).collect();
        block_on(store.enqueue(later(items), at(0))).unwrap();
        if temp.has_journal() {
            longest = longest.max(fs::metadata(temp.journal()).unwrap().len());
        }
    }
    let snapshot = fs::metadata(temp.path(SNAPSHOT)).unwrap().len();
    assert!(snapshot > 500_000, "no checkpoint was made: {snapshot}");
    assert!(longest <= (1024 * 1024).max(2 * snapshot), "{longest}");
    drop(store);
    assert_eq!(files(&temp.open(Mode::Command)).unwrap().len(), 16001);
}

#[test]
fn leftovers_of_dead_processes_are_removed() {
    let temp = TempStore::new();
    add(&temp.open(Mode::Command), "/a").unwrap();
    fs::write(temp.path("QUEUE-STATE.json.tmp-dead"), "half").unwrap();
    fs::write(temp.path("QUEUE-STATE.journal.0-old"), "").unwrap();
    add(&temp.open(Mode::Command), "/a").unwrap();
    assert_eq!(temp.names(), ["QUEUE-STATE.json", "QUEUE-STATE.lock", "runs"]);
}

#[test]
fn a_journal_with_later_transactions_than_the_snapshot_is_kept() {
    let temp = TempStore::new();
    let store = temp.open(Mode::Service);
    add(&store, "/a").unwrap();
    let backup = fs::read(temp.path(SNAPSHOT)).unwrap();
    add(&store, "/b").unwrap();
    let journal = fs::read(temp.journal()).unwrap();
    block_on(store.close()).unwrap();
    drop(store);
    // Restores an older snapshot that names another journal.
    fs::write(temp.path(SNAPSHOT), String::from_utf8(backup).unwrap().replace("journal.1-", "journal.1-x")).unwrap();
    fs::write(temp.path("QUEUE-STATE.journal.1-feed"), &journal).unwrap();
    let store = temp.open(Mode::Command);
    add(&store, "/c").unwrap();
    assert_eq!(files(&store).unwrap(), ["/a", "/c"]);
    assert_eq!(fs::read(temp.path("QUEUE-STATE.journal.1-feed.orphan")).unwrap(), journal);
    assert!(temp.notices().iter().any(|notice| notice.contains("orphan")));
}

#[test]
fn new_files_are_the_owners_alone_and_a_changed_mode_stays() {
    let temp = TempStore::new();
    let store = temp.open(Mode::Service);
    add(&store, "/a").unwrap();
    add(&store, "/b").unwrap();
    assert_eq!(mode_of(&temp, SNAPSHOT), 0o600);
    assert_eq!(mode_of(&temp, temp.journal().file_name().unwrap().to_str().unwrap()), 0o600);
    fs::set_permissions(temp.path(SNAPSHOT), fs::Permissions::from_mode(0o644)).unwrap();
    claim(&store, "run", 1).unwrap();
    block_on(store.close()).unwrap();
    assert_eq!(mode_of(&temp, SNAPSHOT), 0o644);
}
