use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use crate::fixture::{Answer, TempProject, end_of, wait_until};

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
    let reason = format!("{} already holds the standard output of {}", result.display(), owner.display());
    assert!(answer.err.contains(&reason), "{answer:?}");
    assert!(answer.out.starts_with("processed 2, failed 1, retried 0, "), "{answer:?}");
    let expect_results = || {
        assert_eq!(read(&project, "out/a"), "in/a.gif");
        assert_eq!(names(&project, "out"), ["a", "b"]);
    };
    expect_results();
    // A later run refuses the same file for the same reason.
    let words = ["run", "-r0", "--stdout-to", "out/{/.}", "--shell", "cat {}"];
    project.ask(["retry-failed"]).expect_code(0);
    let answer = project.ask(words).expect_code(100);
    assert!(answer.err.contains(&reason), "{answer:?}");
    expect_results();
    let answer = project.ask(words.iter().chain(&["in"])).expect_code(100);
    assert!(answer.err.contains(&reason), "{answer:?}");
    expect_results();
    // The user has moved the result away.
    fs::rename(project.path("out/a"), project.path("kept")).expect("a result");
    project.ask(["retry-failed"]).expect_code(0);
    project.ask(words).expect_code(0);
    assert_eq!(read(&project, "out/a"), "in/a.png");
}

/// The attempts are short enough to run in batches.
#[test]
fn one_of_many_short_attempts_with_the_same_result_writes_it() {
    let project = TempProject::new();
    for number in 0..40 {
        for kind in ["gif", "png", "tif"] {
            project.write(format!("in/{number}.{kind}"), "");
        }
    }
    let answer = run(&project, 100, &["in", "-j3"], "out/{/.}", "echo {/}");
    assert!(answer.out.starts_with("processed 40, failed 80, "), "{answer:?}");
    let items = project.json(["queue", "list", "--status", "completed"]);
    let completed = items["items"].as_array().expect("a list").iter();
    let mut written: Vec<_> = completed.map(|item| item["file_path"].as_str().expect("a path").to_owned()).collect();
    written.sort();
    let mut held: Vec<_> = names(&project, "out")
        .iter()
        .map(|name| project.path("in").join(read(&project, &format!("out/{name}")).trim_end()))
        .map(|path| path.to_str().expect("text").to_owned())
        .collect();
    held.sort();
    assert_eq!(held, written);
}

#[test]
fn a_failed_file_leaves_its_result_to_others() {
    let project = TempProject::with_queue(&["in/a.gif", "in/a.png"]);
    project.write("out/a", "of another program");
    let script = "case {} in *.gif) exit 1;; esac; echo {/}";
    run(&project, 100, &["in/a.gif", "in/a.png"], "out/{/.}", script);
    assert_eq!(read(&project, "out/a"), "a.png\n");
    assert_eq!((project.status_of("in/a.gif"), project.status_of("in/a.png")), ("failed".into(), "completed".into()));
}

#[test]
fn a_result_that_is_reserved_is_free_once_its_file_has_failed() {
    let project = TempProject::with_queue(&["a.gif", "a.png"]);
    // The second file must wait for a retry at least once before the first file fails.
    let script = "case {} in *.gif) until test -e {//}/refused; do sleep 0.02; done; exit 1;; esac; echo {/}";
    let words = ["run", "-q", "-j2", "-r1000", "--no-retry-exit", "1", "--backoff-base", "0.2", "--max-backoff", "0.2"];
    let run = project.start(words.iter().chain(&["--stdout-to", "out/{/.}", "--shell", script]));
    wait_until("the second file is refused", || {
        project.json(["queue", "show", "a.png"])["last_error"]
            .as_str()
            .is_some_and(|error| error.contains("a is reserved for the standard output of "))
    });
    project.write("refused", "");
    end_of(run).expect_code(100);
    assert_eq!(read(&project, "out/a"), "a.png\n");
}

#[test]
fn a_result_of_the_file_itself_or_of_another_program_is_replaced() {
    let project = TempProject::new();
    project.write("a", "");
    project.write("out/a", "of another program");
    run(&project, 0, &["a"], "out/{/}", ": {}; echo first");
    assert_eq!(read(&project, "out/a"), "first\n");
    project.write("a", "changed");
    project.ask(["run", "-q", "a", "--stdout-to", "out/{/}", "--shell", ": {}; echo first"]).expect_code(0);
    run(&project, 0, &["a"], "out/{/}", ": {}; echo second");
    assert_eq!((read(&project, "out/a"), names(&project, "out")), ("second\n".into(), vec!["a".into()]));
}

#[test]
fn a_result_may_have_the_longest_possible_name() {
    let project = TempProject::new();
    project.write("a", "");
    for length in [246, 255] {
        let pattern = format!("out/{{/}}{}", "x".repeat(length - 1));
        run(&project, 0, &["a"], &pattern, ": {}; echo kept");
        assert_eq!(read(&project, &format!("out/a{}", "x".repeat(length - 1))), "kept\n");
    }
}

#[test]
fn other_files_beside_the_result_stay_as_they_are() {
    let project = TempProject::new();
    project.write("a", "");
    for name in ["out/.a.autoproc", "out/a.autoproc", "out/.autoproc-a"] {
        project.write(name, "precious");
    }
    run(&project, 0, &["a"], "out/{/}", ": {}; echo one");
    run(&project, 100, &["a"], "out/{/}", ": {}; false");
    run(&project, 0, &["a"], "out/{/}", ": {}; echo two");
    assert_eq!(names(&project, "out"), [".a.autoproc", ".autoproc-a", "a", "a.autoproc"]);
    for name in ["out/.a.autoproc", "out/a.autoproc", "out/.autoproc-a"] {
        assert_eq!(read(&project, name), "precious");
    }
}

#[test]
fn results_in_a_folder_of_the_run_are_reported() {
    let project = TempProject::new();
    project.write("in/a.src", "");
    project.write("in/deep/b.src", "");
    let warning = "into a folder of this run, so the next run processes it";
    let is_warned = |pattern: &str, options: &[&str]| run(&project, 0, options, pattern, ": {}").err.contains(warning);
    assert!(is_warned("in/{rel}.txt", &["in"]));
    assert!(is_warned("in/{rel}.txt", &["in", "--exclude", "*.tmp"]));
    for name in ["in/a.src.txt", "in/deep/b.src.txt"] {
        fs::remove_file(project.path(name)).expect("a result");
    }
    for (pattern, options) in [
        ("out/{rel}.txt", &["in"][..]),
        ("in/{rel}.txt", &["in", "--include", "*.src"]),
        ("in/{rel}.txt", &["in", "--exclude", "*.txt"]),
        ("in/.{/}", &["in", "--include", "*.src"]),
        ("in/{/}.txt", &["in/a.src"]),
    ] {
        assert!(!is_warned(pattern, options), "{pattern} {options:?}");
    }
}

#[test]
fn a_misspelt_placeholder_is_reported() {
    let project = TempProject::with_queue(&["a"]);
    let answer = project.ask(["run", "--stdout-to", "out/{reel}.txt", "--", "true"]);
    assert!(answer.err.contains("hint: did you mean {rel}?"), "{answer:?}");
    answer.expect_error(2, "--stdout-to out/{reel}.txt: {reel} is not a placeholder");
    assert_eq!(project.status_of("a"), "pending");
    for words in [["--", "echo", "{reel}"].as_slice(), &["--shell", "echo {reel} ${rel} {}"]] {
        let answer = project.ask(["run", "--again", "-q", "--show-output", "a"].iter().chain(words)).expect_code(0);
        let warning = "warning: {reel} is not a placeholder and stays as it is; did you mean {rel}?\n";
        assert_eq!(answer.err, warning);
        assert!(answer.out.starts_with("{reel} "), "{answer:?}");
    }
    let answer = project.ask(["run", "--again", "-q", "a", "--", "echo", "{print}", "{a,b}", "{1..5}"]).expect_code(0);
    assert_eq!(answer.err, "");
}

#[test]
fn the_file_itself_is_never_replaced() {
    let project = TempProject::new();
    project.write("a", "precious");
    let answer = run(&project, 100, &["a"], "{//}/{/}", ": {}; echo gone");
    assert!(answer.err.contains("would replace the input file"), "{answer:?}");
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
    let long = format!("out/{{/}}{}", "x".repeat(255));
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

#[test]
fn a_killed_guard_leaves_no_temporary_file() {
    let project = TempProject::new();
    project.write("a", "");
    run(&project, 100, &["a"], "out/{/}", ": {}; echo part; kill -9 $PPID; sleep 60");
    assert_eq!(names(&project, "out"), [""; 0]);
}

#[test]
fn after_a_killed_run_the_next_one_completes_the_result() {
    fn words(script: &str) -> [&str; 7] {
        ["run", "a", "-q", "--stdout-to", "out/{/}", "--shell", script]
    }
    let project = TempProject::new();
    project.write("a", "");
    // Suspends the guard first, so that it cannot clean up when the run dies.
    let kill = "kill -STOP $PPID; kill -9 $(cut -d' ' -f4 /proc/$PPID/stat) $PPID";
    let killed = project.start(words(&format!(": {{}}; echo a longer beginning; {kill}; sleep 60")));
    assert_eq!(end_of(killed).code, 128 + 9);
    // Without unnamed files (`O_TMPFILE`), the killed attempt leaves a temporary file. The next
    // attempt removes it.
    project.ask(words(": {}; echo whole")).expect_code(0);
    assert_eq!((read(&project, "out/a"), names(&project, "out")), ("whole\n".into(), vec!["a".into()]));
}

#[test]
fn a_pattern_that_cannot_be_right_is_refused() {
    let project = TempProject::with_queue(&["a"]);
    for (pattern, why) in [
        ("{}", "it is the path of the input file"),
        ("out.txt", "it has no placeholder that differs from file to file"),
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

/// Another user could create a FIFO and block the run for ever.
#[test]
fn a_fifo_in_the_place_of_the_result_is_refused() {
    let project = TempProject::with_queue(&["a"]);
    fs::create_dir(project.path("out")).expect("the folder");
    let made = Command::new("mkfifo").arg(project.path("out/a")).status();
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
