use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use autoproc_domain::Status;
use autoproc_domain::ports::{Runs, Storage, StorageError};
use autoproc_domain::request::RecoverRequest;
use autoproc_json_store::{JsonStore, Mode};
use autoproc_testkit::block_on;
use serde_json::Value;

use crate::temp_store::{
    SNAPSHOT, TempStore, add, at, claim, complete_one, files, find, items, later, new_item, path, status,
};

const ORIGINAL: &str = include_str!("../golden/original.json");

fn document(temp: &TempStore) -> Value {
    serde_json::from_slice(&fs::read(temp.path(SNAPSHOT)).unwrap()).unwrap()
}

#[test]
fn a_file_of_the_original_program_opens_as_it_is() {
    let temp = TempStore::with_snapshot(ORIGINAL);
    let store = temp.open(Mode::Command);
    let read = items(&store).unwrap();
    let facts: Vec<_> =
        read.iter().map(|item| (item.file_path.to_string(), item.status, item.priority.get(), item.attempts)).collect();
    let expected = [
        ("/project/inbox/CG/transcript 01.txt", Status::Pending, 10, 0),
        ("/srv/inbox/JM/call.md", Status::Processing, 0, 2),
        ("/project/inbox/slow.mp4", Status::Timeout, 0, 3),
        ("/project/inbox/broken.zip", Status::Failed, 0, 3),
        ("/project/inbox/ação.pdf", Status::Completed, -1, 1),
    ];
    assert_eq!(facts, expected.map(|(file, status, priority, attempts)| (file.to_owned(), status, priority, attempts)));
    assert_eq!(read[0].added_at.as_micros() % 1_000_000, 123_456);
    assert_eq!(read[0].last_attempt, None);
    assert_eq!(fs::read_to_string(temp.path(SNAPSHOT)).unwrap(), ORIGINAL, "reading changes nothing");
}

#[test]
fn a_file_of_the_original_program_is_kept_before_it_is_first_written() {
    let temp = TempStore::with_snapshot(ORIGINAL);
    let store = temp.open(Mode::Command);
    add(&store, "/new.txt").unwrap();
    assert_eq!(fs::read_to_string(temp.path("QUEUE-STATE.original.json")).unwrap(), ORIGINAL);
    add(&store, "/newer.txt").unwrap();
    assert_eq!(fs::read_to_string(temp.path("QUEUE-STATE.original.json")).unwrap(), ORIGINAL);
    let item = &document(&temp)["items"][0];
    for key in ["file_path", "priority", "added_at", "attempts", "last_attempt", "status"] {
        assert!(item.get(key).is_some(), "{key} is missing in {item}");
    }
    assert_eq!(document(&temp)["version"], "1.0.0");
}

#[test]
fn an_item_in_processing_of_the_original_program_belongs_to_a_dead_run() {
    let temp = TempStore::with_snapshot(ORIGINAL);
    let store = temp.open(Mode::Command);
    let dead = block_on(store.dead()).unwrap();
    assert_eq!(dead.len(), 1);
}

#[test]
fn unknown_keys_survive() {
    let temp = TempStore::with_snapshot(
        r#"{"version": "1.0.0", "note": {"by": "Ana"}, "items": [{"file_path": "/a", "tag": [1, 2]}, {"file_path": "/b"}]}"#,
    );
    let store = temp.open(Mode::Service);
    add(&store, "/c").unwrap();
    add(&store, "/d").unwrap();
    block_on(store.close()).unwrap();
    drop(store);
    add(&temp.open(Mode::Command), "/e").unwrap();
    let document = document(&temp);
    assert_eq!(document["note"]["by"], "Ana");
    assert_eq!(document["items"][0]["tag"], serde_json::json!([1, 2]));
    assert_eq!(document["items"].as_array().unwrap().len(), 5);
}

#[test]
fn a_person_may_reorder_and_add_entries() {
    let temp = TempStore::new();
    let store = temp.open(Mode::Command);
    for file in ["/a", "/b", "/c"] {
        add(&store, file).unwrap();
    }
    drop(store);
    let mut edited = document(&temp);
    let list = edited["items"].as_array_mut().unwrap();
    list.reverse();
    list.insert(1, serde_json::json!({"file_path": "/by-hand"}));
    fs::write(temp.path(SNAPSHOT), serde_json::to_string_pretty(&edited).unwrap()).unwrap();
    let store = temp.open(Mode::Command);
    assert_eq!(files(&store).unwrap(), ["/c", "/by-hand", "/b", "/a"]);
    add(&store, "/d").unwrap();
    assert_eq!(files(&store).unwrap(), ["/c", "/by-hand", "/b", "/a", "/d"]);
    let ids: Vec<_> = items(&store).unwrap().iter().map(|item| item.id.get()).collect();
    assert_eq!((ids[0], ids[2], ids[3]), (3, 2, 1), "an item keeps its id");
    assert!(ids[1] > 3 && ids[4] > ids[1], "{ids:?}");
    drop(store);
    assert_eq!(files(&temp.open(Mode::Command)).unwrap(), ["/c", "/by-hand", "/b", "/a", "/d"]);
}

#[test]
fn entries_of_one_path_are_merged() {
    let temp = TempStore::with_snapshot(
        r#"{"version": "1.0.0", "items": [{"file_path": "/a", "priority": 1}, {"file_path": "/a", "priority": 2},
            {"file_path": "/a", "status": "completed"}]}"#,
    );
    let store = temp.open(Mode::Command);
    let item = find(&store, "/a").unwrap();
    assert_eq!((item.priority.get(), item.status, item.round), (2, Status::Pending, 3), "the later of the live ones");
    assert_eq!(items(&store).unwrap().len(), 1);
    assert_eq!(temp.notices(), ["2 entries of QUEUE-STATE.json were each merged with another of the same path"]);
}

#[test]
fn paths_that_are_not_utf_8_survive() {
    let temp = TempStore::new();
    let raw = Path::new(OsStr::from_bytes(b"/in/\xff\xfe name"));
    for mode in [Mode::Service, Mode::Command] {
        let store = temp.open(mode);
        block_on(store.enqueue(later(vec![new_item(raw, 3)]), at(0))).unwrap();
        assert_eq!(items(&store).unwrap()[0].file_path, path(raw));
    }
    assert_eq!(document(&temp)["items"][0]["file_path_bytes"], "2f696e2ffffe206e616d65");
    assert_eq!(items(&temp.open(Mode::Command)).unwrap()[0].file_path, path(raw));
}

#[test]
fn an_invalid_document_is_refused_and_unchanged() {
    let unusable = [
        ("", "the empty file"),
        ("{\"version\": \"1.0.0\", \"items\": [", "half a file"),
        ("[1, 2]", "another document"),
        ("{\"items\": []}", "no version"),
        ("{\"version\": 3, \"items\": []}", "a version that is none"),
        ("{\"version\": \"1.0.0\"}", "no items"),
        ("{\"version\": \"1.0.0\", \"items\": [{\"file_path\": \"/a\", \"status\": \"resting\"}]}", "no such status"),
        ("{\"version\": \"1.0.0\", \"items\": [{\"priority\": 1}]}", "an item without a path"),
        ("{\"version\": \"1.0.0\", \"items\": [{\"file_path\": \"/a\", \"priority\": 5000000000}]}", "a huge priority"),
    ];
    for (text, case) in unusable {
        let temp = TempStore::with_snapshot(text);
        let store = temp.open(Mode::Command);
        assert!(matches!(items(&store), Err(StorageError::Damaged { .. })), "reading {case}");
        assert!(matches!(add(&store, "/x"), Err(StorageError::Damaged { .. })), "adding to {case}");
        assert_eq!(fs::read_to_string(temp.path(SNAPSHOT)).unwrap(), text, "{case} was changed");
    }
}

#[test]
fn a_newer_version_is_refused_and_left_alone() {
    for version in ["1.0.1", "1.1.0", "2.0.0"] {
        let text = format!("{{\"version\": \"{version}\", \"entries\": {{}}}}");
        let temp = TempStore::with_snapshot(&text);
        let store = temp.open(Mode::Command);
        assert!(matches!(items(&store), Err(StorageError::Unsupported { .. })));
        assert!(matches!(add(&store, "/x"), Err(StorageError::Unsupported { .. })));
        assert_eq!(fs::read_to_string(temp.path(SNAPSHOT)).unwrap(), text);
    }
}

#[test]
fn an_unknown_status_names_the_entry_and_the_words_there_are() {
    let temp = TempStore::with_snapshot(
        "{\"version\": \"1.0.0\", \"items\": [{\"file_path\": \"/a\"}, {\"file_path\": \"/b\", \"status\": \"resting\"}]}",
    );
    let error = items(&temp.open(Mode::Command)).unwrap_err().to_string();
    for word in ["QUEUE-STATE.json", "item 2", "resting", "pending", "timeout"] {
        assert!(error.contains(word), "{word} is missing in: {error}");
    }
}

#[test]
fn a_file_that_went_is_no_longer_queued_after_a_reopen() {
    let temp = TempStore::new();
    let store = temp.open(Mode::Service);
    add(&store, "/a").unwrap();
    add(&store, "/b").unwrap();
    complete_one(&store).unwrap();
    claim(&store, "run", 1).unwrap();
    drop(store);
    let store = temp.open(Mode::Command);
    assert_eq!((status(&store, "/a"), status(&store, "/b")), (Some(Status::Completed), Some(Status::Processing)));
}

#[test]
fn a_folder_of_version_1_opens_as_it_is() {
    let temp = TempStore::new();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/version-1");
    for folder in ["", "runs"] {
        fs::create_dir_all(temp.path(folder)).unwrap();
        let files = fs::read_dir(golden.join(folder)).unwrap().map(Result::unwrap);
        for file in files.filter(|file| file.path().is_file()) {
            fs::copy(file.path(), temp.path(folder).join(file.file_name())).unwrap();
        }
    }
    let store = temp.open(Mode::Service);
    let facts = |name: &str| {
        let item = find(&store, &format!("/srv/v1/in/{name}.txt")).unwrap();
        (item.id.get(), item.status, item.attempts, item.round)
    };
    let expected = [
        ("a", (5, Status::Completed, 1, 1)),
        ("b", (6, Status::Pending, 1, 1)),
        ("c", (3, Status::Failed, 1, 1)),
        ("d", (8, Status::Processing, 1, 1)),
        ("e", (7, Status::Completed, 1, 1)),
    ];
    assert_eq!(expected.map(|(name, _)| facts(name)), expected.map(|(_, expected)| expected));
    let waiting = find(&store, "/srv/v1/in/b.txt").unwrap();
    assert_eq!(waiting.backoff.map(|backoff| backoff.ordered_at), waiting.last_attempt);
    let dead = block_on(store.dead()).unwrap();
    let request = RecoverRequest { runs: dead.iter().map(|dead| dead.run.clone()).collect(), max_attempts: 4 };
    let place = dead[0].location.as_ref().map(ToString::to_string);
    assert_eq!((dead.len(), place.as_deref()), (1, Some("process 16096 on vm")));
    let recovered = block_on(store.recover(request, at(0))).unwrap();
    assert_eq!(recovered[0].item.id.get(), 8);
    let before = items(&store).unwrap();
    block_on(store.close()).unwrap();
    assert_eq!(items(&temp.open(Mode::Command)).unwrap(), before);
}

#[test]
fn a_journal_of_version_1_after_an_edit_means_the_numbers_of_version_1() {
    let temp = TempStore::with_snapshot(&edited(r#"{"id":2,"file_path":"/b"},{"id":1,"file_path":"/a"}"#));
    write_journal(&temp, "", r#"[{"reprioritise":{"id":3,"priority":9}}]"#);
    let store = temp.open(Mode::Command);
    assert_eq!(find(&store, "/a").unwrap().priority.get(), 9, "the number of version 1");
    fs::remove_file(temp.path("QUEUE-STATE.journal.1-aa")).unwrap();
    assert_eq!(find(&temp.open(Mode::Command), "/a").unwrap().id.get(), 1, "without a journal the ids stay");
}

#[test]
fn version_1_gave_a_second_live_entry_no_number() {
    let entries = r#"{"file_path":"/e","status":"failed"},{"file_path":"/a"},{"file_path":"/b"},{"file_path":"/a","priority":7},
        {"file_path":"/a","status":"completed"},{"file_path":"/c"},{"file_path":"/e","status":"failed"}"#;
    let temp = TempStore::with_snapshot(&edited(entries));
    // The items by id: 3 is the older `/e`, 4 is `/a`, 5 is `/b`, 6 is the ended `/a`, 7 is `/c`,
    // and 8 is the newer `/e`.
    let claims: Vec<_> = (4..=7)
        .filter(|id| *id != 6)
        .map(|id| format!(r#"{{"claim":{{"id":{id},"run":"r","at":"2026-11-22T13:16:00.000000Z"}}}}"#))
        .collect();
    let others = r#"{"complete":{"id":5}},{"remove":{"id":6}},{"remove":{"id":3}},{"requeue":{"id":8}}"#;
    write_journal(&temp, "", &format!("[{},{others}]", claims.join(",")));
    let facts = |store| {
        let facts =
            items(&store).unwrap().into_iter().map(|item| (item.id.get(), item.file_path.to_string(), item.status));
        let mut facts: Vec<_> = facts.collect();
        facts.sort();
        facts
    };
    let expected = [
        (4, "/a", Status::Processing),
        (5, "/b", Status::Completed),
        (7, "/c", Status::Processing),
        (8, "/e", Status::Pending),
    ]
    .map(|(id, path, status)| (id, path.to_owned(), status));
    assert_eq!(facts(temp.open(Mode::Command)), expected);
    add(&temp.open(Mode::Command), "/new").unwrap();
    assert!(!temp.has_journal(), "the first change ends the journal of version 1");
    assert_eq!(facts(temp.open(Mode::Command))[..4], expected);
}

#[test]
fn a_journal_of_version_1_over_a_later_snapshot_means_the_numbers_of_version_1() {
    let temp = TempStore::with_snapshot(&edited(r#"{"id":2,"file_path":"/b"},{"id":1,"sequence":3,"file_path":"/a"}"#));
    write_journal(&temp, "", r#"[{"reprioritise":{"id":3,"priority":9}}]"#);
    assert_eq!(find(&temp.open(Mode::Command), "/a").unwrap().priority.get(), 9);
}

#[test]
fn a_journal_of_this_version_after_an_edit_means_the_ids_in_the_list() {
    let temp = TempStore::with_snapshot(&edited(r#"{"id":2,"file_path":"/b"},{"id":1,"file_path":"/a"}"#));
    write_journal(&temp, r#","numbering":"kept""#, r#"[{"reprioritise":{"id":1,"priority":9}}]"#);
    assert_eq!(find(&temp.open(Mode::Command), "/a").unwrap().priority.get(), 9);
}

#[test]
fn an_empty_journal_changes_no_id() {
    let temp = TempStore::with_snapshot(&edited(r#"{"id":2,"file_path":"/b"},{"id":1,"file_path":"/a"}"#));
    fs::write(temp.path("QUEUE-STATE.journal.1-aa"), "").unwrap();
    assert_eq!(find(&temp.open(Mode::Command), "/a").unwrap().id.get(), 1);
}

fn edited(items: &str) -> String {
    let store = r#"{"id":"s","generation":1,"seq":2,"next_id":3,"next_claim":1,"journal":"QUEUE-STATE.journal.1-aa"}"#;
    format!("{{\"version\": \"1.0.0\", \"store\": {store}, \"items\": [{items}]}}")
}

fn write_journal(temp: &TempStore, numbering: &str, ops: &str) {
    let snapshot = fs::read(temp.path(SNAPSHOT)).unwrap();
    let (len, crc) = (snapshot.len(), crc32c::crc32c(&snapshot));
    let header = format!(
        r#""header":{{"store":"s","generation":1,"seq":2,"snapshot_len":{len},"snapshot_crc":"{crc:08x}"{numbering}}}"#
    );
    let body = format!(r#"{header},"p":"00000000","s":3,"ops":{ops}}}"#);
    let line = format!("{{\"c\":\"{:08x}\",{body}\n", crc32c::crc32c(body.as_bytes()));
    fs::write(temp.path("QUEUE-STATE.journal.1-aa"), line).unwrap();
}

#[test]
fn new_entries_get_ids_above_all_others_of_the_list() {
    for separator in [", ", ",\n"] {
        let entries = [
            r#"{"file_path":"/new"}"#,
            r#"{"id":1,"file_path":"/a"}"#,
            r#"{"id":1,"file_path":"/copy"}"#,
            r#"{"id":2,"file_path":"/b"}"#,
        ];
        let list = entries.join(separator);
        let temp = TempStore::with_snapshot(&format!("{{\n\"version\": \"1.0.0\",\n\"items\": [\n{list}\n]\n}}\n"));
        let ids = |store: &JsonStore| ["/a", "/b"].map(|file| find(store, file).unwrap().id.get());
        let store = temp.open(Mode::Command);
        assert_eq!(ids(&store), [1, 2]);
        assert_eq!(files(&store).unwrap(), ["/new", "/a", "/copy", "/b"]);
        add(&store, "/c").unwrap();
        assert_eq!(ids(&temp.open(Mode::Command)), [1, 2]);
    }
}

#[test]
fn a_copied_line_is_the_same_item() {
    let temp = TempStore::with_snapshot(
        r#"{"version": "1.0.0", "items": [{"id": 4, "file_path": "/a"}, {"id": 4, "file_path": "/a"}]}"#,
    );
    let ids: Vec<_> = items(&temp.open(Mode::Command)).unwrap().iter().map(|item| item.id.get()).collect();
    assert_eq!(ids, [4]);
}
