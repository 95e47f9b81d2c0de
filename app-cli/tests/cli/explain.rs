use std::env;
use std::path::Path;

use serde_json::Value;

use crate::fixture::{Answer, TempProject, end_of, wait_until};
use crate::json::expect_documented;
use crate::stop::{begun, wait_until_heard};

const FAILS: &str = "echo opening {/} >&2; echo no such page >&2; exit 3";

/// Creates a project. The file `a` failed twice, and `b` succeeded.
fn night() -> TempProject {
    let project = TempProject::with_queue(&["a", "b"]);
    let command = format!("case {{}} in */a) {FAILS} ;; esac");
    project.ask(["run", "-qq", "-r", "1", "--backoff-base", "0", "--shell", &command]).expect_code(100);
    project
}

fn with_items(items: &str) -> TempProject {
    let project = TempProject::new();
    let state = format!(r#"{{"version": "1.0.0", "items": [{items}]}}"#);
    project.write(".claude/mission-control/QUEUE-STATE.json", state);
    project
}

fn explained(project: &TempProject, file: &str) -> Value {
    let document = project.json_of(0, ["explain", file]);
    expect_documented("explain", &document);
    document
}

fn reason(project: &TempProject, file: &str) -> String {
    explained(project, file)["next"]["reason"].as_str().expect("a word").to_owned()
}

fn commands(project: &TempProject, file: &str) -> Vec<String> {
    let document = explained(project, file);
    let commands = document["next"]["commands"].as_array().expect("a list").iter();
    commands.map(|command| command.as_str().expect("a command").to_owned()).collect()
}

#[track_caller]
fn paste(project: &TempProject, file: &str) -> String {
    let command = commands(project, file).remove(0);
    let folder = Path::new(env!("CARGO_BIN_EXE_autoproc")).parent().expect("a folder").to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([folder].into_iter().chain(env::split_paths(&path))).expect("a search path");
    let output = project.program("sh").args(["-c", &command]).env("PATH", path).output().expect("sh(1)");
    Answer::from(output).expect_code(0);
    command
}

#[test]
fn a_story_has_every_attempt_and_what_comes_next() {
    let project = night();
    let story = project.ask(["explain", "a"]).expect_code(0).out;
    let path = project.path("a").display().to_string();
    let lines: Vec<_> = story.lines().collect();
    assert_eq!(lines[0], format!("{path}: failed"));
    assert!(lines[2].ends_with("  added; its priority is 0"), "{story}");
    let attempt = |number: u32, end: &str| {
        let words = [format!("  attempt {number} in run "), format!(" {end} after ")];
        let is_it = |line: &&&str| words.iter().all(|words| line.contains(words));
        let found = lines.iter().find(is_it).unwrap_or_else(|| panic!("no {words:?} in {story}"));
        assert!(found.ends_with(": exit status 3: no such page (signature a9bbf71c)"), "{story}");
    };
    attempt(1, "failed");
    attempt(2, "failed for good");
    assert!(!story.contains("opening"), "only the line that tells is shown: {story}");
    let end = format!(
        "\n\nnext: nothing: it failed for good\nwhat you can do:\n  autoproc retry-failed {path}\n  autoproc log {path}\n"
    );
    assert!(story.ends_with(&end), "{story}");
    let document = explained(&project, "a");
    let events: Vec<_> = document["story"].as_array().expect("a list").iter().map(|moment| &moment["event"]).collect();
    assert_eq!(events, ["added", "attempt", "attempt"]);
    assert_eq!(document["story"][1]["signature"], "a9bbf71c");
    assert_eq!(project.json(["explain", "1"]), document, "a number names the file too");
}

#[test]
fn each_command_changes_what_happens_next() {
    let project = night();
    assert_eq!(reason(&project, "a"), "failed");
    assert!(paste(&project, "a").starts_with("autoproc retry-failed "));
    assert_eq!(reason(&project, "a"), "no_run");
    let story = project.ask(["explain", "a"]).expect_code(0).out;
    assert!(story.contains("  round 2 began: it was retried, or added again, after it had failed\n"), "{story}");
    project.ask(["queue", "hold", "a"]).expect_code(0);
    assert_eq!(reason(&project, "a"), "held");
    assert!(paste(&project, "a").starts_with("autoproc queue unhold "));
    assert_eq!(reason(&project, "a"), "no_run");
    project.ask(["cancel", "a"]).expect_code(0);
    let story = project.ask(["explain", "a"]).expect_code(0).out;
    assert!(story.contains("  cancelled by a user\n\nnext: nothing: it was cancelled\n"), "{story}");
    paste(&project, "a");
    assert_eq!(commands(&project, "a")[0], "autoproc resume", "the latest run has processed the file");
}

#[test]
fn a_completed_file_is_left_alone_until_it_changes() {
    let project = night();
    assert_eq!(project.ask(["queue", "add", "b"]).expect_code(0).out.split(':').next(), Some("already completed"));
    let story = project.ask(["explain", "b"]).expect_code(0).out;
    assert!(story.contains("next: nothing: it is completed, and has not changed since."), "{story}");
    assert!(paste(&project, "b").starts_with("autoproc queue add --again "));
    assert_eq!(reason(&project, "b"), "no_run");
    project.ask(["run", "-qq", "b", "--", "true"]).expect_code(0);
    project.write("b", "changed");
    assert_eq!(reason(&project, "b"), "changed");
    assert!(paste(&project, "b").starts_with("autoproc queue add /"));
    let story = project.ask(["explain", "b"]).expect_code(0).out;
    assert!(story.contains("  round 3 began: it was added again after it had completed\n"), "{story}");
    std::fs::remove_file(project.path("b")).expect("removed");
    let story = project.ask(["explain", "b"]).expect_code(0).out;
    assert!(story.contains("; the file does not exist now\n"), "{story}");
}

#[test]
fn a_backoff_is_explained_and_can_be_ended() {
    let project = with_items(
        r#"{"file_path": "b", "attempts": 2, "last_attempt": "2020-01-01T00:00:00Z", "last_error": "exit status 1",
            "not_before": "2999-01-01T00:00:00Z", "backoff_from": "2020-01-01T00:00:00Z"}"#,
    );
    project.write("b", "");
    let document = explained(&project, "b");
    let next = &document["next"];
    assert_eq!((&next["reason"], &next["at"]), (&"backoff".into(), &"2999-01-01T00:00:00.000000Z".into()));
    let text = next["text"].as_str().expect("text");
    assert!(
        text.starts_with("waits until 2999-01-01 ") && text.ends_with("): backoff after attempt 2; no run is live")
    );
    paste(&project, "b");
    let document = explained(&project, "b");
    assert_eq!((&document["next"]["reason"], &document["item"]["attempts"]), (&"no_run".into(), &0.into()));
}

#[test]
fn a_file_waits_behind_the_due_files_before_it() {
    let project = TempProject::with_queue(&["a", "b", "c"]);
    let run = begun(&project, &[]);
    let running = explained(&project, "a");
    assert_eq!(running["next"]["reason"], "processing");
    wait_until("the beginning of the attempt is recorded", || {
        let text = explained(&project, "a")["next"]["text"].as_str().map(str::to_owned);
        text.is_some_and(|text| text.starts_with("attempt 1 of 4, running for "))
    });
    assert_eq!(commands(&project, "a").len(), 2);
    let ahead = |file: &str| explained(&project, file)["next"]["ahead"].clone();
    assert_eq!((ahead("b"), ahead("c")), (0.into(), 1.into()));
    let story = project.ask(["explain", "c"]).expect_code(0).out;
    assert!(story.contains("next: due; 1 file before it is due, and a live run takes it in its turn"), "{story}");
    let path = project.path("c").display().to_string();
    assert_eq!(paste(&project, "c"), format!("autoproc queue prioritise {path} 1"));
    assert_eq!((ahead("b"), ahead("c")), (1.into(), 0.into()));
    project.ask(["pause"]).expect_code(0);
    assert_eq!((reason(&project, "a"), reason(&project, "b")), ("paused".into(), "paused".into()));
    assert_eq!(paste(&project, "b"), "autoproc resume --paused-only");
    assert_eq!(reason(&project, "b"), "due");
    project.ask(["stop"]).expect_code(0);
    wait_until_heard(&project);
    assert_eq!(reason(&project, "b"), "stopping");
    project.write("go", "");
    end_of(run).expect_code(75);
}

#[test]
fn a_dead_run_and_its_recovery_belong_to_the_story() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun(&project, &[]);
    let is_recorded = || explained(&project, "a")["story"].as_array().is_some_and(|story| story.len() == 2);
    wait_until("the beginning of the attempt is recorded", is_recorded);
    project.kill(run);
    assert_eq!(reason(&project, "a"), "run_died");
    assert_eq!(paste(&project, "a"), "autoproc queue recover");
    let story = project.ask(["explain", "a"]).expect_code(0).out;
    assert!(story.contains(" ended when its run died\n") && story.contains("  recovered by run "), "{story}");
    let document = explained(&project, "a");
    assert_eq!(document["story"][2]["event"], "recovered");
    assert!(document["story"][2]["at"].is_string());
}

#[test]
fn a_file_that_is_not_in_the_queue_is_named_with_the_way_to_add_it() {
    let project = TempProject::new();
    project.ask(["explain", "a"]).expect_error(2, "there is no queue in ");
    let project = night();
    let missing = project.ask(["explain", "c"]).expect_error(2, "/c is not in the queue");
    assert!(missing.err.ends_with("hint: `autoproc queue list` lists the files of the queue\n"), "{missing:?}");
    project.write("c", "");
    let unknown = project.ask(["explain", "c"]).expect_error(2, "/c is not in the queue");
    let path = project.path("c").display().to_string();
    assert!(unknown.err.ends_with(&format!("hint: `autoproc queue add {path}` adds it\n")), "{unknown:?}");
    project.ask(["explain", "."]).expect_error(2, "is a folder with 2 files of the queue");
    project.ask(["queue", "remove", "a"]).expect_code(0);
    let past = project.ask(["explain", "a"]).expect_code(0).out;
    assert!(past.contains("/a: not in the queue\n") && past.contains(" failed for good after "), "{past}");
    assert_eq!(explained(&project, "a")["item"], Value::Null);
    assert!(paste(&project, "a").starts_with("autoproc queue add "));
    assert_eq!(reason(&project, "a"), "no_run");
}

#[test]
fn hostile_names_and_reasons_are_escaped() {
    let (hostile, quoted) = ("a\u{1b}[2J\nnext: rm", "it's a $(file)");
    let project = TempProject::with_queue(&[hostile, quoted]);
    project.ask(["run", "-qq", "-r", "0", "--shell", "printf '\\033[31mno\\033[m\\n' >&2; exit 1"]).expect_code(100);
    let story = project.ask(["explain", hostile]).expect_code(0).out;
    assert!(story.contains("/a\\u{1b}[2J\\nnext: rm: failed\n") && !story.contains('\u{1b}'), "{story}");
    assert!(story.ends_with("\n  autoproc retry-failed FILE\n  autoproc log 1\n"), "{story}");
    assert!(paste(&project, quoted).ends_with("/it'\\''s a $(file)'"));
    assert_eq!(reason(&project, quoted), "no_run");
}

#[test]
fn commands_name_the_project() {
    let (project, elsewhere) = (night(), TempProject::new());
    let (folder, path) = (project.path(""), project.path("a"));
    let words = [Path::new("--project-dir"), &folder, Path::new("explain"), &path];
    let story = elsewhere.ask(words).expect_code(0).out;
    let command = format!("  autoproc retry-failed --project-dir {} ", project.path("").display());
    assert!(story.contains(command.trim_end_matches([' ', '/'])), "{story}");
}
