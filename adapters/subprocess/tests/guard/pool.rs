//! The pool: who gets which guard, and what happens without one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use autoproc_subprocess::process_table::Processes;
use autoproc_subprocess::{Ending, GuardSettings, ProcessSpec};
use autoproc_testkit::ScriptedStop;

use crate::stage::{BOUND, LONG, Stage};

#[tokio::test]
async fn a_guard_serves_one_command_after_another() {
    let stage = Stage::new(LONG);
    for code in 0..20 {
        let report = stage.run(stage.script(&format!("echo $PPID >>parents; exit {code}"))).await;
        assert_eq!(report.ending, Ending::Exited { code });
    }
    let parents = stage.read("parents");
    let first = parents.lines().next().expect("a line");
    assert!(parents.lines().all(|parent| parent == first), "{parents}");
    assert_eq!(stage.guard_pids(), [first.parse::<i32>().expect("a number")]);
}

#[tokio::test]
async fn commands_at_the_same_time_have_guards_of_their_own() {
    let stage = Stage::new(LONG);
    // Each waits for the other.
    let script =
        |own: &str, other: &str| stage.script(&format!(": >{own}; while ! [ -e {other} ]; do sleep 0.02; done"));
    let (one, two) = tokio::join!(stage.run(script("a", "b")), stage.run(script("b", "a")));
    assert_eq!((one.ending, two.ending), (Ending::Exited { code: 0 }, Ending::Exited { code: 0 }));
    assert_eq!(stage.guard_pids().len(), 2);
}

#[tokio::test]
async fn every_command_bears_its_run_and_what_it_is_given() {
    let stage = Stage::new(LONG);
    let environment = vec![("GIVEN".into(), "a\nb".into()), ("AUTOPROC_RUN_ID".into(), "another".into())];
    let script = stage.script("printf '%s' \"$GIVEN\" >given; printf '%s' \"$AUTOPROC_RUN_ID\" >run");
    stage.run(ProcessSpec { environment, ..script }).await;
    assert_eq!(stage.read("given"), "a\nb");
    assert!(stage.read("run").starts_with("guard-"), "the marker cannot be taken away: {}", stage.read("run"));
}

#[tokio::test]
async fn after_the_close_nothing_starts_and_no_record_is_left() {
    let stage = Stage::new(LONG);
    stage.run(stage.script("true")).await;
    assert_eq!(stage.guard_pids().len(), 1);
    tokio::time::timeout(BOUND, stage.guards.close()).await.expect("closed in time");
    assert_eq!(stage.guard_pids(), Vec::<i32>::new());
    match stage.run(stage.script(": >started")).await.ending {
        Ending::CannotStart { reason, permanent: false } => assert!(reason.contains("closed"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert!(!stage.path("started").exists());
}

/// No file can do better until somebody mends it, so this is no ending of one process.
#[tokio::test]
async fn a_missing_guard_is_an_error() {
    let stage = Stage::with(LONG, |settings| GuardSettings { executable: "/no/such/guard".into(), ..settings });
    let run = stage.guards.run(stage.script("true"), &ScriptedStop::alone()).await;
    assert_eq!(run.expect_err("no guard").kind(), std::io::ErrorKind::NotFound);
}

/// A program that is no guard ends, or answers with what is no report.
#[tokio::test]
async fn a_program_that_is_no_guard_runs_nothing() {
    for program in ["/bin/true", "/bin/cat"] {
        let stage = Stage::with(LONG, |settings| GuardSettings { executable: program.into(), ..settings });
        let ending = stage.run(stage.script(": >started")).await.ending;
        assert!(matches!(ending, Ending::GuardDied | Ending::CannotStart { permanent: false, .. }), "{ending:?}");
        assert!(!stage.path("started").exists());
    }
}

/// It is a child of ours, which nobody else reaps, and its record would tell a later run to look for what is left.
#[tokio::test]
async fn a_guard_that_ends_before_it_was_told_anything_leaves_nothing_behind() {
    for pause in [false, true] {
        let quitter = tempfile::tempdir().expect("a folder");
        let executable = quitter.path().join("quits-at-once");
        fs::write(&executable, "#!/bin/sh\n: >\"$3\"\n").expect("a script");
        fs::set_permissions(&executable, Permissions::from_mode(0o700)).expect("a script that runs");
        let stage = Stage::with(LONG, |settings| GuardSettings { executable, ..settings });
        if pause {
            stage.guards.pause();
        }
        // More than the pipe has room for: what is not read is never written.
        let mut long = stage.script(": >started");
        long.arguments.push("x".repeat(1 << 20).into());
        let ending = stage.run(long).await.ending;
        assert!(matches!(ending, Ending::CannotStart { permanent: false, .. }), "{ending:?}");
        let own = std::process::id().cast_signed();
        let processes = Processes::read().expect("/proc");
        let left: Vec<_> =
            processes.iter().filter(|child| child.parent == own && *child.name == *b"quits-at-once").collect();
        assert!(left.is_empty(), "{left:?}");
        let files = fs::read_dir(stage.path("")).expect("a folder").flatten().map(|entry| entry.file_name());
        assert_eq!(files.collect::<Vec<_>>(), Vec::<std::ffi::OsString>::new());
    }
}

#[tokio::test]
async fn a_command_longer_than_any_message_is_refused_and_the_pool_goes_on() {
    let stage = Stage::new(LONG);
    let mut long = stage.script("true");
    long.arguments.push("x".repeat(65 << 20).into());
    let ending = stage.run(long).await.ending;
    assert!(matches!(ending, Ending::CannotStart { permanent: true, .. }), "{ending:?}");
    let report = stage.run(ProcessSpec { timeout: Duration::MAX, ..stage.script("exit 5") }).await;
    assert_eq!(report.ending, Ending::Exited { code: 5 });
}
