use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::fixture::{TempProject, list_of};

#[test]
fn a_file_is_added_with_and_without_a_priority() {
    let project = TempProject::new();
    project.write("a.pdf", "");
    project.write("b.pdf", "");
    let answer = project.ask(["queue", "add", "a.pdf"]).expect_code(0);
    assert_eq!(answer.out, format!("added {}\n", project.path("a.pdf").display()));
    assert_eq!(answer.err, format!("new queue in {}\n", project.path("").display().to_string().trim_end_matches('/')));
    assert_eq!(project.ask(["queue", "add", "b.pdf", "5"]).expect_code(0).err, "");
    project.write("c.pdf", "");
    project.ask(["queue", "add", "c.pdf", "-5"]).expect_code(0);
    assert_eq!(project.names(), ["b.pdf", "a.pdf", "c.pdf"]);
    assert_eq!(project.items()[2]["priority"], -5);
}

#[test]
fn an_integer_second_word_is_the_priority_and_a_path_names_the_file() {
    let project = TempProject::new();
    for name in ["a", "5"] {
        project.write(name, "");
    }
    project.ask(["queue", "add", "a", "7"]).expect_code(0);
    assert_eq!((project.names(), &project.items()[0]["priority"]), (vec!["a".to_owned()], &7.into()));
    project.ask(["queue", "add", "a", "5"]).expect_error(2, "both a priority (an integer) and an existing file");
    project.ask(["queue", "add", "a", "./5"]).expect_code(0);
    assert_eq!(project.names(), ["a", "5"]);
}

#[test]
fn several_files_have_one_priority() {
    let project = TempProject::new();
    for name in ["a", "b", "c"] {
        project.write(name, "");
    }
    let answer = project.ask(["queue", "add", "a", "b", "c", "-p", "-3"]).expect_code(0);
    assert!(answer.out.ends_with("3 files added\n"), "{answer:?}");
    assert!(project.items().iter().all(|item| item["priority"] == -3));
}

#[test]
fn a_file_added_twice_stands_once_and_its_priority_only_rises() {
    let project = TempProject::with_queue(&["a"]);
    assert!(project.ask(["queue", "add", "a", "7"]).expect_code(0).out.starts_with("raised "));
    assert!(project.ask(["queue", "add", "a", "3"]).expect_code(0).out.starts_with("already there: "));
    assert_eq!(project.names(), ["a"]);
    assert_eq!(project.items()[0]["priority"], 7);
}

#[test]
fn a_missing_file_is_queued_with_a_warning() {
    let project = TempProject::new();
    let answer = project.ask(["queue", "add", "later.pdf"]).expect_code(0);
    assert!(answer.err.starts_with("warning: "), "{answer:?}");
    assert_eq!(project.names(), ["later.pdf"]);
}

#[test]
fn names_that_begin_with_a_dash_follow_two_dashes() {
    let project = TempProject::new();
    project.write("-n", "");
    project.ask(["queue", "add", "--", "-n"]).expect_code(0);
    project.write("-7", "");
    project.ask(["queue", "add", "--", "-7"]).expect_code(0);
    assert_eq!(project.names(), ["-n", "-7"]);
}

#[test]
fn a_folder_is_walked_by_name_without_hidden_files_and_without_our_own() {
    let project = TempProject::with_queue(&["sub/b"]);
    for name in ["sub/a", "sub/deep/c", "sub/.hidden", "sub/.git/x", "z", "logs/attempts/1.1.1.log"] {
        project.write(name, "");
    }
    project.ask(["queue", "add", "."]).expect_code(0);
    assert_eq!(project.names(), ["b", "a", "c", "z"]);
    project.ask(["queue", "add", "--hidden", "."]).expect_code(0);
    assert_eq!(project.names(), ["b", "a", "c", "z", "x", ".hidden"]);
}

#[test]
fn lists_are_read_by_line_or_by_nul() {
    let project = TempProject::new();
    for name in ["a b", "c\nd", "e", "f"] {
        project.write(name, "");
    }
    project.tell(["queue", "add", "-"], b"a b\n\ne\n").expect_code(0);
    project.tell(["queue", "add", "-0", "-"], b"c\nd\0").expect_code(0);
    let list = project.write("list", "f\n");
    project.ask([OsStr::new("queue"), OsStr::new("add"), OsStr::new("--from-file"), list.as_os_str()]).expect_code(0);
    assert_eq!(project.names(), ["a b", "e", "c\nd", "f"]);
}

#[test]
fn names_survive_whatever_their_bytes_are() {
    let project = TempProject::new();
    let name = OsStr::from_bytes(b"caf\xe9\x1b[2J");
    project.write(name, "");
    let answer = project.ask([OsStr::new("queue"), OsStr::new("add"), name]).expect_code(0);
    assert!(answer.out.contains("caf\u{fffd}\\u{1b}[2J"), "{answer:?}");
    let item = project.items().remove(0);
    assert!(item["file_path_bytes"].as_str().expect("hex").ends_with("636166e91b5b324a"), "{item}");
    project.ask([OsStr::new("queue"), OsStr::new("remove"), name]).expect_code(0);
    assert!(project.names().is_empty());
}

#[test]
fn many_files_are_one_transaction_and_one_line() {
    let project = TempProject::new();
    let answer = project.tell(["queue", "add", "-"], &list_of(20_000)).expect_code(0);
    assert_eq!(answer.out, "20000 files added\n");
    assert_eq!(answer.err.lines().count(), 22, "twenty warnings, the sum of the others, and the new queue");
    assert_eq!(project.ask(["queue", "size"]).out, "20000\n");
}

#[test]
fn an_ended_file_that_is_added_again_keeps_its_number_and_history() {
    let project = TempProject::with_queue(&["a", "b"]);
    let first = project.json(["queue", "show", "a"]);
    project.ask(["run", "-q", "--", "true"]).expect_code(0);
    assert_eq!(project.ask(["queue", "add", "a", "--again"]).expect_code(0).out.lines().count(), 1);
    let again = project.json(["queue", "show", "a"]);
    assert_eq!(
        (&again["id"], &again["round"], &again["attempts"], &again["status"]),
        (&first["id"], &2.into(), &0.into(), &"pending".into())
    );
    let history = again["history"].as_array().expect("a list");
    assert_eq!((history.len(), &history[0]["round"], &history[0]["end"]), (1, &1.into(), &"completed".into()));
    assert_eq!(project.names(), ["b", "a"], "at the end of its priority");
}

#[test]
fn size_is_a_bare_number() {
    let project = TempProject::new();
    assert_eq!(project.ask(["queue", "size"]).expect_code(0).out, "0\n");
    assert!(!project.path(".claude").exists(), "looking creates nothing");
    let project = TempProject::with_queue(&["a", "b"]);
    assert_eq!(project.ask(["queue", "size"]).expect_code(0).out, "2\n");
    assert_eq!(project.json(["queue", "size"])["size"], 2);
}

#[test]
fn list_filters_and_limits() {
    let project = TempProject::with_queue(&["a", "b", "c"]);
    let answer = project.ask(["queue", "list", "-n", "2"]).expect_code(0);
    let columns: Vec<_> = answer.out.lines().map(|line| line.split('\t').collect::<Vec<_>>()).collect();
    assert_eq!(columns.len(), 2);
    assert_eq!(columns[0][..4], ["1", "pending", "0", "0"]);
    assert!(answer.err.contains("more"), "{answer:?}");
    assert_eq!(project.json(["queue", "list", "-n", "2"])["more"], true);
    let none = project.ask(["queue", "list", "--status", "failed"]).expect_code(0);
    assert_eq!(none.out, "");
}

#[test]
fn peek_names_what_would_be_taken() {
    let project = TempProject::with_queue(&["a", "b"]);
    project.ask(["queue", "prioritise", "b", "1"]).expect_code(0);
    assert_eq!(project.ask(["queue", "peek"]).expect_code(0).out, format!("{}\n", project.path("b").display()));
    assert_eq!(project.ask(["queue", "size"]).out, "2\n", "it is still there");
    let empty = TempProject::new();
    assert_eq!(empty.ask(["queue", "peek"]).expect_code(0).out, "");
    assert!(empty.json(["queue", "peek"]).is_null());
}

#[test]
fn show_takes_a_file_or_its_number() {
    let project = TempProject::with_queue(&["a"]);
    let by_file = project.ask(["queue", "show", "a"]).expect_code(0);
    assert!(by_file.out.contains("pending"), "{by_file:?}");
    assert_eq!(project.json(["queue", "show", "a"]), project.json(["queue", "show", "1"]));
}

#[test]
fn prioritise_has_two_spellings() {
    let project = TempProject::with_queue(&["a", "b"]);
    project.ask(["queue", "prioritise", "b", "3"]).expect_code(0);
    project.ask(["queue", "prioritize", "a", "-3"]).expect_code(0);
    assert_eq!(project.names(), ["b", "a"]);
}

#[test]
fn remove_is_all_or_nothing() {
    let project = TempProject::with_queue(&["a", "b", "c"]);
    project.ask(["queue", "remove", "a", "nowhere"]).expect_error(2, "is not in the queue");
    assert_eq!(project.names(), ["a", "b", "c"]);
    project.ask(["queue", "remove", "a", "c"]).expect_code(0);
    assert_eq!(project.names(), ["b"]);
}

#[test]
fn clear_says_what_went() {
    let project = TempProject::with_queue(&["a", "b", "bad"]);
    project.ask(["run", "-r0", "-q", "--shell", "test {/} != bad"]).expect_code(100);
    project.write("new", "");
    project.ask(["queue", "add", "new"]).expect_code(0);
    let some = project.ask(["queue", "clear", "--status", "completed"]).expect_code(0);
    assert_eq!(some.out, "2 files cleared: 2 completed\n");
    let rest = project.json(["queue", "clear"]);
    assert_eq!((&rest["cleared"]["pending"], &rest["cleared"]["failed"]), (&1.into(), &1.into()));
    assert!(project.names().is_empty());
}

#[test]
fn retry_failed_gives_another_round() {
    let project = TempProject::with_queue(&["a", "b"]);
    project.ask(["run", "-r0", "-q", "--", "false"]).expect_code(100);
    project.ask(["retry-failed", "nowhere"]).expect_error(2, "is not in the queue");
    assert_eq!(project.ask(["retry-failed", "a"]).expect_code(0).out, "1 file requeued\n");
    assert_eq!((project.status_of("a").as_str(), project.status_of("b").as_str()), ("pending", "failed"));
    project.ask(["retry-failed", "a"]).expect_error(2, " is pending, neither failed");
    assert_eq!(project.json(["retry-failed"])["requeued"], 1);
    assert_eq!(project.ask(["retry-failed"]).expect_code(0).out, "0 files requeued\n");
}

#[test]
fn the_project_is_found_from_below() {
    let project = TempProject::with_queue(&["a"]);
    project.write("deep/down/b", "");
    let mut add = project.command(["queue", "add", "b"]);
    assert!(add.current_dir(project.path("deep/down")).output().expect("the binary").status.success());
    assert_eq!(project.names(), ["a", "b"]);
    assert!(!project.path("deep/down/.claude").exists());
    let elsewhere = TempProject::new();
    let size = elsewhere.command(["queue", "size"]).env("CLAUDE_PROJECT_DIR", project.path("")).output();
    assert_eq!(size.expect("the binary").stdout, b"2\n");
}

#[test]
fn the_state_of_the_original_program_opens_as_it_is() {
    let project = TempProject::new();
    let original = r#"{"version": "1.0.0", "items": [{"file_path": "inbox/a.pdf", "priority": 3,
        "added_at": "2025-11-30T10:00:00.123456", "attempts": 1, "last_attempt": null, "status": "pending"}]}"#;
    project.write(".claude/mission-control/QUEUE-STATE.json", original);
    let items = project.items();
    assert_eq!(items[0]["priority"], 3);
    assert_eq!(items[0]["file_path"].as_str(), project.path("inbox/a.pdf").to_str());
}
