//! `queue repair` and `queue export`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use serde_json::Value;

use crate::harness::{Place, end_of, wait_until};

const SNAPSHOT: &str = "QUEUE-STATE.json";

/// A place with the journal of a run that was killed in the middle: `a` and `b` are completed, `c` is being processed.
pub(crate) fn place_with_journal() -> Place {
    let place = Place::with_queue(&["a", "b", "c", "d"]);
    let run = place.start(["run", "-q", "--shell", "test {/} != c || touch {//}/begun; test {/} != c || sleep 1000"]);
    wait_until("the third file is begun", || place.path("begun").exists());
    // It may have begun before the second one was settled.
    wait_until("the second file is completed", || place.status_of("b") == "completed");
    place.kill(run);
    place
}

pub(crate) fn journal(place: &Place) -> PathBuf {
    let journal = place.bytes().into_keys().find(|path| path.to_string_lossy().contains(".journal."));
    journal.expect("what a run that died leaves")
}

/// The same with a flipped bit in the journal's second line.
fn damaged_place() -> Place {
    let place = place_with_journal();
    let mut bytes = fs::read(journal(&place)).expect("the journal");
    let first = bytes.iter().position(|byte| *byte == b'\n').expect("a line");
    bytes[first + 20] ^= 1;
    fs::write(journal(&place), bytes).expect("the journal");
    place
}

#[test]
fn where_nothing_is_damaged_nothing_is_done() {
    for place in [Place::new(), Place::with_queue(&["a"]), place_with_journal()] {
        let before = place.bytes();
        for words in [&["queue", "repair"][..], &["queue", "repair", "--apply", "truncate"]] {
            assert!(place.ask(words).expect_code(0).out.contains("nothing is damaged"));
        }
        assert!(before == place.bytes());
    }
}

#[test]
fn a_dry_run_tells_every_choice_and_changes_nothing() {
    let place = damaged_place();
    let before = place.bytes();
    let answer = place.ask(["queue", "repair"]).expect_code(65);
    for words in
        ["damaged: ", "byte ", "--apply truncate", "--apply salvage", "--apply use-snapshot", "nothing was changed"]
    {
        assert!(answer.out.contains(words), "no {words:?} in {answer:?}");
    }
    let json = place.json_of(65, ["queue", "repair"]);
    assert_eq!(json["sound"], false);
    assert_eq!(json["choices"].as_array().expect("a list").len(), 3);
    assert!(before == place.bytes());
}

#[test]
fn the_error_of_damage_names_the_repair() {
    let answer = damaged_place().ask(["queue", "list"]).expect_error(65, "damaged");
    assert!(answer.err.contains("autoproc queue repair"), "{answer:?}");
}

#[test]
fn each_choice_mends_and_keeps_a_copy() {
    // The second line is the first completion and the second claim: `a` was claimed before it.
    for (choice, completed) in [("truncate", 0), ("use-snapshot", 0), ("salvage", 1)] {
        let place = damaged_place();
        let before = place.bytes();
        let answer = place.ask(["queue", "repair", "--apply", choice]).expect_code(0);
        assert!(answer.out.contains(&format!("mended by {choice}")), "{answer:?}");
        let items = place.items();
        assert_eq!(items.len(), 4, "no file is lost by {choice}");
        let done = items.iter().filter(|item| item["status"] == "completed").count();
        assert!(done >= completed, "{choice}: {items:?}");
        let after = place.bytes();
        for (path, bytes) in &before {
            if path.ends_with(SNAPSHOT) || path.to_string_lossy().contains(".journal.") {
                let is_copy = |other: &&PathBuf| {
                    other.to_string_lossy().contains("/backup-") && other.file_name() == path.file_name()
                };
                let copy = after.keys().find(is_copy).expect("a copy");
                assert!(&after[copy] == bytes, "{}", copy.display());
            }
        }
        place.ask(["run", "-q", "--", "true"]).expect_code(0);
        assert!(place.items().iter().all(|item| item["status"] == "completed"));
    }
}

#[test]
fn a_choice_that_cannot_be_made_names_those_that_can() {
    let place = Place::with_queue(&["a", "b"]);
    let path = place.state(SNAPSHOT);
    let text = fs::read_to_string(&path).expect("the snapshot");
    fs::write(&path, text.replacen("\"priority\":0", "\"priority\":?", 1)).expect("the snapshot");
    let before = place.bytes();
    let answer = place.ask(["queue", "repair", "--apply", "truncate"]).expect_error(2, "cannot mend");
    assert!(answer.err.contains("--apply salvage"), "{answer:?}");
    assert!(before == place.bytes());
    place.ask(["queue", "repair", "--apply", "salvage"]).expect_code(0);
    assert_eq!(place.names(), ["b"]);
}

#[test]
fn a_living_run_or_a_held_lock_keeps_it_away() {
    let place = Place::with_queue(&["a"]);
    let run = place.start(["run", "-q", "--shell", "touch {//}/begun; while ! test -e {//}/go; do sleep 0.05; done"]);
    wait_until("the file is begun", || place.path("begun").exists());
    for words in [&["queue", "repair"][..], &["queue", "repair", "--apply", "truncate"]] {
        let answer = place.ask(words).expect_error(75, "the run ");
        assert!(answer.err.contains("autoproc stop"), "{answer:?}");
    }
    place.write("go", "");
    end_of(run).expect_code(0);
    let lock = File::open(place.state("QUEUE-STATE.lock")).expect("the lock");
    lock.lock().expect("nobody else holds it");
    place.ask(["queue", "repair", "--lock-timeout", "100ms"]).expect_error(75, "locked");
}

#[test]
fn an_export_is_the_truth_while_a_run_goes_on() {
    let place = Place::with_queue(&["a", "b"]);
    let script = "test {/} != b || touch {//}/begun; while test {/} = b && ! test -e {//}/go; do sleep 0.05; done";
    let run = place.start(["run", "-q", "--shell", script]);
    wait_until("the second file is begun", || place.path("begun").exists());
    let answer = place.ask(["queue", "export"]).expect_code(0);
    let document: Value = serde_json::from_str(&answer.out).expect("a document");
    assert_eq!(document["version"], "1.0.0");
    assert!(document.get("store").is_none());
    let statuses: Vec<_> = document["items"].as_array().expect("a list").iter().map(|item| &item["status"]).collect();
    assert_eq!(statuses, ["completed", "processing"]);
    place.write("go", "");
    end_of(run).expect_code(0);
    let elsewhere = Place::new();
    elsewhere.write(format!(".claude/mission-control/{SNAPSHOT}"), &answer.out);
    assert_eq!(elsewhere.status_of(&place.path("a").to_string_lossy()), "completed");
}

#[test]
fn names_are_exported_and_listed_byte_for_byte() {
    let place = Place::new();
    let name = OsStr::from_bytes(b"a\x7f\x1b[1mb");
    place.write(name, "");
    place.ask([OsStr::new("queue"), OsStr::new("add"), name]).expect_code(0);
    let document: Value = serde_json::from_str(&place.ask(["queue", "export"]).out).expect("a document");
    for item in [&document["items"][0], &place.items()[0]] {
        assert!(item["file_path"].as_str().expect("a path").ends_with("a\u{7f}\u{1b}[1mb"), "{item}");
    }
}
