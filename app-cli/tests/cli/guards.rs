//! Guards that are stopped or killed during a run.

use std::fs;

use crate::fixture::{TempProject, end_of, wait_until};
use crate::ladder::is_stopped;
use crate::stop::{signal, signal_again};

/// Stops its guard, and never ends.
const STOPS_ITS_GUARD: &str = "echo $PPID > {//}/guard; kill -STOP $PPID; touch {}.begun; exec sleep 1000";

fn begun(project: &TempProject) -> std::process::Child {
    let run = project.start(["run", "--grace", "1", "--shell", STOPS_ITS_GUARD]);
    wait_until("the file is begun", || project.path("a.begun").exists());
    let guard = fs::read_to_string(project.path("guard")).expect("a number").trim().parse().expect("a number");
    wait_until("the guard is stopped", || is_stopped(guard));
    run
}

#[test]
fn the_timeout_holds_although_the_guard_is_stopped() {
    let project = TempProject::with_queue(&["a", "b"]);
    let words = [
        "run",
        "-r",
        "0",
        "--timeout",
        "1",
        "--grace",
        "1",
        "--shell",
        "case {} in */a) kill -STOP $PPID; exec sleep 1000;; esac",
    ];
    end_of(project.start(words)).expect_code(100);
    assert_eq!((project.status_of("a"), project.status_of("b")), ("timeout".into(), "completed".into()));
}

#[test]
fn a_stop_holds_although_the_guard_is_stopped() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun(&project);
    project.ask(["stop", "--now"]).expect_code(0);
    end_of(run).expect_code(75);
    let item = project.json(["queue", "show", "a"]);
    assert_eq!((&item["status"], &item["attempts"]), (&"pending".into(), &0.into()));
}

#[test]
fn three_signals_end_a_run_although_the_guard_is_stopped() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun(&project);
    signal(&run, "TERM");
    for _ in 0..2 {
        signal_again(&run, "TERM");
    }
    end_of(run).expect_code(143);
    assert_eq!(project.status_of("a"), "pending");
}

/// The tenth of 20 short commands kills its guard. The commands before it are completed, and those
/// after it are processed under another guard.
#[test]
fn a_killed_guard_fails_only_the_file_that_was_being_processed() {
    let names: Vec<_> = (10..30).map(|number| format!("f{number}")).collect();
    let project = TempProject::with_queue(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let script = "echo {/} >> {//}/begun; case {} in */f20) kill -9 $PPID; exec sleep 1000;; esac";
    let over = project.ask(["run", "-r", "0", "--shell", script]).expect_code(100);
    assert!(over.out.starts_with("processed 19, failed 1, "), "{over:#?}");
    assert_eq!(project.status_of("f20"), "failed");
    let begun = fs::read_to_string(project.path("begun")).expect("a list");
    assert_eq!(begun.lines().collect::<Vec<_>>(), names, "each file is begun once");
}
