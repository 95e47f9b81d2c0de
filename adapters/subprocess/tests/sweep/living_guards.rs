//! Runs whose guards outlive them for a while. A shell plays the guard.

use std::time::Duration;

use autoproc_subprocess::guard_record::{self, Found, GuardRecord};
use autoproc_subprocess::process_table::{self, ProcessId};

use crate::scene::{Record, Scene, exists, until};

/// Locks its file, which says who it is; runs a command; takes its time when that has ended; removes the file. From there
/// on it is no guard that is spared, but one more process; so it sheds the marker first, to end by itself in any case.
const GUARD: &str = r#"
    exec 9<>"$RECORD"; flock -x 9
    setsid sleep "$NAP" 9>&- & sleep "$NAP" 9>&- &
    wait; i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done
    echo >"$DIR/ended"; exec env -u AUTOPROC_RUN_ID rm "$RECORD"
"#;

/// The same, but it does not end.
const STUBBORN: &str = r#"
    trap "" TERM; exec 9<>"$RECORD"; flock -x 9
    mkfifo "$DIR/nothing"; sleep "$NAP" 9>&- &
    wait; read -r nothing <>"$DIR/nothing"
"#;

/// Starts a guard that plays by `script`, and waits until its file is there, locked, and says who it is.
fn guarded(scene: &mut Scene, script: &str, sleepers: usize) -> ProcessId {
    let guard = scene.start_unmarked(&format!("until [ -s \"$RECORD\" ]; do sleep 0.01; done; {script}"));
    let record = Record { guard, ..Record::of(ProcessId { pid: 0, started: 0 }) };
    let path = scene.write(2, record.text());
    std::fs::rename(path, scene.record_path(1)).expect("renamed");
    scene.await_sleepers(sleepers);
    assert!(matches!(guard_record::look(&scene.record_path(1)), Ok(Found::Held(_))));
    guard
}

#[test]
fn a_guard_that_is_ending_things_is_helped_and_waited_for() {
    let mut scene = Scene::new();
    let guard = guarded(&mut scene, GUARD, 2);
    assert_eq!(scene.sweep(), []);
    assert_eq!(scene.await_file("ended"), "\n", "before the sweep did");
    scene.assert_empty();
    assert!(!exists(&scene.record_path(1)), "which it removed itself");
    until("the guard ends", || !process_table::lives(guard));
    assert_eq!(scene.exit_codes(), [Some(0)], "nobody killed it");
}

#[test]
fn a_guard_that_bears_the_marker_is_spared_while_it_lives() {
    let mut scene = Scene::new();
    let script = format!("AUTOPROC_RUN_ID='{}' exec sh -c '{GUARD}'", scene.run);
    guarded(&mut scene, &script, 2);
    assert_eq!(scene.sweep(), []);
    assert_eq!(scene.exit_codes(), [Some(0)], "nobody killed it");
}

#[test]
fn a_guard_that_does_not_end_is_killed_when_patience_is_over() {
    let mut scene = Scene::new();
    scene.patience = Duration::from_millis(200);
    let guard = guarded(&mut scene, STUBBORN, 1);
    assert_eq!(scene.sweep(), []);
    assert!(!process_table::lives(guard));
    scene.assert_empty();
    assert!(!exists(&scene.record_path(1)));
    assert_eq!(scene.exit_codes(), [None], "it was killed");
}

#[test]
fn a_guard_of_another_namespace_that_does_not_end_is_a_doubt() {
    let mut scene = Scene::new();
    scene.patience = Duration::ZERO;
    let guard = guarded(&mut scene, STUBBORN, 1);
    // The number means another process there; here it may be anybody's.
    let record = Record { guard, pid_namespace: "pid:[1]".into(), ..Record::of(guard) };
    std::fs::write(scene.record_path(1), record.text()).expect("written in place");
    let doubt = scene.doubt();
    assert!(doubt.contains("1 that cannot be seen from here"), "{doubt}");
    assert!(process_table::lives(guard) && exists(&scene.record_path(1)));
}

#[test]
fn a_guards_own_file_is_held_until_it_is_closed() {
    let scene = Scene::new();
    let path = scene.record_path(1);
    let mut record = GuardRecord::create(&path).expect("made");
    assert!(GuardRecord::create(&path).is_err(), "one file, one guard");
    record.attempt(i32::try_from(std::process::id()).expect("a number"), None).expect("noted");
    let us = process_table::own().expect("a process");
    let Ok(Found::Held(guard_record::Understood::Contents(contents))) = guard_record::look(&path) else {
        panic!("{:?}", guard_record::look(&path));
    };
    assert_eq!((contents.guard, contents.leader, contents.session), (us.id, Some(us.id), us.session));
    assert_eq!(mode(&path), 0o600);
    record.close().expect("removed");
    assert_eq!(guard_record::look(&path).expect("looked"), Found::Gone);
}

#[test]
fn a_guard_that_was_killed_leaves_its_file_free() {
    let scene = Scene::new();
    let path = scene.record_path(1);
    drop(GuardRecord::create(&path).expect("made"));
    assert!(matches!(guard_record::look(&path), Ok(Found::Free(_))));
}

fn mode(path: &std::path::Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().expect("there").permissions().mode() & 0o777
}
