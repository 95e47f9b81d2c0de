use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use serde_json::Value;

use crate::fixture::{TempProject, end_of, wait_until};

const SNAPSHOT: &str = "QUEUE-STATE.json";

pub(crate) fn place_with_journal() -> TempProject {
    let project = TempProject::with_queue(&["a", "b", "c", "d"]);
    let run = project.start(["run", "-q", "--shell", "test {/} != c || touch {//}/begun; test {/} != c || sleep 1000"]);
    wait_until("the third file is begun", || project.path("begun").exists());
    // The third file may begin before the result of the second file is recorded.
    wait_until("the second file is completed", || project.status_of("b") == "completed");
    // A line is acknowledged once the lock file contains the new length of the journal.
    wait_until("the last line is acknowledged", || {
        let length = fs::metadata(journal(&project)).expect("the journal").len();
        let lock = fs::read(project.state("QUEUE-STATE.lock")).expect("the lock file");
        String::from_utf8_lossy(&lock).contains(&format!("\\\"offset\\\":{length},"))
    });
    project.kill(run);
    project
}

pub(crate) fn journal(project: &TempProject) -> PathBuf {
    let journal = project.bytes().into_keys().find(|path| path.to_string_lossy().contains(".journal."));
    journal.expect("what a run that died leaves")
}

/// Like [`place_with_journal`], but with a flipped bit in the journal's second line.
pub(crate) fn damaged_place() -> TempProject {
    let project = place_with_journal();
    let mut bytes = fs::read(journal(&project)).expect("the journal");
    let first = bytes.iter().position(|byte| *byte == b'\n').expect("a line");
    bytes[first + 20] ^= 1;
    fs::write(journal(&project), bytes).expect("the journal");
    project
}

#[test]
fn where_nothing_is_damaged_nothing_is_done() {
    for project in [TempProject::new(), TempProject::with_queue(&["a"]), place_with_journal()] {
        let before = project.bytes();
        for words in [&["queue", "repair"][..], &["queue", "repair", "--apply", "truncate"]] {
            assert!(project.ask(words).expect_code(0).out.contains("nothing is damaged"));
        }
        assert!(before == project.bytes());
    }
}

#[test]
fn a_dry_run_tells_every_choice_and_changes_nothing() {
    let project = damaged_place();
    let before = project.bytes();
    let answer = project.ask(["queue", "repair"]).expect_code(65);
    for words in
        ["damaged: ", "byte ", "--apply truncate", "--apply salvage", "--apply use-snapshot", "nothing was changed"]
    {
        assert!(answer.out.contains(words), "no {words:?} in {answer:?}");
    }
    let json = project.json_of(65, ["queue", "repair"]);
    assert_eq!(json["sound"], false);
    assert_eq!(json["choices"].as_array().expect("a list").len(), 3);
    assert!(before == project.bytes());
}

#[test]
fn the_error_of_damage_names_the_repair() {
    let answer = damaged_place().ask(["queue", "list"]).expect_error(65, "damaged");
    assert!(answer.err.contains("autoproc queue repair"), "{answer:?}");
}

#[test]
fn each_choice_mends_and_keeps_a_copy() {
    // The damaged second line contains the completion of `a` and the claim of `b`. The first line
    // contains the claim of `a`.
    for (choice, completed) in [("truncate", 0), ("use-snapshot", 0), ("salvage", 1)] {
        let project = damaged_place();
        let before = project.bytes();
        let answer = project.ask(["queue", "repair", "--apply", choice]).expect_code(0);
        assert!(answer.out.contains(&format!("repaired by {choice}")), "{answer:?}");
        let items = project.items();
        assert_eq!(items.len(), 4, "no file is lost by {choice}");
        let done = items.iter().filter(|item| item["status"] == "completed").count();
        assert!(done >= completed, "{choice}: {items:?}");
        let after = project.bytes();
        for (path, bytes) in &before {
            if path.ends_with(SNAPSHOT) || path.to_string_lossy().contains(".journal.") {
                let is_copy = |other: &&PathBuf| {
                    other.to_string_lossy().contains("/backup-") && other.file_name() == path.file_name()
                };
                let copy = after.keys().find(is_copy).expect("a copy");
                assert!(&after[copy] == bytes, "{}", copy.display());
            }
        }
        project.ask(["run", "-q", "--", "true"]).expect_code(0);
        assert!(project.items().iter().all(|item| item["status"] == "completed"));
    }
}

#[test]
fn a_run_that_lost_its_journal_writes_what_it_knows_and_refuses() {
    let project = TempProject::with_queue(&["a", "b", "c"]);
    let run = project.start([
        "run",
        "--shell",
        "test {/} != b || { touch {//}/begun; until test -e {//}/go; do sleep 0.01; done; }",
    ]);
    wait_until("the second file is begun", || project.path("begun").exists());
    wait_until("the first file is completed", || project.status_of("a") == "completed");
    fs::remove_file(journal(&project)).expect("removed");
    project.write("go", "");
    let answer = end_of(run).expect_error(65, "saved changes are missing");
    assert!(answer.err.contains("QUEUE-STATE.rescued-"), "{answer:?}");
    project.ask(["queue", "list"]).expect_error(65, "saved changes are missing");
    project.ask(["queue", "add", "d"]).expect_error(65, "saved changes are missing");
    let doctor = project.ask(["doctor"]).expect_code(65);
    assert!(doctor.out.contains("keep these files until the queue is repaired"), "{doctor:?}");
    let choices = project.ask(["queue", "repair"]).expect_code(65);
    assert!(
        choices.out.contains("\n\nautoproc queue repair --apply use-rescued\n  the queue as a run knew it"),
        "{choices:?}"
    );
    let [first, ..] =
        &*choices.out.lines().filter(|line| line.starts_with("autoproc queue repair --apply")).collect::<Vec<_>>()
    else {
        panic!("no choice: {choices:?}");
    };
    assert_eq!(*first, "autoproc queue repair --apply use-rescued");
    let repaired = project.ask(["queue", "repair", "--apply", "use-rescued"]).expect_code(0);
    assert!(repaired.out.ends_with("the queue can be used again: `autoproc run` continues with it\n"), "{repaired:?}");
    assert_eq!(["a", "b"].map(|name| project.status_of(name)), ["completed", "completed"]);
    project.ask(["run", "-q", "--", "true"]).expect_code(0);
    assert_eq!(project.status_of("c"), "completed");
}

#[test]
fn a_journal_that_lost_its_last_line_is_refused() {
    for cut in [1, 40] {
        let project = place_with_journal();
        let bytes = fs::read(journal(&project)).expect("the journal");
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let last = lines.next_back().expect("a line").len();
        let left = if cut == 1 { bytes.len() - last } else { bytes.len() - last - cut };
        fs::write(journal(&project), &bytes[..left]).expect("written");
        let files = || project.bytes().into_iter().filter(|(path, _)| !path.ends_with("QUEUE-STATE.lock"));
        let before = files().collect::<Vec<_>>();
        project.ask(["status"]).expect_error(65, "saved changes are missing");
        project.ask(["run", "--", "true"]).expect_error(65, "saved changes are missing");
        project.ask(["queue", "repair"]).expect_code(65);
        assert!(before == files().collect::<Vec<_>>());
        project.ask(["queue", "repair", "--apply", "truncate"]).expect_code(0);
        project.ask(["run", "-q", "--", "true"]).expect_code(0);
    }
}

#[test]
fn a_choice_that_cannot_be_made_names_those_that_can() {
    let project = TempProject::with_queue(&["a", "b"]);
    let path = project.state(SNAPSHOT);
    let text = fs::read_to_string(&path).expect("the snapshot");
    fs::write(&path, text.replacen("\"priority\":0", "\"priority\":?", 1)).expect("the snapshot");
    let before = project.bytes();
    let answer = project.ask(["queue", "repair", "--apply", "truncate"]).expect_error(2, "cannot repair");
    assert!(answer.err.contains("--apply salvage"), "{answer:?}");
    assert!(before == project.bytes());
    project.ask(["queue", "repair", "--apply", "salvage"]).expect_code(0);
    assert_eq!(project.names(), ["b"]);
}

#[test]
fn a_living_run_or_a_held_lock_keeps_it_away() {
    let project = TempProject::with_queue(&["a"]);
    let run = project.start(["run", "-q", "--shell", "touch {//}/begun; while ! test -e {//}/go; do sleep 0.05; done"]);
    wait_until("the file is begun", || project.path("begun").exists());
    for words in [&["queue", "repair"][..], &["queue", "repair", "--apply", "truncate"]] {
        let answer = project.ask(words).expect_error(75, "the run ");
        assert!(answer.err.contains("autoproc stop"), "{answer:?}");
    }
    project.write("go", "");
    end_of(run).expect_code(0);
    let lock = File::open(project.state("QUEUE-STATE.lock")).expect("the lock");
    lock.lock().expect("no other process holds it");
    project.ask(["queue", "repair", "--lock-timeout", "100ms"]).expect_error(75, "locked");
}

#[test]
fn an_export_is_the_truth_while_a_run_goes_on() {
    let project = TempProject::with_queue(&["a", "b"]);
    let script = "test {/} != b || touch {//}/begun; while test {/} = b && ! test -e {//}/go; do sleep 0.05; done";
    let run = project.start(["run", "-q", "--shell", script]);
    wait_until("the second file is begun", || project.path("begun").exists());
    let answer = project.ask(["queue", "export"]).expect_code(0);
    let document: Value = serde_json::from_str(&answer.out).expect("a document");
    assert_eq!(document["version"], "1.0.0");
    assert!(document.get("store").is_none());
    let statuses: Vec<_> = document["items"].as_array().expect("a list").iter().map(|item| &item["status"]).collect();
    assert_eq!(statuses, ["completed", "pending"], "the claim is true only here");
    let elsewhere = TempProject::new();
    elsewhere.write(format!(".claude/mission-control/{SNAPSHOT}"), &answer.out);
    assert_eq!(elsewhere.status_of(&project.path("a").to_string_lossy()), "completed");
    let item = elsewhere.json(["queue", "show", &project.path("b").to_string_lossy()]);
    assert_eq!((&item["status"], &item["attempts"]), (&"pending".into(), &0.into()));
    elsewhere.ask(["run", "-q", "--", "true"]).expect_code(0);
    project.write("go", "");
    end_of(run).expect_code(0);
    assert_eq!(project.status_of("b"), "completed");
}

#[test]
fn names_are_exported_and_listed_byte_for_byte() {
    let project = TempProject::new();
    let name = OsStr::from_bytes(b"a\x7f\x1b[1mb");
    project.write(name, "");
    project.ask([OsStr::new("queue"), OsStr::new("add"), name]).expect_code(0);
    let document: Value = serde_json::from_str(&project.ask(["queue", "export"]).out).expect("a document");
    for item in [&document["items"][0], &project.items()[0]] {
        assert!(item["file_path"].as_str().expect("a path").ends_with("a\u{7f}\u{1b}[1mb"), "{item}");
    }
}
