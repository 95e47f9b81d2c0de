use std::fs::{self, File};
use std::os::unix::fs::symlink;

use crate::fixture::{Answer, TempProject, end_of, list_of};
use crate::repair::{journal, place_with_journal};

#[track_caller]
fn refused(project: &TempProject, words: &[&str], code: i32, says: &str) -> Answer {
    let before = project.bytes();
    let answer = project.ask(words).expect_error(code, says);
    assert!(before == project.bytes(), "the state has changed by {words:?}");
    answer
}

#[test]
fn words_that_make_no_sense_are_refused() {
    let project = TempProject::with_queue(&["a", "b"]);
    for (words, says) in [
        (&["frobnicate"][..], "frobnicate"),
        (&["queue", "frobnicate"], "frobnicate"),
        (&["queue", "add"], "required"),
        (&["queue", "add", ""], "empty"),
        (&["queue", "add", "a", "five"], "neither a priority"),
        (&["queue", "add", "a", "5.5"], "neither a priority"),
        (&["queue", "add", "a", "2147483648"], "between"),
        (&["queue", "add", "a", "-2147483649"], "between"),
        (&["queue", "add", "a", "-p", "2147483648"], "between"),
        (&["queue", "add", "a", "-p", "high"], "integer"),
        (&["queue", "add", "a", "5", "-p", "6"], "twice"),
        (&["queue", "prioritise", "a", "high"], "integer"),
        (&["queue", "prioritise", "a", "99999999999"], "between"),
        (&["queue", "list", "--status", "lost"], "lost"),
        (&["queue", "list", "-n", "many"], "many"),
        (&["queue", "show", "nowhere"], "not in the queue"),
        (&["queue", "show", "77"], "not in the queue"),
        (&["queue", "remove", "nowhere"], "not in the queue"),
        (&["queue", "prioritise", "nowhere", "1"], "not in the queue"),
        (&["retry-failed", "a"], "is pending"),
        (&["log", "nowhere"], "not in the queue"),
        (&["log", "77"], "not in the queue"),
        (&["log", "a", "--attempt", "0"], "0"),
        (&["log", "a", "--attempt", "3"], "attempt 3"),
        (&["queue", "size", "--lock-timeout", "soon"], "soon"),
        (&["queue", "size", "--color", "pink"], "pink"),
        (&["completions", "cobol"], "cobol"),
        (&["man", "frobnicate"], "frobnicate"),
        (&["man", ""], "a value is required for '[COMMAND]...'"),
        (&["migrate", "--from", "", "--to", "x"], "a value is required for '--from <PLACE>'"),
        (&["run", "a", "--stdout-to", "", "--", "wc"], "a value is required for '--stdout-to <PATTERN>'"),
        (&["run", "a", "--workflow", ""], "a value is required for '--workflow <ID|PATH>'"),
        (&["workflow", "check", ""], "a value is required for '<FILE>...'"),
        (&["workflow", "show", ""], "a value is required for '<ID|PATH>'"),
    ] {
        refused(&project, words, 2, says);
    }
}

#[test]
fn a_list_that_is_no_text_is_refused_in_few_words() {
    let project = TempProject::with_queue(&["a"]);
    let answer = project.tell(["queue", "add", "-"], &[0; 3_000]).expect_error(2, "contains a NUL byte");
    assert!(answer.err.len() < 1_000, "{} bytes are printed", answer.err.len());
    assert_eq!(refused(&project, &["queue", "add", ""], 2, "empty").err, "error: the path is empty\n");
}

#[test]
fn an_input_that_is_not_there_is_refused() {
    let project = TempProject::with_queue(&["a"]);
    for (words, says) in [
        (&["queue", "add", "nowhere", "--must-exist"][..], "does not exist"),
        (&["queue", "add", "no-folder/"], "there is no folder"),
        (&["run", "nowhere", "--", "true"], "does not exist"),
        (&["run", "no-folder/", "--", "true"], "there is no folder"),
    ] {
        refused(&project, words, 66, says);
    }
    let nothing = project.ask(["queue", "add", "*.pdf"]).expect_code(0);
    assert!(nothing.err.contains("nothing matches *.pdf"), "{nothing:?}");
    assert_eq!(project.names(), ["a"]);
}

/// A link to itself stands for all files that the user may not examine.
#[test]
fn a_file_that_cannot_be_examined_is_not_called_missing() {
    let project = TempProject::with_queue(&["a"]);
    symlink("loop", project.path("loop")).expect("a link");
    let problem = format!("{} cannot be examined: Too many levels", project.path("loop").display());
    for words in
        [&["queue", "add", "loop", "--must-exist"][..], &["queue", "add", "loop/"], &["run", "loop", "--", "true"]]
    {
        refused(&project, words, 66, &problem);
    }
    let added = project.ask(["queue", "add", "loop"]).expect_code(0);
    assert!(added.err.contains(&format!("warning: {problem}")) && !added.err.contains("does not exist"), "{added:?}");
    assert_eq!(project.names(), ["a", "loop"]);
    project.write("w.yaml", "workflow: {phases: [{id: p, steps: [{shell: 'true'}]}]}");
    let executed = project.ask(["workflow", "run", "./w.yaml", "--file", "loop"]).expect_code(0);
    assert!(executed.err.contains(&problem), "{executed:?}");
}

#[test]
fn a_run_that_makes_no_sense_touches_nothing() {
    let project = TempProject::with_queue(&["a"]);
    for (words, says) in [
        (&["run"][..], "no command"),
        (&["run", "b", "c"], "no command"),
        (&["run", "--"], "no command"),
        (&["run", "--", ""], "no command"),
        (&["run", "--shell", " "], "no command"),
        (&["run", "--shell", "x", "--", "true"], "cannot be used with"),
        (&["run", "--timeout", "0", "--", "true"], "0"),
        (&["run", "--timeout", "0s", "--", "true"], "0"),
        (&["run", "--timeout", "soon", "--", "true"], "soon"),
        (&["run", "--timeout=-5", "--", "true"], "negative"),
        (&["run", "--timeout", "99999999999999999999", "--", "true"], "at most"),
        (&["run", "-j", "100000", "--", "true"], "100000"),
        (&["run", "-j", "-1", "--", "true"], "from 1 to 256"),
        (&["run", "-r", "-1", "--", "true"], "a number from 0 to 4294967295"),
        (&["run", "--max-load", "-1", "--", "true"], "expected a load of 0 or more"),
        (&["run", "--no-retry-exit", "256", "--", "true"], "from 1 to 255"),
        (&["run", "--no-retry-exit", "0", "--", "true"], "from 1 to 255"),
        (&["run", "--backoff-base", "x", "--", "true"], "x"),
        (&["run", "--json", "--show-output", "--", "true"], "cannot be used with"),
        (&["run", "--input", "x=y", "--", "true"], "--input and --workflow-dir apply to workflows"),
        (&["run", "--workflow-dir", "w", "--shell", "true"], "--input and --workflow-dir apply to workflows"),
        (&["run", "--dry-run", "--", "frobnicate"], "there is no program frobnicate"),
    ] {
        refused(&project, words, 2, says);
        assert!(!project.path("logs").exists(), "{words:?} left a log");
    }
    assert!(
        refused(&project, &["run"], 2, "no command").err.contains("hint: give a command after two dashes"),
        "what to give is said"
    );
}

#[test]
fn a_project_folder_that_is_none_is_refused() {
    let project = TempProject::new();
    project.write("file", "");
    for folder in ["missing", "file"] {
        refused(&project, &["--project-dir", folder, "queue", "add", "x"], 73, "is not a folder");
    }
    let mut command = project.command(["queue", "size"]);
    let answer = Answer::from(command.env("AUTOPROC_PROJECT_DIR", "missing").output().expect("the binary"));
    answer.expect_error(73, "AUTOPROC_PROJECT_DIR");
    assert!(!project.path("missing").exists());
}

#[test]
fn a_file_in_the_place_of_the_state_folder_is_left_alone() {
    let project = TempProject::new();
    project.write("a", "");
    let obstacle = project.write(".claude/mission-control", "mine");
    for words in [&["queue", "add", "a"][..], &["stop"], &["run", "--", "true"]] {
        refused(&project, words, 73, "cannot ");
    }
    assert_eq!(fs::read(obstacle).expect("the file"), b"mine");
}

#[test]
fn damaged_and_foreign_states_are_refused_and_left_alone() {
    let item = r#"{"file_path": "/a", "priority": 0, "added_at": "2025-01-01T00:00:00", "attempts": 0,
        "last_attempt": null, "status": "STATUS"}"#;
    let queue = |version: &str, status: &str| {
        format!(r#"{{"version": "{version}", "items": [{}]}}"#, item.replace("STATUS", status))
    };
    for (text, code, says) in [
        ("not JSON".to_owned(), 65, "damaged"),
        (String::new(), 65, "damaged"),
        ("[]".to_owned(), 65, "damaged"),
        (queue("1.0.0", "pending").replace('}', ""), 65, "damaged"),
        (queue("1.0.0", "lost"), 65, "lost"),
        (queue("99.0.0", "pending"), 78, "99.0.0"),
    ] {
        let project = TempProject::new();
        project.write(".claude/mission-control/QUEUE-STATE.json", &text);
        for words in [
            &["queue", "list"][..],
            &["queue", "add", "b"],
            &["queue", "clear"],
            &["status"],
            &["retry-failed"],
            &["run", "-q", "--", "true"],
        ] {
            refused(&project, words, code, says);
        }
    }
}

#[test]
fn a_journal_with_a_flipped_byte_is_refused_and_left_alone() {
    let project = place_with_journal();
    let journal = journal(&project);
    let mut bytes = fs::read(&journal).expect("the journal");
    assert!(bytes.split(|byte| *byte == b'\n').count() > 3, "valid lines follow the damaged one");
    let middle = bytes.iter().position(|byte| *byte == b'\n').expect("a line") / 2;
    bytes[middle] ^= 0x01;
    fs::write(&journal, bytes).expect("the journal");
    for words in [&["queue", "list"][..], &["queue", "clear"], &["run", "-q", "--", "true"]] {
        refused(&project, words, 65, "damaged");
    }
}

#[test]
fn a_held_lock_names_its_holder() {
    let project = TempProject::with_queue(&[]);
    project.write("a", "");
    let add = project.start(["queue", "add", "a"]);
    let holder = format!("{}", add.id());
    end_of(add).expect_code(0);
    let lock = File::options().write(true).open(project.state("QUEUE-STATE.lock")).expect("the lock");
    lock.lock().expect("no other process holds it");
    refused(&project, &["queue", "add", "b", "--lock-timeout", "100ms"], 75, &holder);
    assert_eq!(project.ask(["queue", "size"]).expect_code(0).out, "1\n", "looking needs no lock");
    drop(lock);
    project.ask(["queue", "add", "b", "-p", "0"]).expect_code(0);
}

#[test]
fn a_list_or_folder_that_cannot_be_read_adds_nothing() {
    let project = TempProject::with_queue(&["a"]);
    refused(&project, &["queue", "add", "--from-file", "nowhere"], 74, "cannot read");
    refused(&project, &["queue", "add", "--from-file", "."], 74, "cannot read");
}

#[test]
fn nobody_listening_is_no_failure() {
    let project = TempProject::new();
    project.tell(["queue", "add", "-"], &list_of(20_000)).expect_code(0);
    let mut list = project.start(["queue", "list"]);
    drop(list.stdout.take());
    let answer = end_of(list).expect_code(0);
    assert_eq!(answer.err, "");
}

#[test]
fn a_command_that_cannot_be_found_is_refused_before_anything_is_touched() {
    let project = TempProject::with_queue(&["a", "b"]);
    for command in [&["no-such-program", "{}"][..], &["./missing"], &["echo {} | wc"], &["echo x | wc"]] {
        refused(&project, &[&["run", "c", "--"], command].concat(), 2, "there is no program");
    }
}

#[test]
fn a_change_that_cannot_be_reported_was_made_and_says_so() {
    let project = TempProject::new();
    project.write("a", "");
    for words in [&["queue", "add", "a"][..], &["--json", "queue", "prioritise", "a", "5"], &["queue", "remove", "a"]] {
        let full = File::options().write(true).open("/dev/full").expect("the device");
        let answer = Answer::from(project.command(words).stdout(full).output().expect("the binary"));
        let answer = answer.expect_error(74, "cannot write to standard output");
        assert!(answer.err.contains("hint: the queue was changed"), "{answer:?}");
    }
    assert_eq!(project.ask(["queue", "list"]).out, "");
}
