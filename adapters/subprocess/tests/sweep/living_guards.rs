use std::time::Duration;

use autoproc_subprocess::guard_record::{self, GuardRecord, RecordState};
use autoproc_subprocess::process_table::{self, ProcessId};

use crate::fixture::{Fixture, Record, exists, until};

/// A guard as a shell script. The guard drops its marker together with the record, so that no sweep
/// kills the guard.
const GUARD: &str = r#"
    exec 9<>"$RECORD"; flock -x 9
    setsid sleep "$NAP" 9>&- & sleep "$NAP" 9>&- &
    wait; i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done
    echo >"$DIR/ended"; exec env -u AUTOPROC_RUN_ID rm "$RECORD"
"#;

/// A guard that does not exit.
const STUBBORN: &str = r#"
    trap "" TERM; exec 9<>"$RECORD"; flock -x 9
    mkfifo "$DIR/nothing"; sleep "$NAP" 9>&- &
    wait; read -r nothing <>"$DIR/nothing"
"#;

fn start_guard(fixture: &mut Fixture, script: &str, sleepers: usize) -> ProcessId {
    let guard = fixture.start(&format!("until [ -s \"$RECORD\" ]; do sleep 0.01; done; {script}"));
    let record = Record { guard, ..Record::of(ProcessId { pid: 0, started: 0 }) };
    let path = fixture.write(2, record.text());
    std::fs::rename(path, fixture.record_path(1)).expect("renamed");
    fixture.await_sleepers(sleepers);
    assert!(matches!(guard_record::inspect(&fixture.record_path(1)), Ok(RecordState::Locked(_))));
    guard
}

#[test]
fn the_processes_of_a_living_guard_are_ended_and_its_exit_is_awaited() {
    let mut fixture = Fixture::new();
    let guard = start_guard(&mut fixture, GUARD, 2);
    assert_eq!(fixture.sweep(), []);
    assert_eq!(fixture.await_file("ended"), "\n", "before the end of the sweep");
    fixture.assert_empty();
    assert!(!exists(&fixture.record_path(1)), "removed by the guard");
    until("the exit of the guard", || !process_table::is_alive(guard));
    assert_eq!(fixture.exit_codes(), [Some(0)], "the guard was not killed");
}

#[test]
fn a_process_that_is_no_guard_is_not_believed_to_be_one() {
    let mut fixture = Fixture::new();
    fixture.timeout = Duration::ZERO;
    let stranger = fixture.start_unmarked(r#"sleep "$NAP" & wait"#);
    fixture.await_sleepers(1);
    let record = Record { guard: stranger, ..Record::of(ProcessId { pid: 0, started: 0 }) };
    let file = std::fs::File::open(fixture.write(1, record.text())).expect("the record");
    file.lock().expect("locked");
    let reason = fixture.unproven_reason();
    assert!(reason.contains("1 that cannot be observed from here"), "{reason}");
    assert_eq!(fixture.sleepers().len(), 1);
    assert!(process_table::is_alive(stranger));
}

#[test]
fn a_guard_that_does_not_exit_is_killed_after_the_timeout() {
    let mut fixture = Fixture::new();
    fixture.timeout = Duration::from_millis(200);
    let guard = start_guard(&mut fixture, STUBBORN, 1);
    assert_eq!(fixture.sweep(), []);
    assert!(!process_table::is_alive(guard));
    fixture.assert_empty();
    assert!(!exists(&fixture.record_path(1)));
    assert_eq!(fixture.exit_codes(), [None], "the guard was killed");
}

#[test]
fn a_run_with_a_guard_in_another_namespace_is_unproven() {
    let mut fixture = Fixture::new();
    fixture.timeout = Duration::ZERO;
    // This guard has no marker, so the sweep does not kill it.
    let unmarked = format!("exec env -u AUTOPROC_RUN_ID sh -c '{STUBBORN}'");
    let guard = start_guard(&mut fixture, &unmarked, 1);
    // The record names another namespace, so its process number means nothing here.
    let record = Record { guard, pid_namespace: "pid:[1]".into(), ..Record::of(guard) };
    std::fs::write(fixture.record_path(1), record.text()).expect("written in place");
    let reason = fixture.unproven_reason();
    assert!(reason.contains("1 that cannot be observed from here"), "{reason}");
    assert!(process_table::is_alive(guard) && exists(&fixture.record_path(1)));
}

#[test]
fn a_record_is_locked_until_it_is_closed() {
    let fixture = Fixture::new();
    let path = fixture.record_path(1);
    let mut record = GuardRecord::create(&path).expect("created");
    assert!(GuardRecord::create(&path).is_err(), "a record has one guard");
    record.set_leader(i32::try_from(std::process::id()).expect("a number"), None).expect("written");
    let own = process_table::own().expect("a process");
    let Ok(RecordState::Locked(guard_record::Parsed::Contents(contents))) = guard_record::inspect(&path) else {
        panic!("{:?}", guard_record::inspect(&path));
    };
    assert_eq!((contents.guard, contents.leader, contents.session), (own.id, Some(own.id), own.session));
    assert_eq!(mode(&path), 0o600);
    record.close().expect("removed");
    assert_eq!(guard_record::inspect(&path).expect("inspected"), RecordState::Missing);
}

#[test]
fn a_killed_guard_leaves_its_record_unlocked() {
    let fixture = Fixture::new();
    let path = fixture.record_path(1);
    drop(GuardRecord::create(&path).expect("created"));
    assert!(matches!(guard_record::inspect(&path), Ok(RecordState::Unlocked { .. })));
}

fn mode(path: &std::path::Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().expect("there").permissions().mode() & 0o777
}
