use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::fixture::{TempProject, end_of, wait_until};

const UNTIL_GO: &str = "touch {}.begun; until test -e {//}/go; do sleep 0.02; done";

pub(crate) fn begun(project: &TempProject, options: &[&str]) -> Child {
    let run = project.start([&["run", "--grace", "1"], options, &["--shell", UNTIL_GO]].concat());
    wait_until("the first file is begun", || project.path("a.begun").exists());
    run
}

pub(crate) fn begun_through(project: &TempProject, wrapper: &[&str]) -> Child {
    let mut command = project.program(wrapper[0]);
    command.args(&wrapper[1..]).args([env!("CARGO_BIN_EXE_autoproc"), "run", "--grace", "1", "--shell", UNTIL_GO]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = command.spawn().expect("the wrapper");
    wait_until("the first file is begun", || project.path("a.begun").exists());
    run
}

pub(crate) fn signal(run: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &run.id().to_string()]).status();
    assert!(sent.expect("kill(1)").success());
}

/// Sends a signal late enough to count as a separate signal.
pub(crate) fn signal_again(run: &Child, name: &str) {
    thread::sleep(Duration::from_millis(550));
    signal(run, name);
}

#[track_caller]
pub(crate) fn wait_until_heard(project: &TempProject) {
    let log = project.path("logs/autonomous-processing.jsonl");
    wait_until("a stop is heard", || fs::read_to_string(&log).is_ok_and(|log| log.contains("stop_requested")));
}

#[test]
fn a_stop_lets_the_current_file_finish() {
    let project = TempProject::with_queue(&["a", "b"]);
    let run = begun(&project, &[]);
    let owner = run.id().to_string();
    let answer = project.ask(["stop"]).expect_code(0);
    assert!(answer.out.contains(&owner) && answer.out.contains("finish its current files"), "{answer:?}");
    wait_until_heard(&project);
    project.ask(["run", "-q", "--", "true"]).expect_error(75, "still finishing");
    project.write("go", "");
    let over = end_of(run).expect_code(75);
    assert!(over.out.contains("processed 1, failed 0, retried 0, 1 pending; stopped by a stop request"), "{over:?}");
    assert!(!project.state("STOP-AUTONOMOUS").exists(), "who obeys last takes it away");
}

#[test]
fn a_stop_now_gives_the_current_file_back() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun(&project, &[]);
    project.ask(["stop", "--now"]).expect_code(0);
    end_of(run).expect_code(75);
    let item = project.json(["queue", "show", "a"]);
    assert_eq!((&item["status"], &item["attempts"]), (&"pending".into(), &0.into()));
}

#[test]
fn a_stop_that_nobody_sees_is_discarded() {
    let project = TempProject::with_queue(&["a"]);
    let answer = project.ask(["stop"]).expect_code(0);
    assert!(answer.out.contains("no run is live"), "{answer:?}");
    let run = project.ask(["run", "--", "true"]).expect_code(0);
    assert!(run.out.starts_with("processed 1"), "{run:?}");
    assert!(run.err.contains(" cleared a stop request from before this run\n"), "{run:?}");
}

#[test]
fn two_interrupts_end_a_run_with_130() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun(&project, &[]);
    signal(&run, "INT");
    // Two signals that are sent at once may arrive in any order.
    wait_until_heard(&project);
    signal_again(&run, "TERM");
    end_of(run).expect_code(130);
    assert_eq!(project.status_of("a"), "pending");
}

#[test]
fn two_terminations_end_a_run_with_143() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun(&project, &[]);
    signal(&run, "TERM");
    wait_until_heard(&project);
    signal_again(&run, "TERM");
    end_of(run).expect_code(143);
}

/// `docker stop` kills a container 10 s after SIGTERM.
#[test]
fn the_time_to_finish_after_a_termination_is_limited() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun(&project, &["--stop-timeout", "100ms"]);
    signal(&run, "TERM");
    end_of(run).expect_code(143);
    assert_eq!(project.status_of("a"), "pending");
}

/// A closing terminal may send SIGHUP more than once.
#[test]
fn signals_in_quick_succession_let_the_current_file_finish() {
    let project = TempProject::with_queue(&["a", "b"]);
    // The tests may run under nohup(1), which ignores SIGHUP.
    let run = begun_through(&project, &["env", "--default-signal=HUP"]);
    signal(&run, "HUP");
    wait_until_heard(&project);
    signal(&run, "HUP");
    project.write("go", "");
    end_of(run).expect_code(129);
    assert_eq!((project.status_of("a"), project.status_of("b")), ("completed".into(), "pending".into()));
}

#[test]
fn an_interrupt_alone_is_a_clean_stop() {
    let project = TempProject::with_queue(&["a", "b"]);
    let run = begun(&project, &[]);
    signal(&run, "INT");
    project.write("go", "");
    end_of(run).expect_code(130);
}

#[test]
fn status_does_without_a_state_file_it_cannot_read() {
    let project = TempProject::with_queue(&["a"]);
    project.write(".claude/mission-control/AUTONOMOUS-STATE.json", "not JSON");
    let answer = project.ask(["status"]).expect_code(0);
    assert!(answer.err.starts_with("warning: ") && answer.out.contains("1 pending"), "{answer:?}");
}

#[test]
fn status_tells_what_goes_on() {
    let project = TempProject::with_queue(&["a", "b"]);
    let idle = project.ask(["status"]).expect_code(0);
    assert!(idle.out.contains("no run is live, and none was started here yet"), "{idle:?}");
    let run = begun(&project, &["-r", "2"]);
    let live = project.ask(["status"]).expect_code(0);
    for words in [&run.id().to_string(), "1 at a time", "attempt 1 of 3", "for ", "priority 0", "1 pending"] {
        assert!(live.out.contains(words), "no {words:?} in {live:?}");
    }
    let json = project.json(["status"]);
    assert_eq!(json["live_runs"][0]["max_attempts"], 3);
    assert_eq!(json["processing"][0]["status"], "processing");
    project.ask(["queue", "remove", "a"]).expect_error(2, "is being processed");
    project.ask(["queue", "clear"]).expect_code(0);
    assert_eq!(project.names(), ["a"], "what is being processed stays");
    project.write("go", "");
    end_of(run).expect_code(0);
    let over = project.ask(["status"]).expect_code(0);
    assert!(over.out.contains("no run is live; the latest completed at"), "{over:?}");
}

#[test]
fn a_hang_up_that_is_ignored_from_the_start_stays_so() {
    let project = TempProject::with_queue(&["a", "b"]);
    let run = begun_through(&project, &["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"]);
    signal(&run, "HUP");
    project.write("go", "");
    let over = end_of(run).expect_code(0);
    assert!(over.out.starts_with("processed 2") && over.out.contains("no files are left"), "{over:?}");
}

/// Another user may have written the lock file with the host name.
#[test]
fn the_name_of_a_host_steers_no_terminal() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun(&project, &[]);
    let mut locks = fs::read_dir(project.state("runs")).expect("the folder").map(|entry| entry.expect("a file").path());
    let lock = locks.find(|path| path.extension().is_some_and(|ending| ending == "lock")).expect("a lock");
    let mut record: serde_json::Value =
        serde_json::from_slice(&fs::read(&lock).expect("the record")).expect("a document");
    record["host"] = "\u{1b}[2Jhost".into();
    fs::write(&lock, record.to_string()).expect("the record");
    for words in [&["status"][..], &["doctor"], &["stop"], &["stop", "--wait", "--timeout", "0"]] {
        let answer = project.ask(words);
        let all = answer.out + &answer.err;
        assert!(all.contains("\\u{1b}[2Jhost") && !all.contains('\u{1b}'), "{words:?}: {all}");
    }
    project.write("go", "");
    end_of(run).expect_code(0);
}
