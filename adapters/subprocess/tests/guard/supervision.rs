use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use autoproc_domain::ports::{NeverStop, StopLevel};
use autoproc_subprocess::process_table;
use autoproc_subprocess::{Ending, GuardSettings, ProcessSpec};
use rustix::process::{Pid, Signal, kill_process};

use crate::fixture::{Fixture, LONG, until, write_program};
use crate::stop::Stop;

const MAX_DELAY: Duration = Duration::from_secs(20);

const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_hanging_command_holds_its_slot_for_its_timeout_and_its_grace() {
    let (mut timeout, grace) = (Duration::from_millis(200), Duration::from_millis(300));
    let fixture = Fixture::new(grace);
    let hanging = "trap '' TERM; : >ready; setsid sleep 3600 & exec sleep 3600";
    fixture.run(fixture.script("true")).await;
    while !fixture.path("ready").exists() {
        timeout *= 2;
        let began = Instant::now();
        let report = fixture.run(ProcessSpec { timeout, ..fixture.script(hanging) }).await;
        assert_eq!(report.ending, Ending::TimedOut);
        let is_ready = fixture.path("ready").exists();
        fixture.run(fixture.script("true")).await;
        let took = began.elapsed();
        let delay = took.saturating_sub(timeout + grace);
        println!("the next command ended {delay:?} after the timeout and the grace");
        assert!(delay < MAX_DELAY && (!is_ready || took >= timeout + grace), "{delay:?}");
    }
}

#[tokio::test]
async fn the_usage_of_a_command_is_measured() {
    let fixture = Fixture::new(LONG);
    // dd holds a whole block in memory.
    let report = fixture.run(fixture.script("dd if=/dev/zero of=/dev/null bs=64M count=8 2>dd")).await;
    assert_eq!(report.ending, Ending::Exited { code: 0 });
    let usage = report.usage.expect("a measure");
    assert!(usage.peak_memory >= 64 << 20 && usage.peak_memory < 1 << 30, "{usage:?}");
    assert!(usage.system > Duration::ZERO && usage.user + usage.system < Duration::from_secs(60), "{usage:?}");
    let idle = fixture.run(fixture.script("sleep 0.2")).await.usage.expect("a measure");
    assert!(idle.peak_memory < 64 << 20, "each command is measured separately: {idle:?}");
}

#[tokio::test]
async fn a_guard_survives_requests_to_end() {
    let fixture = Fixture::new(LONG);
    let signal = async {
        until(|| fixture.path("ready").exists()).await;
        let guard = fixture.guard_pids()[0];
        for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
            kill_process(Pid::from_raw(guard).expect("not zero"), signal).expect("sent");
        }
        std::fs::write(fixture.path("go"), "").expect("a file");
    };
    let script = ": >ready; while ! [ -e go ]; do sleep 0.02; done; kill -TERM $$";
    let (report, ()) = tokio::join!(fixture.run(fixture.script(script)), signal);
    assert_eq!(report.ending, Ending::Signalled { signal: 15 }, "the command does not inherit the handlers");
}

#[tokio::test]
async fn the_orphans_of_a_killed_guard_are_ended_and_the_next_command_has_another_guard() {
    let fixture = Fixture::new(LONG);
    let kill = async {
        until(|| fixture.path("ready").exists()).await;
        let guard = process_table::read(fixture.guard_pids()[0]).expect("a guard");
        assert_eq!(process_table::kill(guard.id), process_table::SignalResult::Sent);
    };
    let script = "setsid sh -c 'echo $$ >child; : >ready; sleep 3600; :' & wait";
    let (report, ()) = tokio::join!(fixture.run(fixture.script(script)), kill);
    assert_eq!(report.ending, Ending::GuardDied);
    let child = fixture.read("child").trim().parse().expect("a number");
    assert!(process_table::read(child).is_ok_and(|process| process.is_zombie) || process_table::read(child).is_err());
    assert_eq!(fixture.guard_pids(), Vec::<i32>::new(), "its record is removed, because nothing is left");
    assert_eq!(fixture.run(fixture.script("exit 3")).await.ending, Ending::Exited { code: 3 });
}

#[tokio::test]
async fn a_stopped_guard_does_not_defeat_the_timeout() {
    for script in ["kill -STOP $PPID; exec sleep 3600", "trap '' TERM; while :; do kill -STOP $PPID; done"] {
        let fixture = Fixture::new(Duration::ZERO);
        let report = fixture.run(ProcessSpec { timeout: SHORT, ..fixture.script(script) }).await;
        assert_eq!(report.ending, Ending::TimedOut, "{script}");
        assert_eq!(fixture.run(fixture.script("true")).await.ending, Ending::Exited { code: 0 });
    }
}

#[tokio::test]
async fn a_guard_that_was_stopped_while_it_was_idle_is_continued() {
    let fixture = Fixture::new(LONG);
    fixture.run(fixture.script("true")).await;
    let guard = process_table::read(fixture.guard_pids()[0]).expect("a guard").id;
    assert_eq!(process_table::signal(guard, Signal::STOP), process_table::SignalResult::Sent);
    until(|| process_table::read(guard.pid).is_ok_and(|guard| guard.is_stopped)).await;
    assert_eq!(fixture.run(fixture.script("exit 3")).await.ending, Ending::Exited { code: 3 });
    assert_eq!(fixture.guard_pids(), [guard.pid]);
}

#[tokio::test]
async fn a_stopped_guard_does_not_defeat_a_stop() {
    for level in [StopLevel::Aborting, StopLevel::Killing] {
        let fixture = Fixture::new(Duration::ZERO);
        let stop = Stop::new();
        let run = fixture.guards.run(fixture.script("kill -STOP $PPID; : >stopped; exec sleep 3600"), &stop);
        let raise = async {
            until(|| fixture.path("stopped").exists()).await;
            stop.raise(level);
        };
        let (report, ()) = tokio::join!(run, raise);
        assert_eq!(report.expect("an ending").ending, Ending::Aborted, "{level:?}");
    }
}

#[tokio::test]
async fn a_guard_that_never_answers_is_killed() {
    let deaf = tempfile::tempdir().expect("a folder");
    let (program, pid) = (deaf.path().join("guard"), deaf.path().join("pid"));
    write_program(&program, &format!("#!/bin/sh\necho $$ >{}\nexec sleep 3600\n", pid.display()));
    let fixture = Fixture::with(LONG, |settings| GuardSettings { executable: program, ..settings });
    let stop = Stop::new();
    let run = fixture.guards.run(fixture.script("true"), &stop);
    let raise = async {
        until(|| std::fs::read_to_string(&pid).is_ok_and(|pid| pid.ends_with('\n'))).await;
        stop.raise(StopLevel::Killing);
    };
    let (report, ()) = tokio::join!(run, raise);
    let report = report.expect("an ending");
    assert_eq!(
        (report.ending.clone(), &*report.last_error_lines()),
        (Ending::Aborted, "its guard did not respond, and was killed")
    );
    let pid = std::fs::read_to_string(&pid).expect("a number").trim().parse().expect("a number");
    assert!(process_table::read(pid).is_err());
}

#[tokio::test]
async fn a_command_is_ended_if_its_future_is_dropped() {
    let fixture = Fixture::new(Duration::ZERO);
    let stop = NeverStop;
    let pid = || std::fs::read_to_string(fixture.path("pid")).unwrap_or_default();
    let run = fixture.guards.run(fixture.script("echo $$ >pid; exec sleep 3600"), &stop);
    tokio::select! {
        ended = run => panic!("ended too early: {ended:?}"),
        () = until(|| pid().ends_with('\n')) => {}
    }
    until(|| fixture.guard_pids().is_empty()).await;
    assert!(process_table::read(pid().trim().parse().expect("a number")).is_err());
}

#[test]
fn a_guard_that_cannot_write_its_record_leaves_none() {
    let dir = tempfile::tempdir().expect("a folder");
    let record = dir.path().join("run.guard-0");
    // Limits files to 0 bytes, and ignores the signal that a longer write would cause
    // (setrlimit(2)).
    let mut guard = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" __guard run \"$1\"", env!("CARGO_BIN_EXE_autoproc-guard")])
        .arg(&record)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a guard");
    let mut message = String::new();
    BufReader::new(guard.stderr.take().expect("a pipe")).read_line(&mut message).expect("a line");
    assert!(message.contains("cannot create the guard's record"), "{message}");
    assert!(!record.exists(), "while the guard runs: {}", guard.id());
    drop(guard.stdin.take());
    assert!(guard.wait().expect("an exit").success(), "it still serves");
    assert!(!record.exists());
}
