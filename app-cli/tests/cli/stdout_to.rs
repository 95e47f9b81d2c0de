//! `run --stdout-to`: one result a file, whole or not at all.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use crate::fixture::{Answer, TempProject, end_of, wait_until};

/// Runs a shell command with `--stdout-to` and without retries.
fn run(project: &TempProject, code: i32, files: &[&str], pattern: &str, script: &str) -> Answer {
    let words = ["run", "-r0", "--again", "--stdout-to", pattern, "--shell", script];
    project.ask(words.iter().chain(files)).expect_code(code)
}

fn names(project: &TempProject, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(project.path(folder)).into_iter().flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into()).collect();
    names.sort();
    names
}

fn read(project: &TempProject, name: &str) -> String {
    fs::read_to_string(project.path(name)).expect(name)
}

#[test]
fn a_tree_of_results_mirrors_the_folder() {
    let project = TempProject::new();
    for name in ["in/a", "in/x y/b"] {
        project.write(name, name);
    }
    run(&project, 0, &["in"], "out/{rel}.txt", "echo of; cat {}; echo kept apart >&2");
    assert_eq!(read(&project, "out/a.txt"), "of\nin/a");
    assert_eq!(read(&project, "out/x y/b.txt"), "of\nin/x y/b");
    assert_eq!(names(&project, "out/x y"), ["b.txt"], "no temporary file is left");
    let log = project.ask(["log", "in/a"]).expect_code(0).out;
    let result = project.path("out/a.txt");
    let line = format!("[autoproc: 7 bytes of standard output went to {}]\n", result.display());
    assert_eq!(log, format!("kept apart\n{line}"));
}

#[test]
fn a_failed_attempt_leaves_the_earlier_result() {
    let project = TempProject::new();
    project.write("a", "");
    run(&project, 100, &["a"], "out/{/}", ": {}; echo part; exit 3");
    assert_eq!(names(&project, "out"), [""; 0]);
    assert_eq!(project.ask(["log", "a"]).expect_code(0).out, "[autoproc: 5 bytes of standard output were discarded]\n");
    run(&project, 0, &["a"], "out/{/}", ": {}; echo first");
    run(&project, 100, &["a"], "out/{/}", ": {}; echo second; exit 3");
    assert_eq!(read(&project, "out/a"), "first\n");
    run(&project, 0, &["a"], "out/{/}", ": {}; echo third");
    assert_eq!(read(&project, "out/a"), "third\n", "a later success replaces it");
    let accepted =
        ["run", "a", "--again", "--ok-exit", "3", "--stdout-to", "out/{/}", "--shell", ": {}; echo fourth; exit 3"];
    project.ask(accepted).expect_code(0);
    assert_eq!(read(&project, "out/a"), "fourth\n", "a status that counts as success");
}

#[test]
fn the_second_file_with_the_same_result_fails() {
    let project = TempProject::new();
    for name in ["in/a.gif", "in/a.png", "in/b.png"] {
        project.write(name, name);
    }
    let answer = run(&project, 100, &["in"], "out/{/.}", "cat {}");
    let (owner, result) = (project.path("in/a.gif"), project.path("out/a"));
    let reason = format!("{} gets the standard output of {} in this run", result.display(), owner.display());
    assert!(answer.err.contains(&reason), "{answer:?}");
    assert!(answer.out.starts_with("processed 2, failed 1, retried 0, "), "{answer:?}");
    assert_eq!((read(&project, "out/a"), names(&project, "out")), ("in/a.gif".into(), vec!["a".into(), "b".into()]));
}

#[test]
fn the_file_itself_is_never_replaced() {
    let project = TempProject::new();
    project.write("a", "precious");
    let answer = run(&project, 100, &["a"], "{//}/{/}", ": {}; echo gone");
    assert!(answer.err.contains("would replace the file itself"), "{answer:?}");
    assert_eq!(
        (read(&project, "a"), names(&project, "")),
        ("precious".into(), vec![".claude".into(), "a".into(), "logs".into()])
    );
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure_with_a_reason() {
    let project = TempProject::new();
    project.write("a", "");
    project.write("file", "");
    let answer = run(&project, 100, &["a"], "file/{/}", ": {}; echo lost");
    assert!(
        answer.err.contains("cannot write the standard output to ") && answer.err.contains("Not a directory"),
        "{answer:?}"
    );
    let long = format!("out/{{/}}{}", "x".repeat(250));
    let answer = run(&project, 100, &["a"], &long, ": {}; echo lost");
    assert!(answer.err.contains("File name too long"), "{answer:?}");
}

#[test]
fn relative_patterns_are_below_the_folder_of_the_run() {
    let project = TempProject::with_queue(&["in/a"]);
    let mut command = project.command(["run", "--stdout-to", "{/}.out", "--", "echo", "word"]);
    let status = command.current_dir(project.path("in")).output().expect("the binary").status;
    assert!(status.success());
    assert_eq!(names(&project, "in"), ["a", "a.out"]);
}

#[test]
fn names_of_any_bytes_are_kept() {
    let project = TempProject::new();
    let name = OsStr::from_bytes(b"in/\xffnew\nline");
    project.write(name, "");
    run(&project, 0, &["in"], "out/{rel}.txt", "printf %s {/}");
    let result = project.path("out").join(OsStr::from_bytes(b"\xffnew\nline.txt"));
    assert_eq!(fs::read(result).expect("a result"), b"\xffnew\nline");
    let log = project.ask(["log", "1"]).expect_code(0).out;
    assert_eq!(log.lines().count(), 1, "a name never forges a line: {log:?}");
}

/// The parent of the command is its guard.
#[test]
fn a_killed_guard_leaves_no_temporary_file() {
    let project = TempProject::new();
    project.write("a", "");
    run(&project, 100, &["a"], "out/{/}", ": {}; echo part; ls out/.a.autoproc >&2 && kill -9 $PPID; sleep 60");
    assert_eq!(names(&project, "out"), [""; 0]);
}

#[test]
fn after_a_killed_run_the_next_one_completes_the_result() {
    fn words(script: &str) -> [&str; 7] {
        ["run", "a", "-q", "--stdout-to", "out/{/}", "--shell", script]
    }
    let project = TempProject::new();
    project.write("a", "");
    // The guard is stopped first, so that it cannot notice the death of its run and clean up.
    let kill = "kill -STOP $PPID; kill -9 $(cut -d' ' -f4 /proc/$PPID/stat) $PPID";
    let killed = project.start(words(&format!(": {{}}; echo a longer beginning; {kill}; sleep 60")));
    assert_eq!(end_of(killed).code, 128 + 9);
    wait_until("the temporary file is there", || names(&project, "out") == [".a.autoproc"]);
    project.ask(words(": {}; echo whole")).expect_code(0);
    assert_eq!((read(&project, "out/a"), names(&project, "out")), ("whole\n".into(), vec!["a".into()]));
}

#[test]
fn a_pattern_that_cannot_be_right_is_refused() {
    let project = TempProject::with_queue(&["a"]);
    for (pattern, why) in [
        ("{}", "it names the file itself"),
        ("out.txt", "it gives all files the same name"),
        ("out/{//}/", "it names a folder"),
    ] {
        let answer = project.ask(["run", "--stdout-to", pattern, "--", "true"]);
        answer.expect_error(2, &format!("--stdout-to {pattern}: {why}"));
    }
    project
        .ask(["run", "--stdout-to", "{rel}.x", "--workflow", "wf"])
        .expect_error(2, "--stdout-to applies to a command");
    assert_eq!(project.status_of("a"), "pending");
}

#[test]
fn another_pattern_is_another_recipe() {
    let project = TempProject::new();
    project.write("a", "");
    let words = |pattern| ["run", "a", "-q", "--stdout-to", pattern, "--", "echo"];
    for pattern in ["one/{/}", "two/{/}"] {
        project.ask(words(pattern)).expect_code(0);
    }
    fs::remove_file(project.path("two/a")).expect("a result");
    project.ask(words("two/{/}")).expect_code(0);
    assert_eq!((names(&project, "one").len(), names(&project, "two").len()), (1, 0));
}

#[test]
fn a_dry_run_shows_the_result() {
    let project = TempProject::new();
    project.write("in/a b", "");
    let words = ["run", "in", "--dry-run", "--stdout-to", "out/{rel}", "--shell", "cat {}"];
    let result = project.path("out/a b");
    let answer = project.ask(words).expect_code(0);
    assert!(answer.out.ends_with(&format!(" > '{}'\n", result.display())), "{answer:?}");
    assert_eq!(project.json(words)["stdout_to"], result.to_str().expect("text"));
    assert!(!project.path("out").exists());
}

/// Another user who can write to the folder of the results could otherwise block the run for ever.
#[test]
fn a_fifo_in_the_place_of_the_temporary_file_is_refused() {
    let project = TempProject::with_queue(&["a"]);
    fs::create_dir(project.path("out")).expect("the folder");
    let made = Command::new("mkfifo").arg(project.path("out/.a.autoproc")).status();
    assert!(made.expect("mkfifo(1)").success());
    let mut run = project.program("timeout");
    run.args([
        "-k",
        "1",
        "60",
        env!("CARGO_BIN_EXE_autoproc"),
        "run",
        "-r",
        "0",
        "--stdout-to",
        "out/{/}",
        "--",
        "cat",
    ]);
    let run = Answer::from(run.output().expect("timeout(1)")).expect_code(100);
    assert!(run.err.contains("not a regular file"), "{run:?}");
}
