use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::fixture::{NAMES, TempProject};

/// Returns the completions for zsh with the cursor at the last word.
fn records(project: &TempProject, words: &[&str]) -> Vec<String> {
    let words = ["autoproc"].into_iter().chain(words.iter().copied());
    of(project.command(words).env("AUTOPROC_COMPLETE", "zsh"))
}

#[track_caller]
fn of(command: &mut Command) -> Vec<String> {
    let output = command.output().expect("the binary");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let end = if text.contains('\0') { '\0' } else { '\n' };
    text.split_terminator(end).map(str::to_owned).collect()
}

#[test]
fn names_arrive_whole() {
    let project = TempProject::with_queues();
    let mut expected =
        NAMES.map(|name| if name.starts_with('-') { format!("./{name}") } else { name.to_owned() }).to_vec();
    expected.extend(["inbox/one.pdf".to_owned(), "new\nline.pdf".to_owned()]);
    expected.sort();
    expected.insert(0, "paths".to_owned());
    project.ask(["queue", "add", "new\nline.pdf"]);
    assert_eq!(records(&project, &["queue", "prioritise", ""]), expected);
    let quoted = |line: &str, part: &str| of(project.command([line, part]).env("AUTOPROC_COMPLETE", "bash"));
    assert_eq!(quoted("autoproc log cost", "cost"), ["paths", r"cost\ \$5.pdf"]);
    assert_eq!(quoted("autoproc log \"cost", "cost"), ["paths", r"cost \$5.pdf"]);
    assert_eq!(quoted("autoproc log 'it", "it"), ["paths", r"it'\''s.pdf"]);
    assert_eq!(quoted("autoproc log a:b=", ""), ["paths", "c.pdf"]);
    assert_eq!(quoted("autoproc log new", "new"), ["paths", r"new$'\n'line.pdf"]);
    let fish = of(project.command(["autoproc", "log", r"my\ "]).env("AUTOPROC_COMPLETE", "fish"));
    assert_eq!(fish, ["paths", "my file.pdf\t"]);
}

#[test]
fn folders_come_first() {
    let project = TempProject::new();
    project.write("core/workflows/wf-one.yaml", "id: wf-one\nphases: []\n");
    project.write("zoo/mine.yaml", "");
    project.write("a.yaml", "");
    let values = records(&project, &["workflow", "show", ""]);
    assert_eq!(values, ["paths", "core/", "zoo/", "a.yaml", "wf-one"]);
}

#[test]
fn files_are_those_that_the_command_accepts() {
    let project = TempProject::with_queues();
    assert_eq!(records(&project, &["retry-failed", ""]), ["paths", "broken.pdf"]);
    assert_eq!(records(&project, &["queue", "prioritise", "brok"]), ["words"]);
    assert_eq!(records(&project, &["queue", "remove", "brok"]), ["paths", "broken.pdf"]);
}

#[test]
fn runs_are_offered_by_name_with_their_time() {
    let project = TempProject::with_queues();
    let offered = records(&project, &["report", "--run", ""]);
    assert_eq!((offered.len(), offered[0].as_str()), (2, "words"), "{offered:?}");
    let (name, began) = offered[1].split_once(':').expect("a description");
    assert!(name.len() == 36 && began.starts_with("20"), "{offered:?}");
    assert_eq!(records(&project, &["report", "--run", &name[..20]])[1..], offered[1..]);
    assert_eq!(records(&project, &["report", "--run", "x"]), ["words"]);
    assert_eq!(records(&project, &["--project-dir", "other", "report", "--run", ""]), ["words"]);
}

#[test]
fn signatures_are_offered_with_their_reason() {
    let project = TempProject::with_queues();
    for command in ["retry-failed", "log"] {
        let offered = records(&project, &[command, "--like", ""]);
        assert_eq!((offered.len(), offered[0].as_str()), (2, "words"), "{offered:?}");
        let (signature, reason) = offered[1].split_once(':').expect("a description");
        assert_eq!((signature.len(), reason), (8, "no such file (exit status 1)"), "{offered:?}");
        assert_eq!(records(&project, &[command, "--like", &signature[..3]])[1..], offered[1..]);
        assert_eq!(records(&project, &[command, "--like", "x"]), ["words"]);
    }
}

#[test]
fn the_queue_is_that_of_the_project() {
    let project = TempProject::with_queues();
    let there = ["paths", "other/there.pdf"];
    assert_eq!(records(&project, &["--project-dir", "other", "log", ""]), there);
    assert_eq!(records(&project, &["log", "--project-dir=other", ""]), there);
    for variable in ["AUTOPROC_PROJECT_DIR", "CLAUDE_PROJECT_DIR"] {
        let mut command = project.command(["autoproc", "log", ""]);
        assert_eq!(of(command.env("AUTOPROC_COMPLETE", "zsh").env(variable, "other")), there);
    }
    let mut below = project.command(["autoproc", "log", ""]);
    fs::create_dir(project.path("inbox")).expect("a folder");
    let names = of(below.env("AUTOPROC_COMPLETE", "zsh").current_dir(project.path("inbox")));
    assert!(names.contains(&"one.pdf".to_owned()), "{names:?}");
    assert!(names.contains(&project.path("broken.pdf").display().to_string()), "{names:?}");
}

#[test]
fn nothing_is_offered_that_is_wrong() {
    let project = TempProject::with_queues();
    for words in [
        &["tort"][..],
        &["status", ""],
        &["run", "--timeout", ""],
        &["queue", "list", "-n", ""],
        &["queue", "prioritise", "my file.pdf", ""],
        &["--project-dir", "missing", "log", ""],
    ] {
        assert_eq!(records(&project, words), ["words"], "{words:?}");
    }
    assert_eq!(records(&project, &["queue", "add", ""]), ["files"]);
    assert_eq!(records(&project, &["queue", "add", "--", "-"]), ["files"]);
    assert_eq!(records(&project, &["--project-dir", ""]), ["folders"]);
    assert_eq!(records(&project, &["run", "--", ""]), ["command"]);
    assert!(records(&project, &["torture-writer", "--afr"]).len() <= 2);
    let commands = records(&project, &[""]);
    assert!(commands.len() > 8 && !commands.iter().any(|command| command.contains("torture")), "{commands:?}");
}

#[test]
fn a_tab_changes_nothing() {
    let empty = TempProject::new();
    assert_eq!(records(&empty, &["log", ""]), ["words"]);
    assert!(empty.files().is_empty());
    let project = TempProject::with_queues();
    fs::remove_file(project.path(".claude/mission-control/QUEUE-STATE.lock")).expect("a lock file");
    let before = project.files();
    for words in [&["log", ""][..], &["retry-failed", ""], &["workflow", "show", ""], &["queue", "remove", "my"]] {
        assert!(records(&project, words).len() > 1);
    }
    assert!(project.files() == before);
}

#[test]
fn a_damaged_queue_completes_nothing() {
    let project = TempProject::with_queues();
    let state = project.path(".claude/mission-control/QUEUE-STATE.json");
    for damage in ["", "{", "{\"version\": 99}"] {
        fs::write(&state, damage).expect("the file");
        assert_eq!(records(&project, &["log", ""]), ["words"], "{damage:?}");
    }
    let mut gone = project.command(["autoproc", "log"]);
    assert_eq!(of(gone.env("AUTOPROC_COMPLETE", "tcsh")), [""; 0]);
    assert_eq!(of(project.command([""; 0]).env("AUTOPROC_COMPLETE", "bash")), [""; 0]);
}

#[test]
fn a_queue_that_a_command_warns_about_is_completed_in_silence() {
    let project = TempProject::with_queues();
    let state = project.path(".claude/mission-control/QUEUE-STATE.json");
    let mut queue: Value = serde_json::from_slice(&fs::read(&state).expect("a queue")).expect("JSON");
    let items = queue["items"].as_array_mut().expect("a list");
    items.push(items[0].clone());
    fs::write(&state, queue.to_string()).expect("the file");
    assert!(!project.ask(["queue", "list"]).stderr.is_empty());
    assert_eq!(records(&project, &["log", "my"]), ["paths", "my file.pdf"]);
}

#[test]
fn scripts_name_no_place() {
    let project = TempProject::new();
    let folder = Path::new(env!("CARGO_BIN_EXE_autoproc")).parent().expect("a folder").display().to_string();
    for shell in ["bash", "zsh", "fish"] {
        let script = String::from_utf8(project.ask(["completions", shell]).stdout).expect("text");
        assert!(script.contains("AUTOPROC_COMPLETE") && !script.contains(&folder), "{script}");
    }
}
