use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::fixture::{Answer, TempProject, end_of, wait_until};
use crate::stop::{begun, signal};

const NONE: &str = "no run is live, and none can be started again";

const APPEND: &str = "printf '%s\\n' \"$1\" >> done; test -e \"$2\"";

#[test]
fn a_killed_run_starts_again_with_its_options_and_its_command() {
    let project = TempProject::with_queue(&["a", "b"]);
    let run = begun(&project, &["-j", "2", "--stop-timeout", "7"]);
    project.kill(run);
    project.write("go", "");
    let over = project.ask(["resume"]).expect_code(0);
    let line = over.err.lines().next().unwrap_or_default();
    assert!(line.starts_with("starting again: autoproc run --grace 1 -j 2 --stop-timeout 7 --shell '"), "{over:?}");
    assert!(over.out.starts_with("processed 2, failed 0"), "{over:?}");
    let document = project.json(["resume"]);
    assert_eq!((&document["processed"], &document["stopped_by"]), (&0.into(), &"queue_empty".into()));
}

/// A shell would change the recorded words.
#[test]
fn the_words_of_the_command_are_the_same() {
    let project = TempProject::with_queue(&["a"]);
    let odd = OsStr::from_bytes(b"it's \xff $HOME `id`\t*");
    let words = ["run", "-q", "-r", "0", "--", "sh", "-c", APPEND, "sh"].map(OsString::from);
    project.ask(words.iter().map(OsString::as_os_str).chain([odd, "{}".as_ref()])).expect_code(0);
    let first = fs::read(project.path("done")).expect("the file");
    assert_eq!(first, [odd.as_bytes(), b"\n"].concat());
    project.write("b", "");
    project.ask(["queue", "add", "b"]).expect_code(0);
    let over = project.ask(["resume"]).expect_code(0);
    assert!(!over.err.contains('\t') && over.err.contains("\\t*' {}"), "{over:?}");
    assert_eq!(fs::read(project.path("done")).expect("the file"), first.repeat(2));
}

#[test]
fn relative_words_mean_the_same_from_another_folder() {
    let project = TempProject::with_queue(&["a"]);
    let tool = project.write("tools/work.sh", "#!/bin/sh\npwd >> ran\n");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("executable");
    let from = |folder: &str, words: &[&str]| {
        let mut command = project.command(words);
        Answer::from(command.current_dir(project.path(folder)).output().expect("the binary"))
    };
    from("tools", &["run", "-q", "--", "./work.sh"]).expect_code(0);
    project.write("b", "");
    project.ask(["queue", "add", "b"]).expect_code(0);
    let folder = project.path("tools").canonicalize().expect("a folder").display().to_string();
    let over = from(".", &["resume"]).expect_code(0);
    assert_eq!(over.err.lines().next(), Some(&*format!("starting again: autoproc run -q -- ./work.sh (in {folder})")));
    assert_eq!(fs::read_to_string(project.path("tools/ran")).expect("a file"), format!("{folder}\n").repeat(2));
    fs::rename(project.path("tools"), project.path("moved")).expect("renamed");
    let gone = project.ask(["resume"]).expect_error(66, "the folder of the latest run is gone: ");
    assert!(
        gone.err
            .contains("\nhint: change to another folder, and start the run there with: autoproc run -q -- ./work.sh\n"),
        "{gone:?}"
    );
}

#[test]
fn the_queue_is_the_same_whatever_named_it() {
    let project = TempProject::new();
    project.write("inner/a", "");
    fs::create_dir_all(project.path("elsewhere")).expect("a folder");
    let mut command = project.command(["run", "-q", "inner/a", "--", "test", "-e"]);
    let ran = command.env("CLAUDE_PROJECT_DIR", project.path("inner")).output().expect("the binary");
    Answer::from(ran).expect_code(0);
    project.ask(["--project-dir", "inner", "queue", "add", "--again", "inner/a"]).expect_code(0);
    let mut command = project.command(["--project-dir", "../inner", "resume"]);
    let over = command.current_dir(project.path("elsewhere")).output().expect("the binary");
    let over = Answer::from(over).expect_code(0);
    assert!(over.err.contains("starting again: autoproc run -q inner/a -- test -e (in "), "{over:?}");
    assert_eq!(project.json(["--project-dir", "inner", "status"])["counts"]["completed"], 1);
    assert!(!project.path(".claude").exists());
}

#[test]
fn completed_files_stay_completed() {
    let project = TempProject::new();
    project.write("a", "");
    let words = ["run", "-q", "--again", "a", "--", "sh", "-c", APPEND, "sh", "--again"];
    project.ask(words.iter().chain(&["{}"])).expect_code(0);
    let over = project.ask(["resume"]).expect_code(0);
    assert!(over.err.contains("starting again: autoproc run -q a -- sh "), "{over:?}");
    assert_eq!(fs::read_to_string(project.path("done")).expect("a file"), "--again\n");
}

#[test]
fn without_an_earlier_run_there_is_nothing_to_start() {
    let empty = TempProject::new();
    empty.ask(["resume"]).expect_error(2, "there is no queue");
    assert!(!empty.path(".claude").exists());
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "--dry-run", "--", "true"]).expect_code(0);
    project.ask(["resume"]).expect_error(66, &format!("{NONE}: no earlier run is recorded"));
    project.write(".claude/mission-control/LAST-RUN.json", "{}");
    project.ask(["resume"]).expect_error(66, "LAST-RUN.json does not have the expected format");
    assert_eq!(project.status_of("a"), "pending");
}

/// In a cloned repository, `resume` could otherwise execute a stranger's command.
#[test]
fn a_copy_of_the_folder_starts_nothing() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-q", "-r", "0", "--shell", "touch ran; exit 3"]).expect_code(100);
    let copied = project.program("cp").args(["-a", ".claude", "copy"]).status();
    assert!(fs::create_dir(project.path("clone")).is_ok() && copied.expect("cp(1)").success());
    fs::rename(project.path("copy"), project.path("clone/.claude")).expect("renamed");
    fs::remove_file(project.path("ran")).expect("it ran");
    let refused =
        project.ask(["--project-dir", "clone", "resume"]).expect_error(66, "this folder is a copy of it, or was moved");
    assert!(refused.err.contains("start it yourself: autoproc run -q -r 0 --shell 'touch ran; exit 3'"), "{refused:?}");
    assert!(!project.path("ran").exists() && !project.path("clone/ran").exists());
}

#[test]
fn a_list_from_standard_input_is_not_read_again() {
    let project = TempProject::new();
    project.write("a", "");
    for list in [&["-"][..], &["--from-file", "-"]] {
        let words = [&["run", "-q", "--again"], list, &["--", "test", "-e"]].concat();
        project.tell(words, b"a\n").expect_code(0);
        let refused = project.ask(["resume"]).expect_error(66, "from standard input");
        assert!(
            refused
                .err
                .contains("\nhint: its files wait in the queue; process them with: autoproc run -q -- test -e\n"),
            "{refused:?}"
        );
    }
}

#[test]
fn a_stopped_run_names_the_command_that_continues() {
    let project = TempProject::new();
    project.write("a", "");
    project.write("b", "");
    let obeyed =
        "until grep -q \"$AUTOPROC_RUN_ID.*stop_requested\" logs/autonomous-processing.jsonl; do sleep 0.02; done";
    let stop = format!(": {{}}; '{}' stop; {obeyed}", env!("CARGO_BIN_EXE_autoproc"));
    let listed = project.tell(["run", "-", "--shell", &stop], b"a\nb\n").expect_code(75);
    let next = "\nnext: run the same command without the list to continue; its files wait in the queue\n";
    assert!(listed.out.ends_with(next), "{listed:?}");
    let named = project.ask(["run", "--again", "a", "b", "--shell", &stop]).expect_code(75);
    assert!(named.out.ends_with("\nnext: `autoproc resume` continues\n"), "{named:?}");
    assert!(project.ask(["report"]).out.ends_with("\nnext: `autoproc resume` continues\n"));
    let first = project.json(["runs"])["runs"][0]["run_id"].as_str().expect("an id").to_owned();
    let earlier = project.ask(["report", "--run", &first]).expect_code(0).out;
    assert!(earlier.contains(", stopped by ") && !earlier.contains("autoproc resume"), "{earlier}");
}

/// A shell replaces `<(…)` by a path such as `/dev/fd/63`.
#[test]
fn a_list_from_a_pipe_or_an_open_file_is_not_read_again() {
    let project = TempProject::new();
    project.write("a", "");
    project.write("list", "a\n");
    let run = |script: &str| {
        let script = script.replace("AUTOPROC", env!("CARGO_BIN_EXE_autoproc"));
        Answer::from(project.program("sh").args(["-c", &script]).output().expect("sh(1)")).expect_code(0);
    };
    for script in [
        "AUTOPROC run -q --from-file /dev/fd/3 -- test -e 3<list",
        "AUTOPROC run -q --from-file /proc/self/fd/3 -- test -e 3<list",
        "mkfifo pipe; cat list >pipe & AUTOPROC run -q --from-file pipe -- test -e; wait",
    ] {
        run(script);
        let refused = project.ask(["resume"]).expect_error(66, "from standard input or a pipe");
        assert!(refused.err.contains("process them with: autoproc run -q -- test -e\n"), "{refused:?}");
    }
    run("AUTOPROC run -q --from-file list -- test -e");
    project.ask(["resume"]).expect_code(0);
}

#[test]
fn a_run_in_a_command_of_a_run_is_not_the_latest_run() {
    let project = TempProject::new();
    for name in ["a", "b", "other/c"] {
        project.write(name, "");
    }
    let binary = env!("CARGO_BIN_EXE_autoproc");
    let inner = format!(
        "'{binary}' run -q b -- test -e && '{binary}' --project-dir other run -q other/c -- test -e && touch ran"
    );
    project.ask(["run", "-q", "-r", "0", "a", "--shell", &inner]).expect_code(0);
    assert!(project.path("ran").exists() && project.status_of("b") == "completed");
    let over = project.ask(["resume"]).expect_code(0);
    assert!(over.err.contains("starting again: autoproc run -q -r 0 a --shell "), "{over:?}");
    let other = project.ask(["--project-dir", "other", "resume"]).expect_code(0);
    assert!(other.err.contains(" run -q other/c -- test -e"), "another queue has its own record: {other:?}");
    // The outer run has ended. A run with its id in the environment is therefore recorded as the
    // latest run.
    let run = project.json(["runs"])["runs"][0]["run_id"].as_str().expect("an id").to_owned();
    let mut later = project.command(["run", "-q", "b", "--", "test", "-f"]);
    Answer::from(later.env("AUTOPROC_RUN_ID", run).output().expect("the binary")).expect_code(0);
    assert!(project.ask(["resume"]).expect_code(0).err.contains("starting again: autoproc run -q b -- test -f\n"));
}

#[test]
fn a_record_that_is_no_run_or_too_large_starts_nothing() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-q", "--", "true"]).expect_code(0);
    let path = project.path(".claude/mission-control/LAST-RUN.json");
    let mut record: Value = serde_json::from_slice(&fs::read(&path).expect("the record")).expect("a document");
    for words in [&["queue", "clear"][..], &["--project-dir", "run", "queue", "clear"], &[]] {
        record["words"] = words.into();
        fs::write(&path, record.to_string()).expect("written");
        let refused = project.ask(["resume"]).expect_error(66, "the recorded command line is not a run");
        assert!(refused.err.contains("\nhint: start one with: autoproc run -- COMMAND {}\n"), "{refused:?}");
    }
    assert_eq!(project.status_of("a"), "completed");
    fs::File::create(&path).and_then(|file| file.set_len((16 << 20) + 1)).expect("a large file");
    project.ask(["resume"]).expect_error(66, "LAST-RUN.json is larger than 16 MiB");
}

#[test]
fn other_words_get_the_hint_that_the_options_are_those_of_the_run() {
    let project = TempProject::with_queue(&["a"]);
    for words in [&["resume", "a"][..], &["resume", "--jobs", "4"]] {
        let refused = project.ask(words).expect_code(2);
        assert!(refused.err.contains("`autoproc resume` repeats the latest run with its options"), "{refused:?}");
    }
    let near = project.ask(["resume", "--pausd-only"]).expect_code(2);
    assert!(near.err.contains("'--paused-only'") && !near.err.contains("repeats"), "{near:?}");
}

#[test]
fn a_live_run_is_never_started_a_second_time() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun(&project, &[]);
    assert!(project.ask(["resume"]).expect_code(0).out.starts_with("not paused: run "));
    project.write("go", "");
    end_of(run).expect_code(0);
    assert_eq!(project.json(["resume", "--paused-only"])["runs"], Value::Array(Vec::new()));
}

#[test]
fn files_that_the_command_moved_away_are_left_out() {
    let project = TempProject::with_queue(&["a", "b"]);
    let script = "mv {} {}.moved; test {/} = a || { touch begun; sleep 1000; }";
    let run = project.start(["run", "-q", "-r", "1", "a", "b", "--shell", script]);
    wait_until("the second file is begun", || project.path("begun").exists());
    project.kill(run);
    fs::rename(project.path("b.moved"), project.path("b")).expect("moved back");
    let again = project.start(["resume"]);
    wait_until("the second file is begun again", || project.path("b.moved").exists());
    signal(&again, "TERM");
    let over = end_of(again);
    let line = over.err.lines().next().unwrap_or_default();
    assert!(line.starts_with("starting again: autoproc run -q -r 1 b --shell '"), "{over:?}");
}

#[test]
fn a_run_whose_list_is_left_is_started_again() {
    let project = TempProject::with_queue(&["other"]);
    for name in ["a", "b"] {
        project.write(name, "");
    }
    project.write("list", "b\n");
    let words = ["run", "-q", "a", "--from-file", "list", "--shell", "test {/} = b || rm {}"];
    project.ask(words).expect_code(0);
    let again = project.ask(["resume"]).expect_code(0);
    assert!(again.err.starts_with("starting again: autoproc run -q --from-file list --shell "), "{again:?}");
    assert_eq!(project.status_of("other"), "pending");
}

#[test]
fn a_run_whose_files_are_all_gone_is_not_started_on_the_whole_queue() {
    let project = TempProject::with_queue(&["a", "b"]);
    project.ask(["run", "-q", "a", "--", "rm", "{}"]).expect_code(0);
    project.ask(["resume"]).expect_error(66, "the files of the latest run are completed, and do not exist any more");
    assert_eq!(project.status_of("b"), "pending");
}
