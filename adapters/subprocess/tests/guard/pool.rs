use std::fs;
use std::time::Duration;

use autoproc_domain::ports::{NeverStop, StartFault};
use autoproc_subprocess::process_table::Processes;
use autoproc_subprocess::{Ending, GuardSettings, ProcessSpec};

use crate::fixture::{Fixture, LONG, TIMEOUT, write_program};

#[tokio::test]
async fn one_guard_runs_one_command_after_another() {
    let fixture = Fixture::new(LONG);
    for code in 0..20 {
        let report = fixture.run(fixture.script(&format!("echo $PPID >>parents; exit {code}"))).await;
        assert_eq!(report.ending, Ending::Exited { code });
    }
    let parents = fixture.read("parents");
    let first = parents.lines().next().expect("a line");
    assert!(parents.lines().all(|parent| parent == first), "{parents}");
    assert_eq!(fixture.guard_pids(), [first.parse::<i32>().expect("a number")]);
}

#[tokio::test]
async fn concurrent_commands_have_different_guards() {
    let fixture = Fixture::new(LONG);
    // Each command waits for the other.
    let script =
        |own: &str, other: &str| fixture.script(&format!(": >{own}; while ! [ -e {other} ]; do sleep 0.02; done"));
    let (one, two) = tokio::join!(fixture.run(script("a", "b")), fixture.run(script("b", "a")));
    assert_eq!((one.ending, two.ending), (Ending::Exited { code: 0 }, Ending::Exited { code: 0 }));
    assert_eq!(fixture.guard_pids().len(), 2);
}

#[tokio::test]
async fn every_command_has_its_environment_and_the_marker() {
    let fixture = Fixture::new(LONG);
    let environment = vec![("GIVEN".into(), "a\nb".into()), ("AUTOPROC_RUN_ID".into(), "another".into())];
    let script = fixture.script("printf '%s' \"$GIVEN\" >given; printf '%s' \"$AUTOPROC_RUN_ID\" >run");
    fixture.run(ProcessSpec { environment, ..script }).await;
    assert_eq!(fixture.read("given"), "a\nb");
    assert!(fixture.read("run").starts_with("guard-"), "the marker cannot be overridden: {}", fixture.read("run"));
}

#[tokio::test]
async fn a_closed_pool_starts_nothing_and_leaves_no_record() {
    let fixture = Fixture::new(LONG);
    fixture.run(fixture.script("true")).await;
    assert_eq!(fixture.guard_pids().len(), 1);
    tokio::time::timeout(TIMEOUT, fixture.guards.close()).await.expect("closed in time");
    assert_eq!(fixture.guard_pids(), Vec::<i32>::new());
    match fixture.run(fixture.script(": >started")).await.ending {
        Ending::CannotStart { reason, fault: StartFault::Temporary } => assert!(reason.contains("closed"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert!(!fixture.path("started").exists());
}

#[tokio::test]
async fn a_missing_guard_is_an_error() {
    let fixture = Fixture::with(LONG, |settings| GuardSettings { executable: "/no/such/guard".into(), ..settings });
    let run = fixture.guards.run(fixture.script("true"), &NeverStop).await;
    assert_eq!(run.expect_err("no guard").kind(), std::io::ErrorKind::NotFound);
}

#[tokio::test]
async fn a_program_that_is_not_a_guard_runs_nothing() {
    for program in ["/bin/true", "/bin/cat"] {
        let fixture = Fixture::with(LONG, |settings| GuardSettings { executable: program.into(), ..settings });
        let ending = fixture.run(fixture.script(": >started")).await.ending;
        assert!(
            matches!(ending, Ending::GuardDied | Ending::CannotStart { fault: StartFault::Temporary, .. }),
            "{ending:?}"
        );
        assert!(!fixture.path("started").exists());
    }
}

#[tokio::test]
async fn a_guard_that_exits_before_its_first_message_leaves_nothing_behind() {
    for pause in [false, true] {
        let quitter = tempfile::tempdir().expect("a folder");
        let executable = quitter.path().join("quits-at-once");
        write_program(&executable, "#!/bin/sh\n: >\"$3\"\n");
        let fixture = Fixture::with(LONG, |settings| GuardSettings { executable, ..settings });
        if pause {
            fixture.guards.pause();
        }
        // The message exceeds the capacity of the pipe, so it can be written only if the guard
        // reads.
        let mut long = fixture.script(": >started");
        long.arguments.push("x".repeat(1 << 20).into());
        let ending = fixture.run(long).await.ending;
        assert!(matches!(ending, Ending::CannotStart { fault: StartFault::Temporary, .. }), "{ending:?}");
        let own = std::process::id().cast_signed();
        let processes = Processes::read().expect("/proc");
        let left: Vec<_> =
            processes.iter().filter(|child| child.parent == own && *child.name == *b"quits-at-once").collect();
        assert!(left.is_empty(), "{left:?}");
        let files = fs::read_dir(fixture.path("")).expect("a folder").flatten().map(|entry| entry.file_name());
        assert_eq!(files.collect::<Vec<_>>(), Vec::<std::ffi::OsString>::new());
    }
}

#[tokio::test]
async fn a_command_longer_than_a_message_is_refused_and_the_pool_stays_usable() {
    let fixture = Fixture::new(LONG);
    let mut long = fixture.script("true");
    long.arguments.push("x".repeat(65 << 20).into());
    let ending = fixture.run(long).await.ending;
    assert!(matches!(ending, Ending::CannotStart { fault: StartFault::Permanent, .. }), "{ending:?}");
    let report = fixture.run(ProcessSpec { timeout: Duration::MAX, ..fixture.script("exit 5") }).await;
    assert_eq!(report.ending, Ending::Exited { code: 5 });
}
