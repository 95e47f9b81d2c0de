use std::ffi::OsStr;

use super::database::Database;
use crate::fixture::{TempProject, end_of, wait_until};
use crate::json::expect_documented;
use crate::stop::signal;

const PICKY: &str = "test {/} != bad || test -e fixed || { echo it is bad >&2; exit 3; }";

const PATIENT: &str = "until test -e go; do sleep 0.05; done; : {}";

#[test]
fn a_night_ends_with_every_file_completed() {
    let Some(database) = Database::create() else { return };
    let project = TempProject::with_files(&["a", "bad", "c"]);
    database.ask(&project, ["queue", "list"]).expect_error(78, "there is no queue at postgres:///");
    let made = database.ask(&project, ["store", "init"]).expect_code(0);
    assert!(made.out.starts_with("created the schema autoproc, version "), "{made:?}");
    let again = database.ask(&project, ["store", "init"]).expect_code(0);
    assert!(again.out.starts_with("nothing to do: "), "{again:?}");
    let added = database.ask(&project, ["queue", "add", "a", "bad", "c"]).expect_code(0);
    assert!(added.err.contains("queue at postgres:///"), "{added:?}");
    assert_eq!(database.ask(&project, ["queue", "size"]).expect_code(0).out, "3\n");

    let run = ["run", "-j", "2", "-r", "0", "--shell", PICKY];
    let first = database.ask(&project, run).expect_code(100);
    assert!(first.out.contains("it is bad"), "{first:?}");
    assert_eq!([database.count(&project, "completed"), database.count(&project, "failed")], [2, 1]);
    assert!(database.ask(&project, ["failures"]).expect_code(0).out.contains("it is bad"));
    assert!(database.ask(&project, ["log", "bad"]).expect_code(0).out.contains("it is bad"));

    project.write("fixed", "");
    database.ask(&project, ["retry-failed"]).expect_code(0);
    database.ask(&project, run).expect_code(0);
    let status = database.json(&project, ["status"]);
    assert_eq!(status["counts"]["completed"], 3);
    assert!(status["store"].as_str().is_some_and(|store| store.starts_with("postgres:///")), "{status}");
    let checkpoint = database.ask(&project, ["checkpoint"]).expect_code(0);
    assert!(checkpoint.out.contains(" is saved at once in postgres:///"), "{checkpoint:?}");
    let stop = database.ask(&project, ["stop"]).expect_code(0);
    assert_eq!(stop.out, "no run is live: there is nothing to stop\n");
    for (section, words) in [
        ("queue add", &["queue", "add", "a"][..]),
        ("status", &["status"]),
        ("stop", &["stop"]),
        ("store init", &["store", "init"]),
        ("store check", &["store", "check"]),
    ] {
        expect_documented(section, &database.json(&project, words));
    }
    let checked = database.ask(&project, ["store", "check"]).expect_code(0);
    assert!(checked.out.lines().all(|line| line.starts_with("ok ")), "{checked:?}");
}

#[test]
fn every_command_on_the_queue_works() {
    let Some(database) = Database::with_queue() else { return };
    let project = TempProject::with_files(&["a", "b", "c"]);
    let does = |words: &[&str]| database.ask(&project, words).expect_code(0).out;
    does(&["queue", "add", "a", "b", "c"]);
    does(&["queue", "prioritise", "c", "5"]);
    assert!(does(&["queue", "peek"]).contains("/c"));
    does(&["queue", "hold", "c"]);
    assert!(does(&["queue", "peek"]).contains("/a"));
    does(&["queue", "unhold", "c"]);
    assert!(does(&["queue", "show", "c"]).contains("priority"));
    does(&["cancel", "b"]);
    assert!(does(&["queue", "list", "--status", "failed"]).contains("/b"));
    does(&["queue", "remove", "b"]);
    assert_eq!(does(&["queue", "recover"]), "no dead runs to recover\n");
    assert!(does(&["run", "--dry-run", "--", "true"]).contains("/c"));
    does(&["queue", "clear"]);
    assert_eq!(does(&["queue", "size"]), "0\n");
}

#[test]
fn a_stop_request_reaches_a_live_run() {
    let Some(database) = Database::with_queue() else { return };
    let project = TempProject::with_files(&["a", "b"]);
    let run = database.start(&project, ["run", "a", "b", "--shell", PATIENT], "errors");
    wait_until("a file is at work", || database.count(&project, "processing") == 1);
    let stop = database.ask(&project, ["stop"]).expect_code(0);
    assert!(stop.out.contains("will finish its current files and stop"), "{stop:?}");
    let errors = project.path("errors");
    wait_until("the run obeys", || {
        std::fs::read_to_string(&errors).expect("the file").contains("stopping after the current files")
    });
    project.write("go", "");
    end_of(run).expect_code(75);
    assert_eq!([database.count(&project, "completed"), database.count(&project, "pending")], [1, 1]);
    database.ask(&project, ["run", "--shell", "true"]).expect_code(0);
}

#[test]
fn a_signal_stops_a_run_and_leaves_the_other_files() {
    let Some(database) = Database::with_queue() else { return };
    let project = TempProject::with_files(&["a", "b"]);
    let run = database.start(&project, ["run", "a", "b", "--shell", PATIENT], "errors");
    wait_until("a file is at work", || database.count(&project, "processing") == 1);
    signal(&run, "INT");
    let errors = project.path("errors");
    wait_until("the run obeys", || {
        std::fs::read_to_string(&errors).expect("the file").contains("Ctrl-C again ends them")
    });
    project.write("go", "");
    end_of(run).expect_code(130);
    assert_eq!([database.count(&project, "completed"), database.count(&project, "pending")], [1, 1]);
}

#[test]
fn the_history_of_all_machines_is_one() {
    let Some(database) = Database::with_queue() else { return };
    let (project, other) = (TempProject::with_files(&["a", "bad"]), TempProject::new());
    database.ask(&project, ["run", "a", "bad", "-r", "0", "--shell", PICKY]).expect_code(100);
    let report = database.json(&other, ["report"]);
    assert_eq!((&report["processed"], &report["failed"]), (&1.into(), &1.into()), "{report}");
    assert_eq!(database.ask(&other, ["runs"]).expect_code(0).out.lines().count(), 1);
    let bad = project.path("bad");
    let of_bad = |words: &[&str]| {
        let words = words.iter().map(OsStr::new).chain([bad.as_os_str()]);
        database.ask(&other, words.map(OsStr::to_owned)).expect_code(0)
    };
    assert!(of_bad(&["queue", "show"]).out.contains("attempts:\n  1 "));
    assert!(of_bad(&["log"]).out.contains("it is bad"));
}

#[test]
fn a_run_of_another_folder_is_left_alone() {
    let Some(database) = Database::with_queue() else { return };
    let (project, other) = (TempProject::with_files(&["a"]), TempProject::with_files(&["b"]));
    database.ask(&project, ["run", "a", "--", "true"]).expect_code(0);
    let run = database.start(&other, ["run", "b", "--shell", PATIENT], "errors");
    wait_until("a file is at work", || database.count(&project, "processing") == 1);
    let paused = database.ask(&project, ["pause"]).expect_code(0);
    assert!(paused.out.contains("is on another machine, or belongs to another project folder"), "{paused:?}");
    assert!(database.ask(&project, ["monitor"]).expect_code(0).out.contains("no run is live"));
    assert!(database.ask(&project, ["resume"]).expect_code(0).err.contains("starting again: "));
    other.write("go", "");
    end_of(run).expect_code(0);
}

#[test]
fn a_command_adds_files_to_the_queue_of_its_run() {
    let Some(database) = Database::with_queue() else { return };
    let project = TempProject::with_files(&["a", "b"]);
    let autoproc = env!("CARGO_BIN_EXE_autoproc");
    let adds = format!("test {{/}} != a || {autoproc} queue add b");
    database.ask(&project, ["run", "a", "--shell", &adds]).expect_code(0);
    assert_eq!(database.count(&project, "pending"), 1);
    assert!(!project.state("QUEUE-STATE.json").exists());
}

/// The queues of the folder and the database use the same ids.
#[test]
fn the_queue_of_the_folder_is_left_alone() {
    let Some(database) = Database::with_queue() else { return };
    let project = TempProject::with_queue(&["mine"]);
    project.ask(["run", "--shell", "echo of the folder {}"]).expect_code(0);
    let state = std::fs::read(project.state("QUEUE-STATE.json")).expect("the state");
    project.write("theirs", "");
    database.ask(&project, ["run", "theirs", "--shell", "echo of the database {}"]).expect_code(0);
    assert_eq!(std::fs::read(project.state("QUEUE-STATE.json")).expect("the state"), state);
    assert!(project.ask(["log", "mine"]).expect_code(0).out.contains("of the folder"));
    assert!(database.ask(&project, ["log", "theirs"]).expect_code(0).out.contains("of the database"));
    assert_eq!(database.json(&project, ["queue", "list"])["items"].as_array().map(Vec::len), Some(1));
}
