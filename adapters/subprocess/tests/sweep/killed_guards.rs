use autoproc_subprocess::process_table::{self, ProcessId};

use crate::fixture::{Fixture, Record, exists, until};

const TREE: &str = r#"
    sleep "$NAP" &
    sh -c 'trap "" TERM HUP INT; sleep "$NAP"; :' &
    setsid sleep "$NAP" &
    (setsid sh -c 'sleep "$NAP" & sleep "$NAP" & wait' <&- >&- 2>&- &)
    env -i PATH="$PATH" sleep "$NAP" &
    env -i PATH="$PATH" NAP="$NAP" setsid sh -c 'sleep "$NAP" & wait' &
    (setsid sh -c 'env -i PATH="$PATH" sleep "$NAP" & wait' &)
    wait
"#;
const IN_TREE: usize = 8;

#[test]
fn all_processes_of_a_killed_guard_are_ended() {
    let mut fixture = Fixture::new();
    let leader = fixture.start(TREE);
    fixture.await_sleepers(IN_TREE);
    let path = fixture.write(1, Record::of(leader).text());
    assert_eq!(fixture.sweep(), []);
    fixture.assert_empty();
    assert!(!exists(&path), "the record is removed");
}

#[test]
fn a_run_without_records_is_swept_by_its_marker() {
    let mut fixture = Fixture::new();
    fixture.start(TREE);
    fixture.await_sleepers(IN_TREE);
    assert_eq!(fixture.sweep(), []);
    fixture.assert_empty();
    assert_eq!(fixture.sweep(), [], "a second sweep finds nothing");
}

#[test]
fn a_command_that_removed_the_marker_is_found_by_its_leader() {
    let mut fixture = Fixture::new();
    let leader = fixture.start_unmarked(r#"setsid sleep "$NAP" & sleep "$NAP" & wait"#);
    fixture.await_sleepers(2);
    assert_eq!(fixture.sweep(), []);
    assert_eq!(fixture.sleepers().len(), 2, "nothing ties them to the run");
    fixture.write(1, Record::of(leader).text());
    assert_eq!(fixture.sweep(), []);
    fixture.assert_empty();
}

#[test]
fn a_group_whose_leader_has_ended_is_found_by_its_guards_session() {
    let mut fixture = Fixture::new();
    // A shell that leads a session simulates the guard. It is bash, because not every `sh` has job
    // control without a terminal, and the command needs its own group.
    fixture.start_unmarked(
        r#"exec setsid bash -c 'set -m; sh -c "sleep $NAP & sleep $NAP & echo \$\$ >\"$DIR/leader\"" & echo $$ >"$DIR/guard"; wait'"#,
    );
    let guard: i32 = fixture.await_file("guard").trim().parse().expect("a number");
    let leader: i32 = fixture.await_file("leader").trim().parse().expect("a number");
    fixture.await_sleepers(2);
    fixture.exit_codes();
    // Waits until the new parent of the two processes has reaped them.
    until("the end of both", || [guard, leader].iter().all(|pid| process_table::read(*pid).is_err()));
    let id = |pid| ProcessId { pid, started: 1 };
    let record = |session| Record { guard: id(guard), session, ..Record::of(id(leader)) };
    fixture.write(1, record(0).text());
    let reason = fixture.unproven_reason();
    assert!(reason.contains("(sleep) may have been started by the dead run"), "{reason}");
    assert_eq!(fixture.sleepers().len(), 2, "its number alone is not proof");
    fixture.write(1, record(guard).text());
    assert_eq!(fixture.sweep(), []);
    fixture.assert_empty();
}

#[test]
fn the_processes_of_several_guards_are_ended() {
    let mut fixture = Fixture::new();
    let leaders = [(); 3].map(|()| fixture.start_unmarked(r#"sleep "$NAP" & wait"#));
    fixture.await_sleepers(3);
    for (number, leader) in (1..).zip(leaders) {
        fixture.write(number, Record::of(leader).text());
    }
    assert_eq!(fixture.sweep(), []);
    fixture.assert_empty();
}
