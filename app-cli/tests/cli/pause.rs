use std::fs;
use std::path::PathBuf;
use std::process::Child;

use serde_json::Value;

use crate::fixture::{TempProject, end_of, wait_until};
use crate::ladder::{TICKING, is_stopped, stands_still};
use crate::stop::{begun_through, signal, signal_again, wait_until_heard};

const WITH_CHILD: &str = "sleep 1000 & echo $$ $! > {}.pids.new; mv {}.pids.new {}.pids; \
                          until test -e {//}/go; do sleep 0.02; done; kill $!";

fn with_child(project: &TempProject, options: &[&str]) -> (Child, Vec<u32>) {
    let run = project.start([&["run", "--grace", "1"], options, &["--shell", WITH_CHILD]].concat());
    let pids = project.path("a.pids");
    wait_until("the first file is begun", || pids.exists());
    let pids = fs::read_to_string(pids).expect("the numbers");
    (run, pids.split_whitespace().map(|pid| pid.parse().expect("a number")).collect())
}

/// True if the process is suspended or blocked in vfork(2).
fn is_held(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 'D']))
}

fn pause_files(project: &TempProject) -> Vec<PathBuf> {
    let entries = fs::read_dir(project.state("runs")).into_iter().flatten().flatten();
    let is_pause = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "pause" || ending == "paused");
    entries.map(|entry| entry.path()).filter(is_pause).collect()
}

fn exists(pid: u32) -> bool {
    fs::exists(format!("/proc/{pid}")).expect("a look")
}

fn live_run(project: &TempProject) -> Value {
    project.json(["status"])["live_runs"][0].clone()
}

#[test]
fn a_paused_run_stands_still_with_everything_below_it_until_it_is_resumed() {
    let project = TempProject::with_queue(&["a", "b"]);
    let (run, pids) = with_child(&project, &[]);
    let paused = project.ask(["pause"]).expect_code(0);
    let id = live_run(&project)["run_id"].as_str().expect("a name").to_owned();
    for words in ["paused: run ", &id, &format!("(process {} on ", run.id()), "1 file in progress\n  "] {
        assert!(paused.out.contains(words), "no {words:?} in {paused:?}");
    }
    assert!(pids.iter().all(|pid| is_held(*pid)), "it returned before all processes were stopped");
    assert!(!is_stopped(run.id()), "the run itself obeys stop requests");
    let again = project.ask(["pause"]).expect_code(0);
    assert!(again.out.starts_with("already paused since "), "{again:?}");
    // With `go`, the command would end and the next one would begin, but the pause prevents both.
    project.write("go", "");
    assert!(pids.iter().all(|pid| is_held(*pid)) && !project.path("b.pids").exists());
    let resumed = project.ask(["resume"]).expect_code(0);
    assert!(resumed.out.starts_with(&format!("resumed: run {id}")), "{resumed:?}");
    let over = end_of(run).expect_code(0);
    assert!(over.out.starts_with("processed 2, failed 0"), "{over:?}");
    // Each line begins with the time of day.
    let line = |word: &str| {
        over.err.lines().position(|line| line.split_once(' ').is_some_and(|(_, rest)| rest.starts_with(word)))
    };
    assert!(line("paused").is_some() && line("paused") < line("resumed"), "{over:?}");
    assert!(pause_files(&project).is_empty());
}

#[test]
fn a_paused_run_starts_nothing() {
    let project = TempProject::with_queue(&["a"]);
    let (run, _) = with_child(&project, &["--jobs", "2"]);
    project.ask(["pause"]).expect_code(0);
    project.write("b", "");
    project.ask(["queue", "add", "b"]).expect_code(0);
    let log = project.path("logs/autonomous-processing.jsonl");
    wait_until("the run says that it starts nothing", || {
        fs::read_to_string(&log).is_ok_and(|log| log.contains("\"reason\":\"the run is paused\""))
    });
    assert_eq!(project.status_of("b"), "pending");
    let log = fs::read_to_string(&log).expect("the event log");
    assert!(log.contains("\"event\":\"processor_paused\""), "{log}");
    project.write("go", "");
    project.ask(["resume"]).expect_code(0);
    end_of(run).expect_code(0);
}

#[test]
fn status_shows_a_pause() {
    let project = TempProject::with_queue(&["a"]);
    let (run, _) = with_child(&project, &[]);
    assert_eq!((&live_run(&project)["paused"], &live_run(&project)["paused_at"]), (&false.into(), &Value::Null));
    let document = project.json(["pause"]);
    let one = &document["runs"][0];
    assert_eq!((&one["outcome"], &one["pid"]), (&"paused".into(), &run.id().into()));
    assert!(one["files"][0]["file_path"].as_str().is_some_and(|path| path.ends_with("/a")), "{document}");
    let shown = project.ask(["status"]).expect_code(0);
    assert!(shown.out.contains(", paused since 2"), "{shown:?}");
    assert_eq!((&live_run(&project)["paused"], &live_run(&project)["paused_at"]), (&true.into(), &one["paused_at"]));
    assert_eq!(project.json(["pause"])["runs"][0]["outcome"], "already_paused");
    assert_eq!(project.json(["resume"])["runs"][0]["outcome"], "resumed");
    assert_eq!(project.json(["resume"])["runs"][0]["outcome"], "not_paused");
    assert!(project.ask(["resume"]).expect_code(0).out.starts_with("not paused: run "));
    project.write("go", "");
    end_of(run).expect_code(0);
}

#[test]
fn a_stop_is_obeyed_after_the_pause() {
    let project = TempProject::with_queue(&["a", "b"]);
    let (run, pids) = with_child(&project, &[]);
    project.ask(["pause"]).expect_code(0);
    let stop = project.ask(["stop"]).expect_code(0);
    assert!(stop.out.contains("is paused: after `autoproc resume` it will finish"), "{stop:?}");
    wait_until_heard(&project);
    assert!(pids.iter().all(|pid| is_held(*pid)));
    project.write("go", "");
    project.ask(["resume"]).expect_code(0);
    let over = end_of(run).expect_code(75);
    assert!(over.out.starts_with("processed 1, failed 0, retried 0, 1 pending; stopped by a stop request"), "{over:?}");
}

#[test]
fn a_stop_now_ends_a_paused_run() {
    let project = TempProject::with_queue(&["a"]);
    let (run, pids) = with_child(&project, &[]);
    project.ask(["pause"]).expect_code(0);
    project.ask(["stop", "--now", "--wait"]).expect_code(0);
    end_of(run).expect_code(75);
    assert!(!pids.into_iter().any(exists));
    let item = project.json(["queue", "show", "a"]);
    assert_eq!((&item["status"], &item["attempts"]), (&"pending".into(), &0.into()));
    assert!(pause_files(&project).is_empty());
}

#[test]
fn two_terminations_end_a_paused_run() {
    let project = TempProject::with_queue(&["a"]);
    let (run, pids) = with_child(&project, &[]);
    project.ask(["pause"]).expect_code(0);
    signal(&run, "TERM");
    wait_until_heard(&project);
    assert_eq!(live_run(&project)["paused"], true);
    signal_again(&run, "TERM");
    end_of(run).expect_code(143);
    assert!(!pids.into_iter().any(exists));
}

#[test]
fn a_killed_run_leaves_nothing_of_its_pause() {
    let project = TempProject::with_queue(&["a"]);
    let (run, pids) = with_child(&project, &[]);
    project.ask(["pause"]).expect_code(0);
    assert!(pids.iter().all(|pid| is_held(*pid)));
    project.kill(run);
    assert!(!pids.into_iter().any(exists));
    let answer = project.ask(["pause"]).expect_code(0);
    assert_eq!(answer.out, "no run is live: there is nothing to pause\n");
    project.write("go", "");
    let next = project.ask(["run", "--", "true"]).expect_code(0);
    assert!(next.out.starts_with("processed 1"), "{next:?}");
    assert!(pause_files(&project).is_empty());
}

#[test]
fn without_a_live_run_there_is_nothing_to_do() {
    let project = TempProject::with_queue(&["a"]);
    assert_eq!(project.ask(["pause"]).expect_code(0).out, "no run is live: there is nothing to pause\n");
    let resumed = project.ask(["resume", "--paused-only"]).expect_code(0);
    assert_eq!(resumed.out, "no run is live: there is nothing to resume\n");
    assert_eq!(project.json(["pause"])["runs"], Value::Array(Vec::new()));
    let empty = TempProject::new();
    empty.ask(["pause"]).expect_error(2, "there is no queue");
    assert!(!empty.path(".claude").exists());
}

fn rewrite_record(project: &TempProject, changes: &[(&str, &str)]) {
    let mut entries =
        fs::read_dir(project.state("runs")).expect("the folder").map(|entry| entry.expect("a file").path());
    let lock = entries.find(|path| path.extension().is_some_and(|ending| ending == "lock")).expect("a lock");
    let mut record: Value = serde_json::from_slice(&fs::read(&lock).expect("the record")).expect("a document");
    for (key, value) in changes {
        record[key] = (*value).into();
    }
    fs::write(&lock, record.to_string()).expect("the record");
}

#[test]
fn a_run_of_another_machine_is_named_and_left_alone() {
    let project = TempProject::with_queue(&["a"]);
    let (run, pids) = with_child(&project, &[]);
    for changes in [[("host", "other"), ("boot_id", "elsewhere")], [("host", "other\u{1b}[2J"), ("boot_id", "")]] {
        rewrite_record(&project, &changes);
        let answer = project.ask(["pause"]).expect_code(0);
        assert!(answer.out.starts_with("left alone: run ") && answer.out.contains("other"), "{answer:?}");
        assert!(!answer.out.contains('\u{1b}'), "{answer:?}");
        assert_eq!(project.json(["resume"])["runs"][0]["outcome"], "elsewhere");
    }
    assert!(pause_files(&project).is_empty() && !pids.into_iter().any(is_stopped));
    project.write("go", "");
    end_of(run).expect_code(0);
}

#[test]
fn a_run_that_ctrl_z_suspended_counts_as_paused_and_can_be_resumed() {
    let project = TempProject::with_queue(&["a", "b"]);
    // The tests may have been started with SIGTSTP ignored.
    let run = begun_through(&project, &["env", "--default-signal=TSTP"]);
    signal(&run, "TSTP");
    wait_until("the run stops", || is_stopped(run.id()));
    assert!(live_run(&project)["paused_at"].is_string());
    let answer = project.ask(["pause"]).expect_code(0);
    assert!(answer.out.starts_with("already paused since "), "{answer:?}");
    project.write("go", "");
    let answer = project.ask(["resume"]).expect_code(0);
    assert!(answer.out.starts_with("resumed: run "), "{answer:?}");
    end_of(run).expect_code(0);
}

fn ticking() -> (TempProject, Child) {
    let project = TempProject::with_queue(&["a"]);
    let mut command = project.program("env");
    command.args(["--default-signal=TSTP", env!("CARGO_BIN_EXE_autoproc"), "run", "-q", "--shell", TICKING]);
    let run = command.spawn().expect("the wrapper");
    wait_until("the file is begun", || project.path("a.begun").exists());
    (project, run)
}

fn expect_paused_when_continued(project: &TempProject, run: Child) {
    signal(&run, "CONT");
    wait_until("the run continues", || !is_stopped(run.id()));
    wait_until("the command stands still", || stands_still(project));
    assert_eq!(live_run(project)["paused"], true);
    project.write("go", "");
    project.ask(["resume"]).expect_code(0);
    end_of(run).expect_code(0);
}

#[test]
fn a_requested_pause_outlasts_a_suspension() {
    let (project, run) = ticking();
    project.ask(["pause"]).expect_code(0);
    signal(&run, "TSTP");
    wait_until("the run stops", || is_stopped(run.id()));
    expect_paused_when_continued(&project, run);
}

#[test]
fn a_pause_of_a_suspended_run_outlasts_the_suspension() {
    let (project, run) = ticking();
    signal(&run, "TSTP");
    wait_until("the run stops", || is_stopped(run.id()));
    assert!(project.ask(["pause"]).expect_code(0).out.starts_with("already paused since "));
    expect_paused_when_continued(&project, run);
}

#[test]
fn a_stop_now_ends_a_suspended_run() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun_through(&project, &["env", "--default-signal=TSTP"]);
    signal(&run, "TSTP");
    wait_until("the run stops", || is_stopped(run.id()));
    project.ask(["stop", "--now", "--wait"]).expect_code(0);
    end_of(run).expect_code(75);
    assert_eq!(project.status_of("a"), "pending");
}

#[test]
fn a_command_cannot_pause_its_own_run() {
    let project = TempProject::with_queue(&["a"]);
    let line = format!("{} pause 2> answer; test $? = 2 && : {{}}", env!("CARGO_BIN_EXE_autoproc"));
    project.ask(["run", "-r0", "--timeout", "60", "--shell", &line]).expect_code(0);
    let answer = fs::read_to_string(project.path("answer")).expect("an answer");
    assert!(answer.starts_with("error: a command of a run cannot pause the runs"), "{answer}");
}
