//! The process table against real processes.

use std::io;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use autoproc_domain::RunId;
use autoproc_subprocess::process_table::{self, Marker, Process, ProcessId, Processes, Signalled};

/// What never takes this long takes for ever.
const BOUND: Duration = Duration::from_secs(60);

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < BOUND, "{what} never came true");
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
    let us = process_table::read(i32::try_from(std::process::id()).expect("a number")).expect("us");
    assert_eq!((process.parent, process.group, process.session), (us.id.pid, us.group, us.session));
    assert!(process.id.started >= us.id.started && !process.is_zombie);
    assert!(process_table::is_same(pid, process.id.started));
    assert!(!process_table::is_same(pid, process.id.started + 1));
    end(child);
    assert_eq!(process_table::read(pid).expect_err("gone").kind(), io::ErrorKind::NotFound);
}

#[test]
fn both_ways_find_the_same_descendants() {
    let (child, pid) = spawn(Command::new("sh").args(["-c", "(sleep 1000 & sleep 1000 & wait) & sleep 1000; wait"]));
    let by_children = || pids(process_table::descendants_of(pid).expect("a list"));
    until("four descendants", || by_children().len() == 4);
    let all = Processes::read().expect("all");
    assert_eq!(pids(all.descendants_of(pid)), by_children());
    let lineage = all.lineage_of(by_children()[3]);
    assert!(lineage.iter().any(|id| id.pid == pid), "{lineage:?}");
    for process in all.descendants_of(pid) {
        assert_eq!(process_table::kill(process.id), Signalled::Sent);
    }
    end(child);
}

#[test]
fn only_the_process_that_is_meant_is_killed() {
    let (mut child, pid) = spawn(&mut Command::new("cat"));
    let id = process_table::read(pid).expect("a process").id;
    assert_eq!(process_table::kill(ProcessId { started: id.started - 1, ..id }), Signalled::Gone);
    assert_eq!(process_table::kill(ProcessId { pid: 0, started: 0 }), Signalled::Gone);
    assert_eq!(process_table::kill(ProcessId { pid: -pid, started: id.started }), Signalled::Gone);
    assert!(child.try_wait().expect("asked").is_none());
    assert_eq!(process_table::kill(id), Signalled::Sent);
    until("a zombie", || process_table::read(pid).expect("not reaped").is_zombie);
    assert!(!process_table::lives(id));
    assert_eq!(process_table::kill(id), Signalled::Gone);
    child.wait().expect("reaped");
}

#[test]
fn a_marker_is_found_in_a_childs_environment_alone() {
    let run = RunId::new("a-run-of-this-test");
    let (child, pid) = spawn(Command::new("cat").env("AUTOPROC_RUN_ID", run.as_str()));
    let marker = Marker::of_run(&run);
    until("the environment", || marker.is_borne_by(pid).expect("ours to read"));
    let other = Marker::of_run(&RunId::new("a-run-of-this-tes"));
    assert!(!other.is_borne_by(pid).expect("ours to read"));
    end(child);
    assert_eq!(marker.is_borne_by(pid).expect_err("gone").kind(), io::ErrorKind::NotFound);
}

#[test]
fn the_boot_and_the_namespace_have_names() {
    assert_eq!(process_table::boot_id().expect("a boot").len(), 36);
    assert!(process_table::pid_namespace().expect("a namespace").starts_with("pid:["));
}
