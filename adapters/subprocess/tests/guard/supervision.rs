//! Time, resources, and what a guard makes of signals.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use autoproc_subprocess::process_table;
use autoproc_subprocess::{Ending, ProcessSpec};
use autoproc_testkit::ScriptedStop;
use rustix::process::{Pid, Signal, kill_process};

use crate::stage::{LONG, Stage, until};

/// As a machine may be late that does much else; the figure that matters is printed.
const LATE: Duration = Duration::from_secs(20);

/// Two on one slot: the second has to wait until the first is over. The timeout is doubled until the first one got as far
/// as being deaf to requests to end.
#[tokio::test]
async fn a_hanging_command_holds_its_slot_for_its_timeout_and_its_grace() {
    let (mut timeout, grace) = (Duration::from_millis(200), Duration::from_millis(300));
    let stage = Stage::new(grace);
    let hanging = "trap '' TERM; : >deaf; setsid sleep 3600 & exec sleep 3600";
    stage.run(stage.script("true")).await;
    while !stage.path("deaf").exists() {
        timeout *= 2;
        let began = Instant::now();
        let report = stage.run(ProcessSpec { timeout, ..stage.script(hanging) }).await;
        assert_eq!(report.ending, Ending::TimedOut);
        let is_deaf = stage.path("deaf").exists();
        stage.run(stage.script("true")).await;
        let took = began.elapsed();
        let late = took.saturating_sub(timeout + grace);
        println!("the next command was over {late:?} after the timeout and the grace");
        assert!(late < LATE && (!is_deaf || took >= timeout + grace), "{late:?}");
    }
}

#[tokio::test]
async fn what_a_command_used_is_measured() {
    let stage = Stage::new(LONG);
    // dd holds all of its block at once.
    let report = stage.run(stage.script("dd if=/dev/zero of=/dev/null bs=64M count=8 2>dd")).await;
    assert_eq!(report.ending, Ending::Exited { code: 0 });
    let usage = report.usage.expect("a measure");
    assert!(usage.peak_memory >= 64 << 20 && usage.peak_memory < 1 << 30, "{usage:?}");
    assert!(usage.system > Duration::ZERO && usage.user + usage.system < Duration::from_secs(60), "{usage:?}");
    let idle = stage.run(stage.script("sleep 0.2")).await.usage.expect("a measure");
    assert!(idle.peak_memory < 64 << 20, "each command is measured by itself: {idle:?}");
}

/// A terminal or a service manager may send them to everything; it is the runner that answers.
#[tokio::test]
async fn a_guard_outlives_requests_to_end() {
    let stage = Stage::new(LONG);
    let signal = async {
        until(|| stage.path("ready").exists()).await;
        let guard = stage.guard_pids()[0];
        for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
            kill_process(Pid::from_raw(guard).expect("not zero"), signal).expect("sent");
        }
        std::fs::write(stage.path("go"), "").expect("a file");
    };
    let script = ": >ready; while ! [ -e go ]; do sleep 0.02; done; kill -TERM $$";
    let (report, ()) = tokio::join!(stage.run(stage.script(script)), signal);
    assert_eq!(report.ending, Ending::Signalled { signal: 15 }, "and the command does not inherit the deafness");
}

/// Not adopted by us, what the guard leaves is known by its marker.
#[tokio::test]
async fn what_a_killed_guard_leaves_is_ended_and_the_next_command_has_another_guard() {
    let stage = Stage::new(LONG);
    let kill = async {
        until(|| stage.path("ready").exists()).await;
        let guard = process_table::read(stage.guard_pids()[0]).expect("a guard");
        assert_eq!(process_table::kill(guard.id), process_table::Signalled::Sent);
    };
    let script = "setsid sh -c 'echo $$ >child; : >ready; sleep 3600; :' & wait";
    let (report, ()) = tokio::join!(stage.run(stage.script(script)), kill);
    assert_eq!(report.ending, Ending::GuardDied);
    let child = stage.read("child").trim().parse().expect("a number");
    assert!(process_table::read(child).is_ok_and(|process| process.is_zombie) || process_table::read(child).is_err());
    assert_eq!(stage.guard_pids(), Vec::<i32>::new(), "its record is gone, since nothing is left");
    assert_eq!(stage.run(stage.script("exit 3")).await.ending, Ending::Exited { code: 3 });
}

/// Nobody awaits the report; the guard sees its pipe end.
#[tokio::test]
async fn a_command_nobody_waits_for_is_ended() {
    let stage = Stage::new(Duration::ZERO);
    let stop = ScriptedStop::alone();
    let pid = || std::fs::read_to_string(stage.path("pid")).unwrap_or_default();
    let run = stage.guards.run(stage.script("echo $$ >pid; exec sleep 3600"), &stop);
    tokio::select! {
        over = run => panic!("nobody ended it: {over:?}"),
        () = until(|| pid().ends_with('\n')) => {}
    }
    until(|| stage.guard_pids().is_empty()).await;
    assert!(process_table::read(pid().trim().parse().expect("a number")).is_err());
}

/// An empty record would later be taken for one of a guard that had not started anything.
#[test]
fn a_guard_whose_record_finds_no_room_leaves_none() {
    let dir = tempfile::tempdir().expect("a folder");
    let record = dir.path().join("run.guard-0");
    // A file may have no byte, and the signal that says so is ignored (setrlimit(2)).
    let mut guard = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" __guard run \"$1\"", env!("CARGO_BIN_EXE_autoproc-guard")])
        .arg(&record)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a guard");
    let mut said = String::new();
    BufReader::new(guard.stderr.take().expect("a pipe")).read_line(&mut said).expect("a line");
    assert!(said.contains("cannot keep"), "{said}");
    assert!(!record.exists(), "while the guard lives: {}", guard.id());
    drop(guard.stdin.take());
    assert!(guard.wait().expect("its end").success(), "it serves all the same");
    assert!(!record.exists());
}
