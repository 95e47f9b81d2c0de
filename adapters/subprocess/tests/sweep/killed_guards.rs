//! Runs whose guards were killed as well, and runs that never had any.

use autoproc_subprocess::process_table::{self, ProcessId};

use crate::scene::{Record, Scene, exists, until};

/// Leaves eight sleepers: in the leader's group; deaf to TERM; in sessions of their own, forked twice, with all their
/// descriptors closed; without any environment, below the leader and below an orphan.
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
fn everything_that_a_killed_guard_left_is_ended() {
    let mut scene = Scene::new();
    let leader = scene.start(TREE);
    scene.await_sleepers(IN_TREE);
    let path = scene.write(1, Record::of(leader).text());
    assert_eq!(scene.sweep(), []);
    scene.assert_empty();
    assert!(!exists(&path), "the file of a run that is over is removed");
}

#[test]
fn a_run_without_files_is_swept_by_its_marker() {
    let mut scene = Scene::new();
    scene.start(TREE);
    scene.await_sleepers(IN_TREE);
    assert_eq!(scene.sweep(), []);
    scene.assert_empty();
    assert_eq!(scene.sweep(), [], "and there is nothing more to do");
}

#[test]
fn a_command_that_took_the_marker_out_is_ended_by_its_leader() {
    let mut scene = Scene::new();
    let leader = scene.start_unmarked(r#"setsid sleep "$NAP" & sleep "$NAP" & wait"#);
    scene.await_sleepers(2);
    assert_eq!(scene.sweep(), []);
    assert_eq!(scene.sleepers().len(), 2, "nothing ties them to the run yet");
    scene.write(1, Record::of(leader).text());
    assert_eq!(scene.sweep(), []);
    scene.assert_empty();
}

#[test]
fn a_group_whose_leader_has_ended_is_known_by_its_guards_session() {
    let mut scene = Scene::new();
    // The shell that plays the guard leads a session; a group within it takes job control, which not every `sh` has without
    // a terminal.
    scene.start_unmarked(
        r#"exec setsid bash -c 'set -m; sh -c "sleep $NAP & sleep $NAP & echo \$\$ >\"$DIR/leader\"" & echo $$ >"$DIR/guard"; wait'"#,
    );
    let guard: i32 = scene.await_file("guard").trim().parse().expect("a number");
    let leader: i32 = scene.await_file("leader").trim().parse().expect("a number");
    scene.await_sleepers(2);
    scene.exit_codes();
    // Not even as zombies: whoever they were left to has to reap them.
    until("both have ended", || [guard, leader].iter().all(|pid| process_table::read(*pid).is_err()));
    let id = |pid| ProcessId { pid, started: 1 };
    let record = |session| Record { guard: id(guard), session, ..Record::of(id(leader)) };
    scene.write(1, record(0).text());
    let doubt = scene.doubt();
    assert!(doubt.contains("(sleep) may have been started by it"), "{doubt}");
    assert_eq!(scene.sleepers().len(), 2, "its number alone is no proof");
    scene.write(1, record(guard).text());
    assert_eq!(scene.sweep(), []);
    scene.assert_empty();
}

#[test]
fn several_guards_are_swept_together() {
    let mut scene = Scene::new();
    let leaders = [(); 3].map(|()| scene.start_unmarked(r#"sleep "$NAP" & wait"#));
    scene.await_sleepers(3);
    for (number, leader) in (1..).zip(leaders) {
        scene.write(number, Record::of(leader).text());
    }
    assert_eq!(scene.sweep(), []);
    scene.assert_empty();
}
