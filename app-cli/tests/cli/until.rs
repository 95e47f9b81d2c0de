use serde_json::Value;

use crate::fixture::TempProject;
use crate::forecast::{recipe, record_long, resize};

/// Creates files of 0 MB and 10 MB. Forecasts are 2000 s, plus 1000 s per megabyte.
fn with_samples() -> TempProject {
    let project = TempProject::with_queue(&["first"]);
    project.ask(["run", "-q", "--shell", "true"]).expect_code(0);
    record_long(&project, &recipe(&project).expect("a recipe"), 20);
    for (name, megabytes) in [("a", 0), ("b", 10)] {
        project.write(name, "");
        resize(&project, name, megabytes);
        project.ask(["queue", "add", name]).expect_code(0);
    }
    project
}

#[test]
fn only_files_that_are_done_in_time_are_started() {
    let project = with_samples();
    let over = project.ask(["run", "--until", "2h", "--shell", "true"]).expect_code(75);
    assert!(over.out.contains("processed 1, failed 0, retried 0, 1 pending; ended after "), "{over:#?}");
    assert!(
        over.out.contains(": the next files would not be done by ") && over.out.contains(" (--until); 1 file waits\n")
    );
    assert!(over.out.contains("\nnext: `autoproc resume` continues\n"), "{over:#?}");
    assert_eq!(["a", "b"].map(|name| project.status_of(name)), ["completed", "pending"]);
    assert_eq!(project.json(["queue", "show", "b"])["attempts"], 0);
    assert_eq!(project.json(["status"])["latest_run"]["status"], "stopped");
    let report = project.ask(["report"]).expect_code(0).out;
    assert!(report.contains(", stopped by --until\n") && report.contains("autoproc resume"), "{report}");
    let quiet = project.ask(["run", "-q", "--until", "2h", "--shell", "true"]).expect_code(75);
    assert!(
        quiet.err.contains("not all files are completed: 1 pending; the next files would not be done by "),
        "{quiet:#?}"
    );
    let all = project.json_of(0, ["run", "--until", "24h", "--shell", "true"]);
    assert_eq!((&all["processed"], &all["stopped_by"]), (&1.into(), &"queue_empty".into()));
    assert!(all["until"].is_string(), "{all}");
}

#[test]
fn a_run_that_is_out_of_time_says_so_in_its_document() {
    let project = with_samples();
    let result = project.json_of(75, ["run", "--until", "2h", "--shell", "true"]);
    assert_eq!((&result["stopped_by"], &result["remaining"]), (&"deadline".into(), &1.into()));
    assert_eq!(project.json_of(75, ["run", "--until", "2h", "b", "--shell", "true"])["remaining"], 1);
    let without = project.json(["run", "--shell", "true"]);
    assert_eq!((&without["until"], &without["processed"]), (&Value::Null, &1.into()));
}

/// A run with a past `--until` would fail.
#[test]
fn a_run_whose_time_is_over_is_resumed_without_it() {
    let project = with_samples();
    project.ask(["run", "--until", "2h", "--shell", "true"]).expect_code(75);
    let record = project.path(".claude/mission-control/LAST-RUN.json");
    let text = std::fs::read_to_string(&record).expect("a record");
    std::fs::write(&record, text.replace("\"2h\"", "\"2020-01-01\"")).expect("written");
    let resumed = project.ask(["resume"]).expect_code(0);
    assert!(!resumed.err.contains("--until"), "{resumed:#?}");
    assert_eq!(project.status_of("b"), "completed");
}

#[test]
fn files_without_a_forecast_are_started() {
    let project = with_samples();
    project.ask(["run", "-q", "--until", "10m", "--", "true"]).expect_code(0);
}

#[test]
fn a_time_that_is_over_or_none_is_refused_before_anything_changes() {
    let project = TempProject::new();
    project.write("a", "");
    let run = |until: &str| project.ask(["run", "--until", until, "a", "--shell", "true"]);
    for past in ["2020-01-01T06:00", "2020-01-01", "0"] {
        let refused = run(past);
        refused.expect_error(2, &format!("--until {past} is not in the future"));
    }
    run("soon").expect_error(2, "expected a time of day (06:00), a date and time (2026-11-30T06:00), or a span (8h)");
    run("25:00").expect_error(2, "expected a time of day (06:00)");
    assert!(!project.path(".claude").exists());
    let later = project.json(["run", "--until", "2999-01-01T06:00:00Z", "a", "--shell", "true"]);
    assert_eq!(later["until"], "2999-01-01T06:00:00.000000Z");
}
