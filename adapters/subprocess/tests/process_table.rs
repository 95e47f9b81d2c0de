//! Compares the process table with real processes.

use std::io;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use autoproc_domain::{ItemId, RunId};
use autoproc_subprocess::idle_items;
use autoproc_subprocess::process_table::{self, Marker, Process, ProcessId, Processes, SignalResult};

const TIMEOUT: Duration = Duration::from_secs(60);

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < TIMEOUT, "timed out waiting for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn spawn(command: &mut Command) -> (Child, i32) {
    let child = command.stdin(Stdio::piped()).spawn().expect("a child");
    let pid = i32::try_from(child.id()).expect("a number");
    (child, pid)
}

fn end(mut child: Child) {
    child.kill().expect("ended");
    child.wait().expect("reaped");
}

fn pids(mut processes: Vec<Process>) -> Vec<i32> {
    processes.sort_by_key(|process| process.id.pid);
    processes.into_iter().map(|process| process.id.pid).collect()
}

#[test]
fn a_child_is_read_with_its_parent_and_group() {
    let (child, pid) = spawn(&mut Command::new("cat"));
    until("the program", || &*process_table::read(pid).expect("a process").name == b"cat");
    let process = process_table::read(pid).expect("a process");
    let own = process_table::read(i32::try_from(std::process::id()).expect("a number")).expect("this process");
    assert_eq!((process.parent, process.group, process.session), (own.id.pid, own.group, own.session));
    assert!(process.id.started >= own.id.started && !process.is_zombie);
    assert!(process_table::is_alive(process.id));
    assert!(!process_table::is_alive(ProcessId { started: process.id.started + 1, ..process.id }));
    end(child);
    assert_eq!(process_table::read(pid).expect_err("gone").kind(), io::ErrorKind::NotFound);
}

#[test]
fn both_functions_find_the_same_descendants() {
    let (child, pid) = spawn(Command::new("sh").args(["-c", "(sleep 1000 & sleep 1000 & wait) & sleep 1000; wait"]));
    let by_children = || pids(process_table::descendants_of(pid).expect("a list"));
    until("four descendants", || by_children().len() == 4);
    let all = Processes::read().expect("all");
    assert_eq!(pids(all.descendants_of(pid)), by_children());
    let lineage = all.lineage_of(by_children()[3]);
    assert!(lineage.iter().any(|id| id.pid == pid), "{lineage:?}");
    for process in all.descendants_of(pid) {
        assert_eq!(process_table::kill(process.id), SignalResult::Sent);
    }
    end(child);
}

#[test]
fn only_the_identified_process_is_killed() {
    let (mut child, pid) = spawn(&mut Command::new("cat"));
    let id = process_table::read(pid).expect("a process").id;
    assert_eq!(process_table::kill(ProcessId { started: id.started - 1, ..id }), SignalResult::Gone);
    assert_eq!(process_table::kill(ProcessId { pid: 0, started: 0 }), SignalResult::Gone);
    assert_eq!(process_table::kill(ProcessId { pid: -pid, started: id.started }), SignalResult::Gone);
    assert!(child.try_wait().expect("a status").is_none());
    assert_eq!(process_table::kill(id), SignalResult::Sent);
    until("a zombie", || process_table::read(pid).expect("not reaped").is_zombie);
    assert!(!process_table::is_alive(id));
    assert_eq!(process_table::kill(id), SignalResult::Gone);
    child.wait().expect("reaped");
}

#[test]
fn a_marker_matches_only_its_own_run() {
    let run = RunId::new("a-run-of-this-test");
    let (child, pid) = spawn(Command::new("cat").env("AUTOPROC_RUN_ID", run.as_str()));
    let marker = Marker::of_run(&run);
    until("the environment", || marker.matches(pid).expect("readable"));
    let other = Marker::of_run(&RunId::new("a-run-of-this-tes"));
    assert!(!other.matches(pid).expect("readable"));
    end(child);
    assert_eq!(marker.matches(pid).expect_err("gone").kind(), io::ErrorKind::NotFound);
}

#[test]
fn the_boot_and_the_namespace_have_names() {
    assert_eq!(process_table::boot_id().expect("a boot").len(), 36);
    assert!(process_table::pid_namespace().expect("a namespace").starts_with("pid:["));
}

/// The second command has a child that uses CPU time. The child has lost the environment.
#[test]
fn an_attempt_is_idle_only_if_none_of_its_processes_uses_cpu_time() {
    let run = RunId::new(format!("idle-{}", std::process::id()));
    let start = |item: u64, script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script]).env("AUTOPROC_RUN_ID", run.as_str()).env("AUTOPROC_ITEM_ID", item.to_string());
        spawn(&mut command).0
    };
    let commands = [start(1, "read line"), start(2, "env -i sh -c 'while :; do :; done' & read line; kill $!")];
    let (own, other) = (Marker::of_run(&run), Marker::of_run(&RunId::new("another")));
    let idle = || idle_items(&own, Duration::from_millis(200)).expect("a process table");
    // The kernel may not have started the commands yet.
    until("only the first command is idle", || idle().iter().eq([&ItemId::new(1)]));
    assert!(idle_items(&other, Duration::ZERO).expect("a process table").is_empty());
    for mut command in commands {
        command.stdin.take();
        command.wait().expect("reaped");
    }
}
