use serde_json::Value;

use crate::fixture::{Answer, TempProject, end_of, wait_until};
use crate::stop::{begun, signal, wait_until_heard};

#[track_caller]
fn only_run(project: &TempProject) -> Value {
    let runs = project.json(["runs"])["runs"].clone();
    assert_eq!(runs.as_array().map(Vec::len), Some(1), "{runs}");
    runs[0].clone()
}

#[test]
fn without_a_run_there_is_nothing_to_report() {
    let project = TempProject::new();
    for words in [&["runs"][..], &["history"], &["report"], &["report", "--since", "22:00"]] {
        let answer = project.ask(words.iter().copied()).expect_code(0);
        assert!(answer.out.is_empty() && answer.err.contains("recorded"), "{answer:?}");
    }
    assert_eq!(project.json(["runs"])["runs"], Value::Array(Vec::new()));
    assert_eq!(project.json(["report"])["runs"], Value::Array(Vec::new()));
    project.ask(["report", "--run", "x"]).expect_error(2, "there is no run x");
    assert!(!project.path(".claude").exists() && !project.path("logs").exists());
}

#[test]
fn the_end_of_each_run_is_told() {
    let project = TempProject::with_queue(&["a", "b"]);
    let run = begun(&project, &[]);
    assert_eq!(only_run(&project)["status"], "running");
    signal(&run, "INT");
    wait_until_heard(&project);
    let stopping = project.ask(["report"]).expect_code(0).out;
    assert!(stopping.contains(", stopping after Ctrl-C\n"), "{stopping}");
    assert_eq!(only_run(&project)["stop"]["cause"], "interrupt");
    project.write("go", "");
    end_of(run).expect_code(130);
    let over = only_run(&project);
    assert_eq!((&over["status"], &over["stopped_by"]), (&"stopped".into(), &"interrupt".into()));
    assert!(project.ask(["report"]).expect_code(0).out.contains(", stopped by Ctrl-C\n"));
}

#[test]
fn a_dead_run_is_reported_with_what_it_did() {
    let project = TempProject::with_queue(&["a", "b"]);
    let run = project.start(["run", "--grace", "1", "--shell", "case {/} in b) touch b.begun; sleep 600 ;; esac"]);
    wait_until("the second file is begun", || project.path("b.begun").exists());
    wait_until("the first file is recorded", || only_run(&project)["processed"] == 1);
    project.kill(run);
    let dead = only_run(&project);
    assert_eq!((&dead["status"], &dead["ended_at"], &dead["processed"]), (&"died".into(), &Value::Null, &1.into()));
    let report = project.ask(["report"]).expect_code(0).out;
    assert!(report.contains(", died\n") && report.contains(", last event at "), "{report}");
    assert!(report.contains("\nnow: 0 files pending, 1 processing\n"), "{report}");
    assert!(report.ends_with("next:\n  autoproc resume\n  autoproc queue recover\n"), "{report}");
    project.ask(["queue", "recover"]).expect_code(0);
    assert_eq!(only_run(&project)["run_id"], dead["run_id"], "a recovery is not a run");
}

/// A released attempt counts in no figure of the run.
#[test]
fn a_run_that_was_stopped_in_mid_work_is_not_idle() {
    let project = TempProject::with_queue(&["a", "b"]);
    let run = begun(&project, &[]);
    project.ask(["stop", "--now"]).expect_code(0);
    let over = end_of(run).expect_code(75);
    assert!(over.out.ends_with("\nnext: `autoproc resume` continues\n"), "{over:#?}");
    let stopped = only_run(&project)["run_id"].clone();
    let report = project.ask(["report"]).expect_code(0).out;
    assert!(report.ends_with("\nnext: `autoproc resume` continues\n"), "{report}");
    let mut elsewhere = project.command(["--project-dir", &project.path("").display().to_string(), "report"]);
    let report = Answer::from(elsewhere.current_dir("/").output().expect("the binary")).expect_code(0).out;
    assert!(report.contains("\nnext: `autoproc resume --project-dir /"), "{report}");
    // The next run is idle.
    project.ask(["queue", "hold", "a", "b"]).expect_code(0);
    project.ask(["run", "-qq", "--", "true"]).expect_code(0);
    let report = project.json(["report"]);
    assert_eq!((&report["runs"][0]["run_id"], &report["later_idle_runs"]), (&stopped, &1.into()));
    let report = project.ask(["report"]).expect_code(0).out;
    assert!(!report.contains("autoproc resume"), "{report}");
}

#[test]
fn many_failures_are_counted_and_some_are_listed() {
    let project = TempProject::new();
    for number in 0..25 {
        project.write(format!("in/{number}"), "");
    }
    project.ask(["run", "-qq", "-r", "0", "-j4", "--pause-on-same", "0", "in", "--", "false"]).expect_code(100);
    let report = project.ask(["report"]).expect_code(0).out;
    assert!(report.contains("\nfailed:\n  25 files  exit status 1\n    for example "), "{report}");
    assert!(report.contains("\n  autoproc failures\n  autoproc retry-failed\n"), "{report}");
    assert_eq!(project.json(["report"])["failures"].as_array().map(Vec::len), Some(25));
}

#[test]
fn failures_say_what_became_of_the_file() {
    let project = TempProject::with_queue(&["done", "gone", "pending", "still"]);
    project.ask(["run", "-qq", "-r", "0", "--", "false"]).expect_code(100);
    let run = only_run(&project)["run_id"].as_str().expect("a name").to_owned();
    project.ask(["run", "-qq", "done", "--", "true"]).expect_code(0);
    project.ask(["queue", "remove", "gone"]).expect_code(0);
    project.ask(["retry-failed", "pending"]).expect_code(0);
    let report = project.ask(["report", "--run", &run]).expect_code(0).out;
    for words in [
        "/done  exit status 1 (completed since)\n",
        "/gone  exit status 1 (no longer in the queue)\n",
        "/pending  exit status 1 (pending again)\n",
        "/still  exit status 1\n",
        "/still\n  autoproc retry-failed\n",
    ] {
        assert!(report.contains(words), "no {words:?} in {report}");
    }
    let both = project.json(["report", "--since", "1h"]);
    assert_eq!((&both["failed"], &both["failed_files"]), (&4.into(), &3.into()), "`done` completed in the second run");
}

#[test]
fn commands_to_paste_name_awkward_files_safely() {
    let project = TempProject::with_queue(&["it's \u{1b}[2J.pdf", "it's.pdf"]);
    project.ask(["run", "-qq", "-r", "0", "--", "false"]).expect_code(100);
    let report = project.ask(["report"]).expect_code(0).out;
    assert!(!report.contains('\u{1b}') && report.contains("\n  autoproc log 1\n"), "{report}");
    project.ask(["queue", "remove", "it's \u{1b}[2J.pdf"]).expect_code(0);
    let report = project.ask(["report"]).expect_code(0).out;
    assert!(report.contains("/it'\\''s.pdf'\n"), "{report}");
    let root = project.path("");
    let mut elsewhere = project.command(["report", "--project-dir"]);
    let elsewhere = elsewhere.arg(&root).current_dir("/").output().expect("the binary");
    let elsewhere = String::from_utf8(elsewhere.stdout).expect("text");
    assert!(elsewhere.contains("  autoproc retry-failed --project-dir /"), "{elsewhere}");
}

#[test]
fn runs_are_chosen_by_number_time_and_name() {
    let project = TempProject::with_queue(&["a"]);
    for _ in 0..3 {
        project.ask(["run", "-qq", "--again", "a", "--", "true"]).expect_code(0);
    }
    let all = project.json(["runs"]);
    assert_eq!((all["runs"].as_array().map(Vec::len), &all["more"]), (Some(3), &false.into()));
    let two = project.json(["runs", "-n", "2"]);
    assert_eq!((&two["runs"][0], &two["runs"][1], &two["more"]), (&all["runs"][1], &all["runs"][2], &true.into()));
    let listed = project.ask(["runs", "--since", "1h"]).expect_code(0).out;
    assert!(
        listed.lines().count() == 3 && listed.lines().all(|line| line.ends_with("\t1\t0\t0\tcompleted")),
        "{listed}"
    );
    assert_eq!(project.ask(["history"]).expect_code(0).out, listed);
    assert_eq!(project.json(["runs", "--since", "2199-01-01"])["runs"], Value::Array(Vec::new()));
    let name = all["runs"][0]["run_id"].as_str().expect("a name");
    assert_eq!(project.json(["report", "--run", name])["runs"][0], all["runs"][0]);
    // A run name begins with the time (UUID version 7), whose first digit stays 0 for centuries.
    project.ask(["report", "--run", "0"]).expect_error(2, "several runs begin with 0");
    project.ask(["report", "--run", ""]).expect_error(2, "a value is required");
    for words in [&["runs", "--since", "soon"][..], &["report", "--since", "25:00"]] {
        project.ask(words.iter().copied()).expect_error(2, "expected a time of day (22:00)");
    }
    project.ask(["report", "--run", name, "--since", "1h"]).expect_error(2, "cannot be used with");
}

#[test]
fn an_unreadable_log_is_an_error() {
    let project = TempProject::with_queue(&["a"]);
    project.write("logs/autonomous-processing.jsonl/in the way", "");
    for command in ["runs", "report"] {
        project.ask([command]).expect_error(74, "logs/autonomous-processing.jsonl");
    }
}

#[test]
fn status_shows_that_a_run_is_stopping_and_for_what_reason() {
    let project = TempProject::with_queue(&["a", "b"]);
    let run = begun(&project, &[]);
    let state = || project.json(["status"])["live_runs"][0].clone();
    assert_eq!((&state()["pid"], &state()["stop"]), (&run.id().into(), &Value::Null));
    assert!(state()["host"].is_string());
    signal(&run, "INT");
    wait_until("the stop is in the state file", || state()["stop"]["cause"] == "interrupt");
    let status = project.ask(["status"]).expect_code(0).out;
    assert!(status.contains("\nstopping after the current files, because of Ctrl-C, since 20"), "{status}");
    project.write("go", "");
    end_of(run).expect_code(130);
}

#[test]
fn status_has_the_figures_of_each_of_several_runs() {
    let project = TempProject::new();
    // Each run completes its first file. The second file waits for `go`.
    let command = "case {/} in *2) touch {}.begun; until test -e {//}/../go; do sleep 0.02; done ;; esac";
    let runs = ["x", "y"].map(|name| {
        project.write(format!("{name}/1"), "");
        project.write(format!("{name}/2"), "");
        let run = project.start(["run", name, "--shell", command]);
        wait_until("the second file is begun", || project.path(format!("{name}/2.begun")).exists());
        run
    });
    let live = || project.json(["status"])["live_runs"].as_array().expect("a list").clone();
    wait_until("both have one file", || live().iter().filter(|run| run["processed"] == 1).count() == 2);
    let status = project.ask(["status"]).expect_code(0).out;
    assert_eq!(status.matches("\n1 completed, 0 failed or timed out in this run").count(), 2, "{status}");
    project.write("go", "");
    for run in runs {
        end_of(run).expect_code(0);
    }
}

#[test]
fn the_words_for_failures_agree_in_a_status() {
    let project = TempProject::with_queue(&["a"]);
    let timeout = project.json_of(100, ["run", "-qq", "-r", "0", "--timeout", "0.2", "--shell", "sleep 600; : {}"]);
    let failure = &timeout["failures"][0];
    assert_eq!((&failure["status"], &failure["error"]), (&"timeout".into(), &"timed out after 0.2 s".into()));
    assert_eq!((&failure["item_id"], &failure["attempts"]), (&1.into(), &1.into()));
    let status = project.ask(["status"]).expect_code(0).out;
    assert!(status.contains("\n0 completed, 1 failed or timed out in that run\n"), "{status}");
}

#[test]
fn the_failures_in_the_result_of_a_run_are_bounded_and_counted() {
    let project = TempProject::new();
    for number in 0..25 {
        project.write(format!("in/{number}"), "");
    }
    let result =
        project.json_of(100, ["run", "-qq", "-r", "0", "-j4", "--pause-on-same", "0", "in", "--shell", "false"]);
    assert_eq!((result["failures"].as_array().map(Vec::len), &result["failed"]), (Some(20), &25.into()));
}
