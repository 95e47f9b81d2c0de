use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::Value;

use crate::fixture::{TempProject, wait_until};

fn levels(answer: &Value, subject: &str) -> Vec<String> {
    let findings = answer["findings"].as_array().expect("a list");
    let of_it = findings.iter().filter(|finding| finding["subject"] == subject);
    of_it.map(|finding| finding["level"].as_str().expect("a word").to_owned()).collect()
}

#[test]
fn all_is_well_and_nothing_is_touched() {
    for project in [TempProject::new(), TempProject::with_queue(&["a", "b"])] {
        let before = project.bytes();
        let answer = project.ask(["doctor"]).expect_code(0);
        for subject in ["file system", "room", "locks", "syncs", "permissions", "files", "runs"] {
            assert!(answer.out.contains(subject), "no {subject:?} in {answer:?}");
        }
        assert!(!answer.out.contains("problem"), "{answer:?}");
        assert!(before == project.bytes());
        assert_eq!(project.json(["doctor"])["exit_code"], 0);
    }
}

#[test]
fn damage_is_told_with_what_to_do() {
    let project = TempProject::with_queue(&["a"]);
    fs::write(project.state("QUEUE-STATE.json"), "not JSON").expect("the snapshot");
    let answer = project.ask(["doctor"]).expect_code(65);
    assert!(answer.out.contains("QUEUE-STATE.json is damaged"), "{answer:?}");
    assert_eq!(project.json_of(65, ["doctor"])["exit_code"], 65);
    fs::write(project.state("QUEUE-STATE.json"), r#"{"version": "99.0.0", "items": []}"#).expect("the snapshot");
    project.ask(["doctor"]).expect_code(78);
}

#[test]
fn a_position_in_a_part_of_the_queue_is_not_printed_as_one_in_the_file() {
    let project = TempProject::with_queue(&["a"]);
    let state = project.state("QUEUE-STATE.json");
    let intact = fs::read_to_string(&state).expect("the snapshot");
    let store = intact.lines().find(|line| line.starts_with("\"store\"")).expect("a section");
    for damaged in [
        intact.replace("\"pending\"", "\"waiting\""),
        intact.replace(store, "\"store\": 5,"),
        r#"{"version": "1.0.0", "items": 5}"#.to_owned(),
        "[]".to_owned(),
    ] {
        assert_ne!(damaged, intact);
        fs::write(&state, &damaged).expect("the snapshot");
        let answer = project.ask(["queue", "list"]).expect_code(65);
        assert!(answer.err.contains("QUEUE-STATE.json is damaged: ") && !answer.err.contains(" column "), "{answer:?}");
    }
    fs::write(&state, "{\n\"version\": ?}").expect("the snapshot");
    let answer = project.ask(["queue", "list"]).expect_code(65);
    assert!(answer.err.contains(" at line 2 column 12"), "{answer:?}");
}

#[test]
fn dead_runs_and_stale_stop_files_are_told() {
    let project = TempProject::with_queue(&["a"]);
    let mut run = project.start(["run", "-q", "--shell", "touch {//}/begun; sleep 1000"]);
    wait_until("the file is begun", || project.path("begun").exists());
    assert_eq!(levels(&project.json(["doctor"]), "runs"), ["well"]);
    run.kill().expect("a child");
    run.wait().expect("it ends");
    project.ask(["stop"]).expect_code(0);
    let answer = project.json(["doctor"]);
    assert_eq!(levels(&answer, "runs"), ["well", "warning"]);
    assert_eq!(levels(&answer, "stop file"), ["warning"]);
    let told = answer.to_string();
    assert!(told.contains(&*project.path("a").to_string_lossy()), "the file of the dead run is named: {told}");
}

#[test]
fn files_that_anybody_can_write_are_told() {
    let project = TempProject::with_queue(&["a"]);
    assert_eq!(levels(&project.json(["doctor"]), "permissions"), ["well"]);
    fs::set_permissions(project.state("QUEUE-STATE.json"), fs::Permissions::from_mode(0o666)).expect("our file");
    assert_eq!(levels(&project.json(["doctor"]), "permissions"), ["warning"]);
}

#[test]
fn the_crash_test_loses_nothing_and_leaves_nothing() {
    let project = TempProject::with_queue(&["a"]);
    let before = project.bytes();
    // A slow machine needs longer to acknowledge the first addition.
    let is_enough = ["2", "10", "50"].into_iter().any(|seconds| {
        let answer = project.json(["doctor", "--torture", "--seconds", seconds]);
        let figures = &answer["torture"];
        assert!(figures["cycles"].as_u64().expect("a number") > 0, "{figures}");
        assert_eq!(figures["lost"], 0);
        assert_eq!(levels(&answer, "crash test"), ["well"]);
        figures["acknowledged"].as_u64().expect("a number") > 0
    });
    assert!(is_enough, "nothing was acknowledged");
    assert!(before == project.bytes());
    let left: Vec<_> =
        fs::read_dir(project.path(".claude")).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["mission-control"]);
}

#[test]
fn seconds_belong_to_the_crash_test() {
    let project = TempProject::new();
    project.ask(["doctor", "--seconds", "3"]).expect_error(2, "required");
    project.ask(["doctor", "--torture", "--seconds", "0"]).expect_error(2, "0");
}

#[test]
fn what_stands_in_the_place_of_a_folder_or_file_of_the_queue_is_a_problem() {
    let project = TempProject::with_queue(&["a"]);
    fs::remove_dir_all(project.state("runs")).expect("removed");
    fs::write(project.state("runs"), "").expect("written");
    assert!(project.ask(["doctor"]).expect_code(73).out.contains("problem  runs"));

    let project = TempProject::with_queue(&["a"]);
    fs::create_dir(project.state("STOP-AUTONOMOUS")).expect("created");
    assert!(project.ask(["doctor"]).expect_code(73).out.contains("STOP-AUTONOMOUS is a folder"));

    let project = TempProject::new();
    let folder = project.state("");
    fs::create_dir_all(folder.parent().expect("a parent")).expect("created");
    symlink("nowhere", folder.to_str().expect("text").trim_end_matches('/')).expect("linked");
    assert!(project.ask(["doctor"]).expect_code(73).out.contains("move away what is there"));
}
