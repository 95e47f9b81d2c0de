use std::fs;
use std::process::{Command, Stdio};

use crate::fixture::{Answer, TempProject, end_of, wait_until};
use crate::ladder::is_stopped;
use crate::stop::{signal, signal_again};

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

#[test]
fn a_killed_guard_fails_only_the_file_that_was_being_processed() {
    let names: Vec<_> = (10..30).map(|number| format!("f{number}")).collect();
    let project = TempProject::with_queue(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let script = "echo {/} >> {//}/begun; case {} in */f20) kill -9 $PPID; exec sleep 1000;; esac";
    let over = project.ask(["run", "-r", "0", "--shell", script]).expect_code(100);
    assert!(over.out.starts_with("processed 19, failed 1, "), "{over:#?}");
    assert_eq!(project.status_of("f20"), "failed");
    let begun = fs::read_to_string(project.path("begun")).expect("a list");
    let mut begun: Vec<_> = begun.lines().collect();
    begun.sort_unstable();
    assert_eq!(begun, names, "each file is begun once");
}

const KILLS_ITS_GUARD: &str = "env -i sleep 1000 & echo $! > {//}/orphan; kill -9 $PPID; exec sleep 1000";

/// An entrypoint script may start a service and then `exec` the run.
#[test]
fn a_child_that_the_run_inherited_is_not_ended_with_a_killed_guard() {
    let project = TempProject::with_queue(&["a"]);
    let script = "sleep 1000 & echo $! > service; exec \"$@\"";
    let mut command = project.program("sh");
    command.args([
        "-c",
        script,
        "sh",
        env!("CARGO_BIN_EXE_autoproc"),
        "run",
        "-q",
        "-r",
        "0",
        "--shell",
        KILLS_ITS_GUARD,
    ]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    assert_eq!(command.status().expect("sh(1)").code(), Some(100));
    let service = fs::read_to_string(project.path("service")).expect("a number");
    // kill(1) fails if the process does not exist.
    assert!(Command::new("kill").args(["-9", service.trim()]).status().expect("kill(1)").success());
    let orphan = fs::read_to_string(project.path("orphan")).expect("a number");
    assert!(!fs::exists(format!("/proc/{}", orphan.trim())).expect("a look"), "the guard's own child is ended");
    assert_eq!(project.status_of("a"), "failed");
}

/// As process 1 of a container, a run adopts orphans.
#[test]
fn process_1_reaps_the_processes_of_others_and_does_not_end_them() {
    let project = TempProject::with_queue(&["a", "b"]);
    let script = r#"(sh -c 'until test -e "$PWD/go"; do sleep 0.02; done' & echo $! >ending)
        (sleep 1000 & echo $! >lasting)
        exec "$@""#;
    let shell = "case {} in */a) env -i sh -c 'sleep 1000' & kill -9 $PPID; exec sleep 1000;; esac
        kill -0 $(cat lasting) || exit 1
        touch go; while test -e /proc/$(cat ending); do sleep 0.02; done";
    let unshare = |words: &[&str]| {
        let mut command = project.program("unshare");
        command.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]).args(words);
        command
    };
    if !unshare(&["true"]).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        return;
    }
    let run = [
        "sh",
        "-c",
        script,
        "sh",
        env!("CARGO_BIN_EXE_autoproc"),
        "run",
        "-r",
        "0",
        "--timeout",
        "60",
        "--shell",
        shell,
    ];
    let over = Answer::from(unshare(&run).output().expect("unshare(1)"));
    assert_eq!((project.status_of("a"), project.status_of("b")), ("failed".into(), "completed".into()), "{over:#?}");
}
