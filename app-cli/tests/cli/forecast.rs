//! Forecasts from the event log: the expected duration of a file, and the time left of a run.
//!
//! The durations stand in a log that the tests write, so that no test depends on real durations.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use serde_json::Value;

use crate::fixture::{TempProject, end_of, wait_until};
use crate::stop::{begun, wait_until_heard};

const RECIPE: &str = "0123456789abcdef";

/// Appends completed attempts of an earlier run to the event log. They take 2 s and 1 s a megabyte,
/// on files of 1 MB, 2 MB, …
fn record(project: &TempProject, recipe: &str, attempts: u64) {
    fs::create_dir_all(project.path("logs")).expect("the folder of the log");
    let mut log = OpenOptions::new().create(true).append(true).open(project.path("logs/autonomous-processing.jsonl"));
    let log = log.as_mut().expect("the event log");
    for number in 1..=attempts {
        let head = |event| {
            format!("{{\"timestamp\":\"2026-01-01T00:00:00.000000Z\",\"run_id\":\"earlier\",\"event\":\"{event}\"")
        };
        let of = format!(
            "\"item_id\":{},\"attempt\":1,\"round\":1,\"claim\":{number},\"file_path\":\"/x/{number}\"",
            1000 + number
        );
        let (size, seconds) = (1_000_000 * number, 2 + number);
        let started = format!("{},{of},\"size_bytes\":{size},\"recipe\":\"{recipe}\"}}\n", head("file_started"));
        let completed = format!("{},{of},\"duration_s\":{seconds}}}\n", head("file_completed"));
        log.write_all((started + &completed).as_bytes()).expect("the event log");
    }
}

/// Makes a file of this size, without content.
fn resize(project: &TempProject, name: &str, megabytes: u64) {
    let file = OpenOptions::new().write(true).open(project.path(name)).expect("the file");
    file.set_len(1_000_000 * megabytes).expect("room");
}

fn seconds(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_pending_file_has_an_expected_duration_and_its_reason() {
    let project = TempProject::with_queue(&["a"]);
    resize(&project, "a", 50);
    record(&project, RECIPE, 4);
    assert_eq!(project.json(["queue", "show", "a"])["forecast"], Value::Null, "four attempts are too few");
    record(&project, RECIPE, 8);
    let shown = project.ask(["queue", "show", "a"]).expect_code(0);
    assert!(shown.out.contains("\nforecast     about 52s: 2.0s a file and 1.0s a MB, from 12 files\n"), "{shown:#?}");
    record(&project, RECIPE, 8);
    let forecast = project.json(["queue", "show", "a"])["forecast"].clone();
    for (name, expected) in [("about_s", 52.0), ("from_s", 52.0), ("to_s", 52.0), ("fixed_s", 2.0), ("per_mb_s", 1.0)] {
        assert!((seconds(&forecast[name]) - expected).abs() < 0.01, "{name} in {forecast}");
    }
    assert_eq!(forecast["samples"], 20);
}

#[test]
fn only_the_latest_recipe_counts_and_only_pending_files_have_a_forecast() {
    let project = TempProject::with_queue(&["a", "b"]);
    record(&project, RECIPE, 8);
    record(&project, "fedcba9876543210", 5);
    assert_eq!(project.json(["queue", "show", "a"])["forecast"]["samples"], 5);
    fs::remove_file(project.path("a")).expect("the file");
    assert_eq!(project.json(["queue", "show", "a"])["forecast"], Value::Null, "the size is unknown");
    project.ask(["run", "-q", "b", "--", "true"]).expect_code(0);
    assert_eq!(project.json(["queue", "show", "b"])["forecast"], Value::Null, "the file is completed");
}

/// Returns the recipe of the only run in the event log.
fn recipe(project: &TempProject) -> Option<String> {
    let log = fs::read_to_string(project.path("logs/autonomous-processing.jsonl")).ok()?;
    let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.find_map(|line| Some(line["recipe"].as_str()?.to_owned()))
}

#[test]
fn the_time_left_of_a_run_follows_from_the_sizes_of_its_files() {
    let project = TempProject::with_queue(&["a", "b", "c"]);
    for (name, megabytes) in [("a", 0), ("b", 1000), ("c", 3000)] {
        resize(&project, name, megabytes);
    }
    let run = begun(&project, &[]);
    wait_until("the first file is in the log", || recipe(&project).is_some());
    let time_left = || project.json(["status"])["live_runs"][0]["time_left"].clone();
    assert_eq!(time_left(), Value::Null, "no file has ended");
    record(&project, &recipe(&project).expect("a recipe"), 20);
    // The file that runs takes 2 s, and it may have done so.
    wait_until("the running file is in the state file", || {
        let left = time_left();
        let (about, from, to) = (seconds(&left["about_s"]), seconds(&left["from_s"]), seconds(&left["to_s"]));
        assert!(from <= about && about <= to, "{left}");
        (4003.9..=4006.1).contains(&about)
    });
    let status = project.ask(["status"]).expect_code(0);
    assert!(status.out.contains("\ntime left about 1h 7m\n"), "{status:#?}");
    project.ask(["stop"]).expect_code(0);
    wait_until_heard(&project);
    assert_eq!(time_left(), Value::Null, "the run stops early");
    project.write("go", "");
    end_of(run).expect_code(75);
}

#[test]
fn files_that_the_run_leaves_alone_take_no_time() {
    let many: Vec<_> = (0..20).map(|number| format!("other-{number}")).collect();
    let project = TempProject::with_queue(&many.iter().map(String::as_str).collect::<Vec<_>>());
    for name in &many {
        resize(&project, name, 1000);
    }
    let (a, b) = (project.write("a", "a"), project.write("b", "b"));
    let run = begun(&project, &[a.to_str().expect("a path"), b.to_str().expect("a path")]);
    wait_until("the first file is in the log", || recipe(&project).is_some());
    record(&project, &recipe(&project).expect("a recipe"), 20);
    // The size of the pending file is not known, so it counts like the average of 12.5 s.
    let about = seconds(&project.json(["status"])["live_runs"][0]["time_left"]["about_s"]);
    assert!((12.4..=27.1).contains(&about), "{about}");
    project.write("go", "");
    end_of(run).expect_code(0);
}
