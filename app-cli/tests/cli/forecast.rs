use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::fixture::{TempProject, end_of, wait_until};
use crate::stop::{begun, wait_until_heard};

const RECIPE: &str = "0123456789abcdef";

/// Records past attempts of 2 s, plus 1 s per megabyte.
fn record(project: &TempProject, recipe: &str, attempts: u64) {
    record_all(project, recipe, (1..=attempts).map(|number| (number, 1000 * (2 + number))));
}

pub(crate) fn record_long(project: &TempProject, recipe: &str, attempts: u64) {
    record_all(project, recipe, (1..=attempts).map(|number| (number, 1_000_000 * (2 + number))));
}

/// `attempts` contains file sizes in megabytes and durations in milliseconds.
fn record_all(project: &TempProject, recipe: &str, attempts: impl Iterator<Item = (u64, u64)>) {
    fs::create_dir_all(project.path("logs")).expect("the folder of the log");
    let mut log = OpenOptions::new().create(true).append(true).open(project.path("logs/autonomous-processing.jsonl"));
    let log = log.as_mut().expect("the event log");
    for (number, (megabytes, millis)) in (1..).zip(attempts) {
        let head = |event| {
            format!("{{\"timestamp\":\"2026-01-01T00:00:00.000000Z\",\"run_id\":\"earlier\",\"event\":\"{event}\"")
        };
        let of = format!(
            "\"item_id\":{},\"attempt\":1,\"round\":1,\"claim\":{number},\"file_path\":\"/x/{number}\"",
            1000 + number
        );
        let (size, seconds) = (1_000_000 * megabytes, Duration::from_millis(millis).as_secs_f64());
        let started = format!("{},{of},\"size_bytes\":{size},\"recipe\":\"{recipe}\"}}\n", head("file_started"));
        let completed = format!("{},{of},\"duration_s\":{seconds}}}\n", head("file_completed"));
        log.write_all((started + &completed).as_bytes()).expect("the event log");
    }
}

pub(crate) fn resize(project: &TempProject, name: &str, megabytes: u64) {
    let file = OpenOptions::new().write(true).open(project.path(name)).expect("the file");
    file.set_len(1_000_000 * megabytes).expect("room");
}

fn seconds(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_pending_file_has_an_expected_duration_and_its_reason() {
    let project = TempProject::with_queue(&["a"]);
    resize(&project, "a", 30);
    record(&project, RECIPE, 4);
    assert_eq!(project.json(["queue", "show", "a"])["forecast"], Value::Null, "four attempts are too few");
    record(&project, RECIPE, 8);
    let shown = project.ask(["queue", "show", "a"]).expect_code(0);
    assert!(shown.out.contains("\nforecast     about 32s: 2.0s a file and 1.0s a MB, from 12 files\n"), "{shown:#?}");
    record(&project, RECIPE, 8);
    let forecast = project.json(["queue", "show", "a"])["forecast"].clone();
    for (name, expected) in [("about_s", 32.0), ("from_s", 32.0), ("to_s", 32.0), ("fixed_s", 2.0), ("per_mb_s", 1.0)] {
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

pub(crate) fn recipe(project: &TempProject) -> Option<String> {
    let log = fs::read_to_string(project.path("logs/autonomous-processing.jsonl")).ok()?;
    let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.find_map(|line| Some(line["recipe"].as_str()?.to_owned()))
}

#[test]
fn the_time_left_of_a_run_follows_from_the_sizes_of_its_files() {
    let project = TempProject::with_queue(&["a", "b", "c"]);
    for (name, megabytes) in [("a", 0), ("b", 20), ("c", 40)] {
        resize(&project, name, megabytes);
    }
    let run = begun(&project, &[]);
    wait_until("the first file is in the log", || recipe(&project).is_some());
    let time_left = || project.json(["status"])["live_runs"][0]["time_left"].clone();
    assert_eq!(time_left(), Value::Null, "no file has ended");
    record_long(&project, &recipe(&project).expect("a recipe"), 20);
    // The forecast for the running file is 2000 s.
    wait_until("the running file is in the state file", || {
        let left = time_left();
        let (about, from, to) = (seconds(&left["about_s"]), seconds(&left["from_s"]), seconds(&left["to_s"]));
        assert!(from <= about && about <= to, "{left}");
        (64_000.0..=66_001.0).contains(&about)
    });
    let status = project.ask(["status"]).expect_code(0);
    assert!(status.out.contains("\ntime left about 18h\n") && !status.out.contains("slow"), "{status:#?}");
    assert_eq!(project.json(["status"])["processing"][0]["slow"], false);
    let shown = project.ask(["queue", "show", "a"]).expect_code(0).out;
    assert!(shown.contains("  running for ") && !shown.contains("slow"), "{shown}");
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
    record_long(&project, &recipe(&project).expect("a recipe"), 20);
    // The size of the pending file is unknown. Its forecast is the average of all samples: 12,500
    // s.
    let about = seconds(&project.json(["status"])["live_runs"][0]["time_left"]["about_s"]);
    assert!((12_400.0..=25_001.0).contains(&about), "{about}");
    project.write("go", "");
    end_of(run).expect_code(0);
}

#[test]
fn a_file_that_takes_longer_than_expected_makes_the_time_left_unknown() {
    let project = TempProject::with_queue(&["a", "b"]);
    for name in ["a", "b"] {
        resize(&project, name, 1);
    }
    let run = begun(&project, &[]);
    wait_until("the first file is in the log", || recipe(&project).is_some());
    let attempts = std::iter::repeat_n((1, 110), 24);
    record_all(&project, &recipe(&project).expect("a recipe"), attempts);
    let unknown = "\ntime left unknown: 1 file takes longer than expected\n";
    wait_until("the file is overdue", || project.ask(["status"]).expect_code(0).out.contains(unknown));
    wait_until("the file is slow", || project.json(["status"])["processing"][0]["slow"] == true);
    let status = project.json(["status"]);
    let live = &status["live_runs"][0];
    assert_eq!((&live["time_left"], &live["overdue_files"]), (&Value::Null, &1.into()));
    assert_eq!(status["processing"][0]["slow"], true);
    let text = project.ask(["status"]).expect_code(0).out;
    assert!(text.lines().any(|line| line.contains("attempt 1 of 4, for ") && line.ends_with(", slow")), "{text}");
    let shown = project.ask(["queue", "show", "a"]).expect_code(0).out;
    assert!(shown.contains("  running for ") && shown.ends_with("s, slow\n"), "{shown}");
    let attempt = project.json(["queue", "show", "a"])["history"][0].clone();
    assert_eq!((&attempt["slow"], &attempt["end"], &attempt["duration_s"]), (&true.into(), &Value::Null, &Value::Null));
    assert!(seconds(&attempt["running_s"]) > 1.31, "{attempt}");
    project.write("go", "");
    end_of(run).expect_code(0);
}

/// The commands have printed nothing for two minutes, because the test sets the time of their
/// outputs back. The one for `a` uses no CPU time.
#[test]
fn an_attempt_is_stalled_if_it_is_slow_silent_and_idle() {
    let project = TempProject::with_queue(&["a", "b"]);
    for name in ["a", "b"] {
        resize(&project, name, 1);
    }
    let command = "echo begun; case {/} in b) while :; do :; done ;; *) sleep 300 ;; esac";
    let run = project.start(["run", "-q", "-j2", "--shell", command]);
    let outputs = [1, 2].map(|id| project.path(format!("logs/attempts/{id}.1.{id}.log")));
    wait_until("both commands have printed", || outputs.iter().all(|output| output.exists()));
    wait_until("a recipe is in the log", || recipe(&project).is_some());
    record_all(&project, &recipe(&project).expect("a recipe"), std::iter::repeat_n((1, 110), 24));
    let delays = || {
        let status = project.json(["status"]);
        let processing = status["processing"].as_array().expect("a list").clone();
        processing.iter().map(|file| (file["slow"] == true, file["stalled"] == true)).collect::<Vec<_>>()
    };
    wait_until("both are slow", || delays().iter().eq(&[(true, false); 2]));
    for output in outputs {
        let file = OpenOptions::new().append(true).open(output).expect("an output");
        file.set_modified(SystemTime::now() - Duration::from_mins(2)).expect("set");
    }
    wait_until("a is stalled", || delays().iter().eq(&[(true, true), (true, false)]));
    // On a busy machine, the busy command may get no processor for a moment.
    wait_until("only one of them is called stalled", || {
        let status = project.ask(["status"]).expect_code(0).out;
        let ends_with = |word: &str| status.lines().filter(|line| line.ends_with(word)).count();
        (ends_with(", stalled"), ends_with(", slow")) == (1, 1)
    });
    let shown = project.ask(["queue", "show", "a"]).expect_code(0).out;
    assert!(shown.contains("s, stalled\n"), "{shown}");
    let attempt = project.json(["queue", "show", "a"])["history"][0].clone();
    assert_eq!((&attempt["slow"], &attempt["stalled"]), (&true.into(), &true.into()));
    project.ask(["stop", "--now"]).expect_code(0);
    end_of(run).expect_code(75);
}

#[test]
fn a_file_that_is_much_larger_than_all_samples_has_no_forecast() {
    let project = TempProject::with_queue(&["a", "b", "c"]);
    for (name, megabytes) in [("a", 1), ("b", 30), ("c", 1)] {
        resize(&project, name, megabytes);
    }
    let run = begun(&project, &[]);
    wait_until("the first file is in the log", || recipe(&project).is_some());
    let attempts = std::iter::repeat_n((1, 1_000_000), 24);
    record_all(&project, &recipe(&project).expect("a recipe"), attempts);
    wait_until("the running file is in the state file", || {
        let live = project.json(["status"])["live_runs"][0].clone();
        assert_eq!((&live["time_left"], &live["overdue_files"]), (&Value::Null, &0.into()));
        (2000.0..=3001.0).contains(&seconds(&live["time_left_above_s"]))
    });
    let status = project.ask(["status"]).expect_code(0);
    assert!(status.out.contains("\ntime left more than 50m\n"), "{status:#?}");
    let shown = project.ask(["queue", "show", "b"]).expect_code(0);
    let line = "\nforecast     unknown: 30 MB is more than the files so far (at most 1 MB)\n";
    assert!(shown.out.contains(line), "{shown:#?}");
    assert_eq!(project.json(["queue", "show", "b"])["forecast"], Value::Null);
    project.write("go", "");
    end_of(run).expect_code(0);
}
