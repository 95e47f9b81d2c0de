use autoproc_subprocess::process_table::ProcessId;
use proptest::prelude::*;

use crate::fixture::{Fixture, Record, exists};

#[test]
fn a_process_with_the_leaders_number_and_another_start_time_survives() {
    let mut fixture = Fixture::new();
    let other = fixture.start_unmarked(r#"sleep "$NAP" & wait"#);
    fixture.await_sleepers(1);
    let leader = ProcessId { started: other.started - 1, ..other };
    let path = fixture.write(1, Record::of(leader).text());
    assert_eq!(fixture.sweep(), []);
    assert_eq!(fixture.sleepers().len(), 1);
    assert!(!exists(&path));
}

#[test]
fn nothing_is_left_of_an_earlier_boot() {
    let mut fixture = Fixture::new();
    let other = fixture.start_unmarked(r#"sleep "$NAP" & wait"#);
    fixture.await_sleepers(1);
    let record = Record { boot_id: "00000000-0000-0000-0000-000000000000".into(), ..Record::of(other) };
    let path = fixture.write(1, record.text());
    assert_eq!(fixture.sweep(), []);
    assert_eq!(fixture.sleepers().len(), 1, "not a process of the run");
    assert!(!exists(&path));
}

#[test]
fn a_run_in_another_pid_namespace_is_unproven() {
    let mut fixture = Fixture::new();
    let other = fixture.start_unmarked(r#"sleep "$NAP" & wait"#);
    fixture.await_sleepers(1);
    let record = Record { pid_namespace: "pid:[1]".into(), ..Record::of(other) };
    let path = fixture.write(1, record.text());
    let reason = fixture.unproven_reason();
    assert!(reason.contains("another pid namespace (pid:[1])"), "{reason}");
    assert_eq!(fixture.sleepers().len(), 1);
    assert!(exists(&path), "kept for the next sweep");
}

#[test]
fn marked_processes_are_ended_even_if_the_guard_was_in_another_namespace() {
    let mut fixture = Fixture::new();
    fixture.start(r#"sleep "$NAP" & wait"#);
    fixture.await_sleepers(1);
    fixture.write(1, Record { pid_namespace: "pid:[1]".into(), ..Record::of(crate::fixture::NO_PROCESS) }.text());
    fixture.unproven_reason();
    fixture.assert_empty();
}

#[test]
fn other_runs_are_not_touched() {
    let mut fixture = Fixture::new();
    let mut other = Fixture::new();
    other.run = autoproc_domain::RunId::new(format!("{}0", fixture.run));
    let leader = other.start(r#"sleep "$NAP" & wait"#);
    other.await_sleepers(1);
    fixture.start(r#"sleep "$NAP" & wait"#);
    fixture.await_sleepers(1);
    let path = other.write(1, Record::of(leader).text());
    assert_eq!(fixture.sweep(), []);
    assert_eq!((fixture.sleepers().len(), other.sleepers().len()), (0, 1));
    assert!(exists(&path));
}

#[test]
fn a_run_with_an_invalid_record_is_unproven() {
    let fixture = Fixture::new();
    for (text, why) in [("{\"version\":99}\n", "newer than this program"), ("hello\n", "expected value")] {
        let path = fixture.write(1, text);
        let reason = fixture.unproven_reason();
        assert!(reason.contains(why) && reason.contains(&path.display().to_string()), "{reason}");
        assert!(exists(&path));
    }
}

#[test]
fn an_incomplete_record_is_ignored() {
    let fixture = Fixture::new();
    for bytes in [&b""[..], b"{\"version\":1,\"boot", &[0; 200]] {
        let path = fixture.write(1, bytes);
        assert_eq!(fixture.sweep(), []);
        assert!(!exists(&path));
    }
}

proptest! {
    // There are few cases, because each of them reads the process table several times.
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_damaged_record_ends_no_other_process(at in 0_usize..200, byte: u8, leader in 1..4_194_304_i32, started: u64) {
        let mut fixture = Fixture::new();
        fixture.start_unmarked(r#"sleep "$NAP" & wait"#);
        fixture.await_sleepers(1);
        let mut bytes = Record::of(ProcessId { pid: leader, started }).text().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        fixture.write(1, bytes);
        let _ = fixture.sweep();
        prop_assert_eq!(fixture.sleepers().len(), 1);
    }
}
