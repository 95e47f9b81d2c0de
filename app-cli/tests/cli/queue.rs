//! `queue …` and `retry-failed`: the specified forms, and those beyond.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::harness::{Place, list_of};

#[test]
fn a_file_is_added_with_and_without_a_priority() {
    let place = Place::new();
    place.write("a.pdf", "");
    place.write("b.pdf", "");
    let answer = place.ask(["queue", "add", "a.pdf"]).expect_code(0);
    assert_eq!(answer.out, format!("added {}\n", place.path("a.pdf").display()));
    assert_eq!(answer.err, "");
    place.ask(["queue", "add", "b.pdf", "5"]).expect_code(0);
    place.write("c.pdf", "");
    place.ask(["queue", "add", "c.pdf", "-5"]).expect_code(0);
    assert_eq!(place.names(), ["b.pdf", "a.pdf", "c.pdf"]);
    assert_eq!(place.items()[2]["priority"], -5);
}

#[test]
fn an_integer_second_word_is_the_priority_and_a_path_names_the_file() {
    let place = Place::new();
    for name in ["a", "5"] {
        place.write(name, "");
    }
    place.ask(["queue", "add", "a", "5"]).expect_code(0);
    assert_eq!(place.names(), ["a"]);
    place.ask(["queue", "add", "a", "./5"]).expect_code(0);
    assert_eq!(place.names(), ["a", "5"]);
}

#[test]
fn several_files_have_one_priority() {
    let place = Place::new();
    for name in ["a", "b", "c"] {
        place.write(name, "");
    }
    let answer = place.ask(["queue", "add", "a", "b", "c", "-p", "-3"]).expect_code(0);
    assert!(answer.out.ends_with("3 files added\n"), "{answer:?}");
    assert!(place.items().iter().all(|item| item["priority"] == -3));
}

#[test]
fn a_file_added_twice_stands_once_and_its_priority_only_rises() {
    let place = Place::with_queue(&["a"]);
    assert!(place.ask(["queue", "add", "a", "7"]).expect_code(0).out.starts_with("raised "));
    assert!(place.ask(["queue", "add", "a", "3"]).expect_code(0).out.starts_with("already there: "));
    assert_eq!(place.names(), ["a"]);
    assert_eq!(place.items()[0]["priority"], 7);
}

#[test]
fn a_missing_file_is_queued_with_a_warning() {
    let place = Place::new();
    let answer = place.ask(["queue", "add", "later.pdf"]).expect_code(0);
    assert!(answer.err.starts_with("warning: "), "{answer:?}");
    assert_eq!(place.names(), ["later.pdf"]);
}

#[test]
fn names_that_begin_with_a_dash_follow_two_dashes() {
    let place = Place::new();
    place.write("-n", "");
    place.ask(["queue", "add", "--", "-n"]).expect_code(0);
    place.write("-7", "");
    place.ask(["queue", "add", "--", "-7"]).expect_code(0);
    assert_eq!(place.names(), ["-n", "-7"]);
}

#[test]
fn a_folder_is_walked_by_name_without_hidden_files_and_without_our_own() {
    let place = Place::with_queue(&["sub/b"]);
    for name in ["sub/a", "sub/deep/c", "sub/.hidden", "sub/.git/x", "z", "logs/attempts/1.1.1.log"] {
        place.write(name, "");
    }
    place.ask(["queue", "add", "."]).expect_code(0);
    assert_eq!(place.names(), ["b", "a", "c", "z"]);
    place.ask(["queue", "add", "--hidden", "."]).expect_code(0);
    assert_eq!(place.names(), ["b", "a", "c", "z", "x", ".hidden"]);
}

#[test]
fn lists_are_read_by_line_or_by_nul() {
    let place = Place::new();
    for name in ["a b", "c\nd", "e", "f"] {
        place.write(name, "");
    }
    place.tell(["queue", "add", "-"], b"a b\n\ne\n").expect_code(0);
    place.tell(["queue", "add", "-0", "-"], b"c\nd\0").expect_code(0);
    let list = place.write("list", "f\n");
    place.ask([OsStr::new("queue"), OsStr::new("add"), OsStr::new("--from-file"), list.as_os_str()]).expect_code(0);
    assert_eq!(place.names(), ["a b", "e", "c\nd", "f"]);
}

#[test]
fn names_survive_whatever_their_bytes_are() {
    let place = Place::new();
    let name = OsStr::from_bytes(b"caf\xe9\x1b[2J");
    place.write(name, "");
    let answer = place.ask([OsStr::new("queue"), OsStr::new("add"), name]).expect_code(0);
    assert!(answer.out.contains("caf\u{fffd}\\u{1b}[2J"), "{answer:?}");
    let item = place.items().remove(0);
    assert!(item["file_path_bytes"].as_str().expect("hex").ends_with("636166e91b5b324a"), "{item}");
    place.ask([OsStr::new("queue"), OsStr::new("remove"), name]).expect_code(0);
    assert!(place.names().is_empty());
}

#[test]
fn many_files_are_one_transaction_and_one_line() {
    let place = Place::new();
    let answer = place.tell(["queue", "add", "-"], &list_of(20_000)).expect_code(0);
    assert_eq!(answer.out, "20000 files added\n");
    assert_eq!(answer.err.lines().count(), 21, "twenty warnings and the sum of the others");
    assert_eq!(place.ask(["queue", "size"]).out, "20000\n");
}

#[test]
fn size_is_a_bare_number() {
    let place = Place::new();
    assert_eq!(place.ask(["queue", "size"]).expect_code(0).out, "0\n");
    assert!(!place.path(".claude").exists(), "looking creates nothing");
    let place = Place::with_queue(&["a", "b"]);
    assert_eq!(place.ask(["queue", "size"]).expect_code(0).out, "2\n");
    assert_eq!(place.json(["queue", "size"])["size"], 2);
}

#[test]
fn list_filters_and_limits() {
    let place = Place::with_queue(&["a", "b", "c"]);
    let answer = place.ask(["queue", "list", "-n", "2"]).expect_code(0);
    let columns: Vec<_> = answer.out.lines().map(|line| line.split('\t').collect::<Vec<_>>()).collect();
    assert_eq!(columns.len(), 2);
    assert_eq!(columns[0][..4], ["1", "pending", "0", "0"]);
    assert!(answer.err.contains("more"), "{answer:?}");
    assert_eq!(place.json(["queue", "list", "-n", "2"])["more"], true);
    let none = place.ask(["queue", "list", "--status", "failed"]).expect_code(0);
    assert_eq!(none.out, "");
}

#[test]
fn peek_names_what_would_be_taken() {
    let place = Place::with_queue(&["a", "b"]);
    place.ask(["queue", "prioritise", "b", "1"]).expect_code(0);
    assert_eq!(place.ask(["queue", "peek"]).expect_code(0).out, format!("{}\n", place.path("b").display()));
    assert_eq!(place.ask(["queue", "size"]).out, "2\n", "it is still there");
    let empty = Place::new();
    assert_eq!(empty.ask(["queue", "peek"]).expect_code(0).out, "");
    assert!(empty.json(["queue", "peek"]).is_null());
}

#[test]
fn show_takes_a_file_or_its_number() {
    let place = Place::with_queue(&["a"]);
    let by_file = place.ask(["queue", "show", "a"]).expect_code(0);
    assert!(by_file.out.contains("pending"), "{by_file:?}");
    assert_eq!(place.json(["queue", "show", "a"]), place.json(["queue", "show", "1"]));
}

#[test]
fn prioritise_has_two_spellings() {
    let place = Place::with_queue(&["a", "b"]);
    place.ask(["queue", "prioritise", "b", "3"]).expect_code(0);
    place.ask(["queue", "prioritize", "a", "-3"]).expect_code(0);
    assert_eq!(place.names(), ["b", "a"]);
}

#[test]
fn remove_is_all_or_nothing() {
    let place = Place::with_queue(&["a", "b", "c"]);
    place.ask(["queue", "remove", "a", "nowhere"]).expect_error(2, "is not in the queue");
    assert_eq!(place.names(), ["a", "b", "c"]);
    place.ask(["queue", "remove", "a", "c"]).expect_code(0);
    assert_eq!(place.names(), ["b"]);
}

#[test]
fn clear_says_what_went() {
    let place = Place::with_queue(&["a", "b", "bad"]);
    place.ask(["run", "-r0", "-q", "--shell", "test {/} != bad"]).expect_code(100);
    place.write("new", "");
    place.ask(["queue", "add", "new"]).expect_code(0);
    let some = place.ask(["queue", "clear", "--status", "completed"]).expect_code(0);
    assert_eq!(some.out, "2 files cleared: 2 completed\n");
    let rest = place.json(["queue", "clear"]);
    assert_eq!((&rest["cleared"]["pending"], &rest["cleared"]["failed"]), (&1.into(), &1.into()));
    assert!(place.names().is_empty());
}

#[test]
fn retry_failed_gives_another_round() {
    let place = Place::with_queue(&["a", "b"]);
    place.ask(["run", "-r0", "-q", "--", "false"]).expect_code(100);
    place.ask(["retry-failed", "nowhere"]).expect_error(2, "is not in the queue");
    assert_eq!(place.ask(["retry-failed", "a"]).expect_code(0).out, "1 file requeued\n");
    assert_eq!((place.status_of("a").as_str(), place.status_of("b").as_str()), ("pending", "failed"));
    place.ask(["retry-failed", "a"]).expect_error(2, "is pending, not failed");
    assert_eq!(place.json(["retry-failed"])["requeued"], 1);
    assert_eq!(place.ask(["retry-failed"]).expect_code(0).out, "0 files requeued\n");
}

#[test]
fn the_project_is_found_from_below() {
    let place = Place::with_queue(&["a"]);
    place.write("deep/down/b", "");
    let mut add = place.command(["queue", "add", "b"]);
    assert!(add.current_dir(place.path("deep/down")).output().expect("the binary").status.success());
    assert_eq!(place.names(), ["a", "b"]);
    assert!(!place.path("deep/down/.claude").exists());
    let elsewhere = Place::new();
    let size = elsewhere.command(["queue", "size"]).env("CLAUDE_PROJECT_DIR", place.path("")).output();
    assert_eq!(size.expect("the binary").stdout, b"2\n");
}

#[test]
fn the_state_of_the_original_program_opens_as_it_is() {
    let place = Place::new();
    let original = r#"{"version": "1.0.0", "items": [{"file_path": "inbox/a.pdf", "priority": 3,
        "added_at": "2025-11-30T10:00:00.123456", "attempts": 1, "last_attempt": null, "status": "pending"}]}"#;
    place.write(".claude/mission-control/QUEUE-STATE.json", original);
    let items = place.items();
    assert_eq!(items[0]["priority"], 3);
    assert_eq!(items[0]["file_path"].as_str(), place.path("inbox/a.pdf").to_str());
}
