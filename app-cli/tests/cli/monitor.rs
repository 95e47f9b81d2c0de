use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::fixture::{Answer, TempProject, end_of, wait_until};
use crate::stop::{begun, signal};

/// The field names in the Python program's monitor file.
const KEYS: [&str; 11] = [
    "status",
    "current_file",
    "files_in_queue",
    "files_processed",
    "files_failed",
    "started_at",
    "last_updated",
    "current_file_started",
    "estimated_remaining_files",
    "avg_file_duration_seconds",
    "error_rate_percent",
];

fn file(project: &TempProject) -> Value {
    let text = fs::read_to_string(project.state("AUTONOMOUS-MONITOR.json")).expect("the monitor file");
    serde_json::from_str(&text).expect("a document")
}

#[test]
fn the_file_has_the_keys_of_the_python_program_and_the_command_prints_it() {
    let project = TempProject::with_queue(&["a", "b", "bad"]);
    project.ask(["run", "-q", "-r", "0", "--shell", "test {/} != bad"]).expect_code(100);
    let kept = file(&project);
    assert_eq!(kept.as_object().expect("an object").len(), KEYS.len());
    let shown = project.json(["monitor"]);
    for key in KEYS {
        assert_eq!(shown[key], kept[key], "{key}");
    }
    assert_eq!((&kept["status"], &shown["live"]), (&"completed".into(), &false.into()));
    assert_eq!((&kept["files_processed"], &kept["files_failed"]), (&2.into(), &1.into()));
    assert_eq!((&kept["error_rate_percent"], &kept["files_in_queue"]), (&33.3.into(), &0.into()));
    assert!(kept["avg_file_duration_seconds"].as_f64().is_some_and(|average| average > 0.0), "{kept}");
    let text = project.ask(["monitor"]).expect_code(0).out;
    assert!(text.contains("no run is live; the latest completed at 2") && text.contains("1 (33.3%)"), "{text}");
    assert!(!text.contains('–'), "{text}");
}

#[test]
fn a_live_run_is_shown_with_its_current_file() {
    let project = TempProject::with_queue(&["a", "b"]);
    let run = begun(&project, &[]);
    wait_until("the file is in the monitor", || project.json(["monitor"])["current_file"].is_string());
    let document = project.json(["monitor"]);
    assert_eq!((&document["status"], &document["live"]), (&"running".into(), &true.into()));
    assert_eq!((&document["estimated_remaining_files"], &document["files_in_queue"]), (&2.into(), &1.into()));
    assert!(document["current_file_started"].is_string(), "{document}");
    let text = project.ask(["monitor"]).expect_code(0).out;
    assert!(text.contains("\n  time per file   –\n"), "{text}");
    let current = format!("  current file    {}, for ", project.path("a").display());
    assert!(text.contains("\nrunning since 2") && text.contains(&current), "{text}");
    project.kill(run);
    let text = project.ask(["monitor"]).expect_code(0).out;
    assert!(
        text.contains(" did not shut down cleanly (`autoproc resume` starts it again)\n")
            && text.contains("current file    none"),
        "{text}"
    );
}

#[test]
fn without_a_run_the_monitor_says_so() {
    let project = TempProject::new();
    for words in [&["monitor"][..], &["monitor", "--watch"]] {
        assert!(project.ask(words).expect_code(0).out.starts_with("there is no queue in "), "{words:?}");
    }
    assert_eq!(project.json(["monitor"])["status"], "idle");
    assert!(!project.path(".claude").exists());
    let project = TempProject::with_queue(&["a"]);
    assert!(project.ask(["monitor"]).expect_code(0).out.ends_with("no run is live, and none was started here yet\n"));
    project.write(".claude/mission-control/AUTONOMOUS-MONITOR.json", "not JSON");
    let answer = project.ask(["monitor"]).expect_code(0);
    assert!(answer.err.starts_with("warning: ") && answer.err.contains("AUTONOMOUS-MONITOR.json"), "{answer:?}");
}

#[test]
fn a_watch_prints_each_change_in_a_pipe_and_ends_with_the_run() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun(&project, &[]);
    let mut watch = project.start(["monitor", "--watch", "--json"]);
    let mut lines = BufReader::new(watch.stdout.take().expect("a pipe")).lines();
    let mut next = || -> Option<Value> {
        lines.next().map(|line| serde_json::from_str(&line.expect("text")).expect("a document"))
    };
    let first = next().expect("a document");
    assert_eq!((&first["status"], &first["live"]), (&"running".into(), &true.into()));
    project.write("go", "");
    end_of(run).expect_code(0);
    let last = std::iter::from_fn(next).last().expect("another document");
    assert_eq!((&last["status"], &last["live"]), (&"completed".into(), &false.into()));
    assert!(watch.wait().expect("it ends").success());
}

#[test]
fn a_watch_redraws_its_lines_on_a_terminal() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun(&project, &[]);
    let line = format!("stty cols 60 rows 24; exec '{}' monitor --watch", env!("CARGO_BIN_EXE_autoproc"));
    let mut script = project.program("script");
    script.args(["-q", "-f", "-e", "-c", &line, "seen"]).env("TERM", "xterm").stdout(Stdio::null());
    let watch = script.spawn().expect("script, of util-linux");
    let seen = || String::from_utf8_lossy(&fs::read(project.path("seen")).unwrap_or_default()).into_owned();
    wait_until("the progress is drawn", || seen().contains("last updated"));
    assert!(seen().contains("running since 2"), "{}", seen());
    project.write("go", "");
    end_of(run).expect_code(0);
    end_of(watch).expect_code(0);
    let (_, after) =
        seen().rsplit_once("\u{1b}[J").map(|(before, after)| (before.len(), after.to_owned())).expect("erased");
    assert!(after.contains("no run is live; the latest completed at 2") && !after.contains("running since"), "{after}");
}

#[test]
fn a_signal_ends_the_watch_and_not_the_run() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun(&project, &[]);
    let mut watch = project.start(["monitor", "--watch"]);
    let mut shown = BufReader::new(watch.stdout.take().expect("a pipe"));
    let mut line = String::new();
    // `monitor` watches for signals before it prints the first line.
    shown.read_line(&mut line).expect("a line");
    assert!(line.starts_with("queue of "), "{line}");
    signal(&watch, "INT");
    assert!(watch.wait().expect("it ends").success());
    assert_eq!(project.json(["status"])["live_runs"].as_array().map(Vec::len), Some(1));
    project.write("go", "");
    end_of(run).expect_code(0);
}

#[test]
fn a_watch_ends_if_its_reader_does() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun(&project, &[]);
    let mut command = project.command(["monitor", "--watch", "--json"]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let watch = command.stdout(Stdio::from(writer)).output().expect("the binary");
    Answer::from(watch).expect_code(0);
    assert_eq!(project.json(["status"])["live_runs"].as_array().map(Vec::len), Some(1));
    project.write("go", "");
    end_of(run).expect_code(0);
}
