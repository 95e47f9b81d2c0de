//! Who and what a sweep leaves alone.

use autoproc_subprocess::process_table::ProcessId;
use proptest::prelude::*;

use crate::scene::{Record, Scene, exists};

#[test]
fn a_process_with_the_leaders_number_and_another_start_survives() {
    let mut scene = Scene::new();
    let stranger = scene.start_unmarked(r#"sleep "$NAP" & wait"#);
    scene.await_sleepers(1);
    let leader = ProcessId { started: stranger.started - 1, ..stranger };
    let path = scene.write(1, Record::of(leader).text());
    assert_eq!(scene.sweep(), []);
    assert_eq!(scene.sleepers().len(), 1);
    assert!(!exists(&path));
}

#[test]
fn after_another_boot_all_is_over() {
    let mut scene = Scene::new();
    let stranger = scene.start_unmarked(r#"sleep "$NAP" & wait"#);
    scene.await_sleepers(1);
    let record = Record { boot_id: "00000000-0000-0000-0000-000000000000".into(), ..Record::of(stranger) };
    let path = scene.write(1, record.text());
    assert_eq!(scene.sweep(), []);
    assert_eq!(scene.sleepers().len(), 1, "it is nobody's that we know");
    assert!(!exists(&path));
}

#[test]
fn another_pid_namespace_cannot_be_judged() {
    let mut scene = Scene::new();
    let stranger = scene.start_unmarked(r#"sleep "$NAP" & wait"#);
    scene.await_sleepers(1);
    let record = Record { pid_namespace: "pid:[1]".into(), ..Record::of(stranger) };
    let path = scene.write(1, record.text());
    let doubt = scene.doubt();
    assert!(doubt.contains("another pid namespace (pid:[1])"), "{doubt}");
    assert_eq!(scene.sleepers().len(), 1);
    assert!(exists(&path), "for the next who asks");
}

#[test]
fn what_a_run_in_another_namespace_left_here_is_ended_all_the_same() {
    let mut scene = Scene::new();
    scene.start(r#"sleep "$NAP" & wait"#);
    scene.await_sleepers(1);
    scene.write(1, Record { pid_namespace: "pid:[1]".into(), ..Record::of(crate::scene::NOBODY) }.text());
    scene.doubt();
    scene.assert_empty();
}

#[test]
fn other_runs_are_not_touched() {
    let mut scene = Scene::new();
    let mut other = Scene::new();
    other.run = autoproc_domain::RunId::new(format!("{}0", scene.run));
    let leader = other.start(r#"sleep "$NAP" & wait"#);
    other.await_sleepers(1);
    scene.start(r#"sleep "$NAP" & wait"#);
    scene.await_sleepers(1);
    let path = other.write(1, Record::of(leader).text());
    assert_eq!(scene.sweep(), []);
    assert_eq!((scene.sleepers().len(), other.sleepers().len()), (0, 1));
    assert!(exists(&path));
}

#[test]
fn a_file_that_cannot_be_understood_is_a_doubt() {
    let scene = Scene::new();
    for (text, why) in [("{\"version\":99}\n", "newer than this program"), ("hello\n", "expected value")] {
        let path = scene.write(1, text);
        let doubt = scene.doubt();
        assert!(doubt.contains(why) && doubt.contains(&path.display().to_string()), "{doubt}");
        assert!(exists(&path));
    }
}

#[test]
fn a_file_that_was_never_written_is_none() {
    let scene = Scene::new();
    for bytes in [&b""[..], b"{\"version\":1,\"boot", &[0; 200]] {
        let path = scene.write(1, bytes);
        assert_eq!(scene.sweep(), []);
        assert!(!exists(&path));
    }
}

proptest! {
    // Each case reads the whole process table several times.
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn damage_ends_no_stranger(at in 0_usize..200, byte: u8, leader in 1..4_194_304_i32, started: u64) {
        let mut scene = Scene::new();
        scene.start_unmarked(r#"sleep "$NAP" & wait"#);
        scene.await_sleepers(1);
        let mut bytes = Record::of(ProcessId { pid: leader, started }).text().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        scene.write(1, bytes);
        let _ = scene.sweep();
        prop_assert_eq!(scene.sleepers().len(), 1);
    }
}
