use std::fs;

use crate::fixture::{Answer, TempProject, end_of, wait_until};

fn with_papers() -> TempProject {
    let project = TempProject::new();
    for name in ["a", "b", "c"] {
        project.write(format!("in/{name}.pdf"), "");
    }
    project
}

#[track_caller]
fn says(answer: &Answer, words: &str) {
    assert!(answer.err.contains(words), "no {words:?} in {answer:#?}");
}

#[track_caller]
fn is_without_a_project(project: &TempProject) {
    assert!(!project.path(".claude").exists() && !project.path("logs").exists(), "a project was made");
}

#[test]
fn a_report_passes_over_runs_that_had_nothing_to_do() {
    let project = with_papers();
    project.ask(["run", "-qq", "-r", "0", "--pause-on-same", "0", "in", "--", "false"]).expect_code(100);
    assert_eq!(project.json(["report"])["later_idle_runs"], 0);
    let night = project.json(["report"])["runs"][0]["run_id"].clone();
    for _ in 0..70 {
        project.ask(["run", "-qq", "--", "true"]).expect_code(0);
    }
    let report = project.json(["report"]);
    assert_eq!((&report["runs"][0]["run_id"], &report["later_idle_runs"]), (&night, &70.into()));
    assert_eq!((&report["failed_files"], report["runs"].as_array().map(Vec::len)), (&3.into(), Some(1)));
    let report = project.ask(["report"]).expect_code(0).out;
    assert!(
        report.contains("\n  70 later runs, the last at 20") && report.contains(" had nothing to do\n"),
        "{report}"
    );
    assert!(report.contains("/in/a.pdf  exit status 1\n"), "{report}");
    assert_eq!(project.json(["report", "--last"])["failed"], 0);
    assert_eq!(project.json(["report", "--since", "1h"])["runs"].as_array().map(Vec::len), Some(71));
}

#[test]
fn a_report_shows_an_idle_run_if_there_is_no_other() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["queue", "hold", "a"]).expect_code(0);
    for _ in 0..2 {
        project.ask(["run", "-qq", "--", "true"]).expect_code(0);
    }
    let report = project.json(["report"]);
    assert_eq!((report["runs"].as_array().map(Vec::len), &report["later_idle_runs"]), (Some(1), &0.into()));
}

#[test]
fn a_pattern_without_quotes_is_recognised() {
    let project = with_papers();
    for name in ["1.csv", "2.csv", "3.csv"] {
        project.write(name, "");
    }
    let shell = |line: &str| {
        let binary = env!("CARGO_BIN_EXE_autoproc");
        let answer = project.program("sh").args(["-c", &format!("'{binary}' {line}")]).output().expect("sh");
        Answer::from(answer).expect_code(0)
    };
    let included = shell("run -q in --include *.csv -- true");
    says(&included, "warning: --include 1.csv names only this file, so 2.csv and 1 more file are excluded; ");
    says(&included, "quote it, as in: --include '*.csv'\n");
    let excluded = shell("run -q in --exclude *.csv -- true");
    says(&excluded, "warning: --exclude 1.csv names only this file, so 2.csv and 1 more file are not excluded; ");
    says(&shell("queue add in --include *.csv"), "quote it, as in: --include '*.csv'\n");
    for line in ["run -q in --include '*.csv' -- true", "run -q *.csv --exclude '1*' -- true"] {
        let quoted = shell(line);
        assert!(!quoted.err.contains("quote it"), "{quoted:#?}");
    }
}

#[test]
fn an_option_in_the_command_is_noticed_once() {
    let project = with_papers();
    let run = project.ask(["run", "in", "--", "true", "{}", "--jobs", "4", "--retries=0"]).expect_code(0);
    assert_eq!(run.err.matches("because it stands behind `--`").count(), 1, "{run:#?}");
    says(&run, "true gets --jobs, because it stands behind `--`; write options of autoproc before `--`\n");
    for words in [&["run", "in", "--", "true", "--verbose", "-j4"][..], &["run", "-q", "in", "--", "true", "--jobs"]] {
        let run = project.ask(words).expect_code(0);
        assert!(!run.err.contains("stands behind"), "{run:#?}");
    }
}

#[test]
fn a_command_without_dashes_is_recognised() {
    let project = with_papers();
    for (words, line) in [
        (&["run", "in", "cat", "{}"][..], "autoproc run in -- cat {}"),
        (&["run", "-j", "2", "in", "cat", "-n", "{}"], "autoproc run -j 2 in -- cat -n {}"),
        (&["run", "in", "cat", "--squeeze-blank"], "autoproc run in -- cat --squeeze-blank"),
        (&["run", "in", "cat", "-resize", "5"], "autoproc run in -- cat -resize 5"),
        (&["run", "cat", "in/a.pdf"], "autoproc run in/a.pdf -- cat"),
    ] {
        let error = project.ask(words).expect_code(2);
        assert!(error.err.lines().any(|text| text.ends_with(line)), "no {line:?} in {error:#?}");
        says(&error, "`--`");
    }
    // A workflow that `run` uses without a command does not change the error.
    project.write("core/workflows/wf-pipeline-full.yaml", "id: wf-pipeline-full\nphases: []\n");
    project.ask(["run", "in", "cat", "{}"]).expect_error(2, "there is no `--` before the command");
    let elsewhere = project.ask(["--project-dir", ".", "run", "--no-wait", "--jobs", "4", "cat", "in"]);
    says(&elsewhere.expect_code(2), "hint: autoproc --project-dir . run --no-wait --jobs 4 in -- cat\n");
    let stop = project.ask(["--project-dir", ".", "stop", "-f"]).expect_code(2);
    says(&stop, "`autoproc stop --now` ends the current attempts");
    is_without_a_project(&project);
}

#[test]
fn a_filter_that_matches_nothing_is_named() {
    let project = with_papers();
    let folder = project.path("in").display().to_string();
    let nothing = format!("nothing to add: --include '*.nope' excludes all 3 files in {folder}\n");
    let words = ["run", "in", "--include", "*.nope", "--", "true"];
    let run = project.ask(words).expect_code(0);
    says(&run, &format!("warning: {nothing}"));
    assert!(run.out.starts_with("processed 0, failed 0"), "{run:#?}");
    let strict = project.ask(["run", "in", "--strict", "--include", "*.nope", "--", "true"]);
    says(&strict.expect_error(66, "nothing to add: --include '*.nope'"), &nothing);
    says(&project.ask(["queue", "add", "in", "--include", "*.nope"]).expect_code(0), &nothing);
    project.ask(["queue", "add", "in", "--include", "*.nope", "--strict"]).expect_error(66, "nothing to add");
    project.ask(["run", "in", "--strict", "--include", "a.*", "--", "true"]).expect_code(0);
}

/// With exit code 0, `run in -- convert && rm -r in` would lose files.
#[test]
fn files_that_another_command_completed_meanwhile_are_no_success() {
    let project = TempProject::new();
    project.write("in/a", "");
    project.write("in/b", "");
    let slow = "touch begun; : {}; until test -e go; do sleep 0.02; done";
    let first = project.start(["run", "-q", "in", "--shell", slow]);
    wait_until("the first file is begun", || project.path("begun").exists());
    project.ask(["run", "-qq", "in", "--", "true"]).expect_code(75);
    assert_eq!((project.status_of("in/a"), project.status_of("in/b")), ("processing".into(), "completed".into()));
    project.write("go", "");
    let over = end_of(first).expect_code(75);
    says(&over, "warning: not all files are completed: 1 completed by another command\n");
    let again = project.ask(["run", "in", "--shell", slow]).expect_code(0);
    assert!(again.out.starts_with("processed 1, failed 0"), "{again:#?}");
}

fn changed_during_run(options: &[&str], change: impl FnOnce(&TempProject)) -> Answer {
    changed_during("exit 0", options, change)
}

fn changed_during(last: &str, options: &[&str], change: impl FnOnce(&TempProject)) -> Answer {
    let project = TempProject::new();
    for name in ["in/1", "in/2", "in/3", "in/4"] {
        project.write(name, "");
    }
    let slow = format!("touch begun; : {{}}; until test -e go; do sleep 0.02; done; {last}");
    let run = project.start([&["run", "in", "--shell", &slow], options].concat());
    wait_until("the first file is begun", || project.path("begun").exists());
    change(&project);
    project.write("go", "");
    end_of(run)
}

#[test]
fn a_file_that_is_removed_during_the_run_is_no_success() {
    let remove = |project: &TempProject| {
        project.ask(["queue", "remove", "in/3"]).expect_code(0);
    };
    let run = changed_during_run(&[], remove).expect_code(75);
    assert!(run.out.starts_with("processed 3, failed 0, retried 0, 0 pending; no other files are pending"), "{run:#?}");
    assert!(run.out.ends_with("\n1 file removed from the queue or added again meanwhile\n"), "{run:#?}");
    says(&changed_during_run(&["-q"], remove).expect_code(75), "warning: not all files are completed: 1 removed");
    let json = changed_during_run(&["--json"], remove).expect_code(75).json();
    assert_eq!((&json["removed"], &json["completed_by_others"], &json["processed"]), (&1.into(), &0.into(), &3.into()));
}

#[test]
fn a_named_file_is_missed_also_by_a_run_over_the_whole_queue() {
    let remove = |project: &TempProject| {
        project.write("other", "");
        project.ask(["queue", "add", "other"]).expect_code(0);
        project.ask(["queue", "remove", "in/3"]).expect_code(0);
    };
    let json = changed_during_run(&["--all", "--json"], remove).expect_code(75).json();
    assert_eq!((&json["removed"], &json["processed"]), (&1.into(), &4.into()));
    let add_and_remove = |project: &TempProject| {
        project.write("other", "");
        project.ask(["queue", "add", "other"]).expect_code(0);
        project.ask(["queue", "remove", "other"]).expect_code(0);
    };
    changed_during_run(&["--all"], add_and_remove).expect_code(0);
}

#[test]
fn a_removed_file_is_counted_beside_failures() {
    let remove = |project: &TempProject| {
        project.ask(["queue", "remove", "in/3"]).expect_code(0);
    };
    let fail = "case {/} in 1) exit 3 ;; esac";
    let run = changed_during(fail, &["-r", "0"], remove).expect_code(100);
    assert!(run.out.starts_with("processed 2, failed 1, "), "{run:#?}");
    assert!(run.out.contains("\n1 file removed from the queue or added again meanwhile\n"), "{run:#?}");
    let quiet = changed_during(fail, &["-q", "-r", "0"], remove).expect_code(100);
    says(&quiet, "warning: not all files are completed: 1 failed, 1 removed or added again\n");
    assert_eq!(changed_during(fail, &["-q", "-r", "0"], |_| ()).expect_code(100).err.matches("warning").count(), 0);
}

#[test]
fn files_that_another_command_completed_and_a_user_cleared_are_no_success() {
    let complete = |project: &TempProject| {
        project.ask(["run", "-qq", "in/2", "in/3", "--", "true"]).expect_code(0);
    };
    let json = changed_during_run(&["--json"], complete).expect_code(75).json();
    assert_eq!((&json["removed"], &json["completed_by_others"]), (&0.into(), &2.into()));
    let run = changed_during_run(&[], complete).expect_code(75);
    assert!(
        run.out.contains("\n2 files completed by another command meanwhile; run this command line again "),
        "{run:#?}"
    );
    let json = changed_during_run(&["--json"], |project| {
        complete(project);
        project.ask(["queue", "clear", "--status", "completed"]).expect_code(0);
    });
    assert_eq!(json.expect_code(75).json()["removed"], 2);
}

#[test]
fn an_empty_folder_makes_no_project() {
    let project = TempProject::new();
    fs::create_dir(project.path("empty")).expect("a folder");
    says(&project.ask(["run", "empty", "--", "true"]).expect_code(0), "warning: no files were found in ");
    let quiet = project.ask(["run", "-q", "empty", "--", "true"]).expect_code(0);
    assert!(quiet.out.is_empty() && quiet.err.starts_with("warning: no files were found"), "{quiet:#?}");
    let run = project.ask(["--json", "run", "empty", "--", "true"]).expect_code(0).json();
    assert_eq!((&run["processed"], &run["stopped_by"]), (&0.into(), &"queue_empty".into()));
    project.ask(["run", "empty", "--strict", "--", "true"]).expect_error(66, "no files were found");
    is_without_a_project(&project);
}

#[test]
fn a_second_command_on_the_same_queue_is_noticed() {
    let project = TempProject::with_queue(&["a", "b"]);
    let slow = "touch {}.begun; until test -e go; do sleep 0.02; done";
    let first = project.start(["run", "-q", "a", "--shell", slow]);
    wait_until("the first file is begun", || project.path("a.begun").exists());
    let second = project.ask(["run", "-q", "--", "cat"]).expect_code(75);
    says(&second, " also takes files from this queue, with `--shell 'touch {}.begun; until ");
    says(&second, "is processed either by that run or by this one");
    for words in [&["run", "-q", "--shell", slow][..], &["run", "-q", "b", "--", "cat"]] {
        let other = project.ask(words);
        assert!(!other.err.contains("another run"), "{other:#?}");
    }
    project.write("go", "");
    end_of(first).expect_code(0);
    let alone = project.ask(["run", "-q", "--", "cat"]).expect_code(0);
    assert_eq!(alone.err, "");
}

/// cron(8) mails the output of a quiet run.
#[test]
fn a_quiet_run_says_why_its_exit_code_is_not_0() {
    let project = TempProject::with_queue(&["a", "b"]);
    let lines = |words: &[&str], code: i32| {
        let answer = project.ask(words).expect_code(code);
        assert_eq!(answer.out, "");
        answer.err
    };
    let slow = "touch {}.begun; until test -e go; do sleep 0.02; done";
    let first = project.start(["run", "-q", "a", "--shell", slow]);
    wait_until("the first file is begun", || project.path("a.begun").exists());
    let other = lines(&["run", "-q", "a", "--shell", slow], 75);
    assert!(other.ends_with(" warning: not all files are completed: 1 being processed elsewhere\n"), "{other}");
    assert_eq!(other.lines().count(), 1, "{other}");
    assert_eq!(lines(&["run", "-qq", "a", "--shell", slow], 75), "");
    project.write("go", "");
    end_of(first).expect_code(0);
    let later = lines(&["run", "-q", "--no-wait", "--backoff-base", "1h", "b", "--", "false"], 75);
    assert!(later.ends_with(": 1 pending; nothing is due\n"), "{later}");
    project.ask(["queue", "hold", "b"]).expect_code(0);
    let held = lines(&["run", "-q", "b", "--", "true"], 75);
    assert!(held.ends_with(": 1 pending (1 held)\n"), "{held}");
    project.write("c", "");
    let failed = lines(&["run", "-q", "-r", "0", "c", "--", "false"], 100);
    assert_eq!((failed.lines().count(), failed.contains("warning")), (1, false), "{failed}");
}

#[test]
fn retried_files_say_how_they_are_processed() {
    let project = with_papers();
    project.ask(["run", "-qq", "-r", "0", "--pause-on-same", "0", "in", "--", "false"]).expect_code(100);
    let retried = project.ask(["retry-failed", "in/a.pdf"]).expect_code(0);
    assert_eq!(retried.out, "1 file requeued\n");
    says(&retried, "`autoproc run -- COMMAND` processes it\n");
    says(&project.ask(["retry-failed"]).expect_code(0), "`autoproc run -- COMMAND` processes them\n");
    assert_eq!(project.ask(["retry-failed"]).expect_code(0).err, "");
    let root = project.path("");
    let mut elsewhere = project.command(["queue", "clear", "--project-dir"]);
    Answer::from(elsewhere.arg(&root).current_dir("/").output().expect("the binary")).expect_code(0);
    project.ask(["run", "-qq", "-r", "0", "--pause-on-same", "0", "in", "--", "false"]).expect_code(100);
    let mut elsewhere = project.command(["retry-failed", "--project-dir"]);
    let elsewhere = Answer::from(elsewhere.arg(&root).current_dir("/").output().expect("the binary"));
    says(&elsewhere, "`autoproc run --project-dir /");
}

#[test]
fn a_file_that_is_gone_is_to_be_removed_or_put_back() {
    let project = with_papers();
    project.ask(["queue", "add", "in"]).expect_code(0);
    fs::remove_file(project.path("in/a.pdf")).expect("a file");
    let run = project.ask(["run", "-r", "0", "--", "cat"]).expect_code(100);
    let advice =
        format!("/in/a.pdf does not exist: put it back, or `autoproc queue remove {}", project.path("in").display());
    assert!(run.out.contains(&advice) && !run.out.contains("retry-failed"), "{run:#?}");
    let report = project.ask(["report"]).expect_code(0).out;
    assert!(report.contains(&advice) && !report.contains("autoproc retry-failed"), "{report}");
    let retried = project.ask(["retry-failed"]).expect_code(0);
    says(&retried, &advice);
    fs::remove_file(project.path("in/b.pdf")).expect("a file");
    let run =
        project.ask(["run", "-r", "0", "--pause-on-same", "0", "in/c.pdf", "--all", "--", "false"]).expect_code(100);
    assert!(run.out.contains("`autoproc retry-failed` gives the failed files another round"), "{run:#?}");
    project.write("in/a.pdf", "");
    let report = project.ask(["report"]).expect_code(0).out;
    assert!(!report.contains("does not exist") && report.contains("autoproc retry-failed"), "{report}");
}

#[test]
fn a_place_without_a_queue_is_named() {
    let project = TempProject::new();
    let folder = format!("there is no queue in {}", project.path("").display());
    let folder = folder.trim_end_matches('/');
    for words in [
        &["queue", "list"][..],
        &["queue", "size"],
        &["queue", "peek"],
        &["queue", "clear"],
        &["queue", "recover"],
        &["queue", "export"],
        &["queue", "repair"],
        &["workflow", "progress"],
        &["runs"],
        &["report"],
    ] {
        let answer = project.ask(words).expect_code(0);
        says(&answer, folder);
        says(&answer, "`cd` to the folder of a queue, or name it with --project-dir FOLDER");
    }
    for words in [
        &["queue", "show", "a"][..],
        &["queue", "remove", "a"],
        &["queue", "hold", "a"],
        &["queue", "prioritise", "a", "1"],
        &["cancel", "a"],
        &["log", "a"],
        &["log", "1"],
        &["retry-failed"],
        &["run", "--", "true"],
    ] {
        says(&project.ask(words).expect_error(2, folder), "hint: `cd` to the folder of a queue, or name it with ");
    }
    assert!(project.ask(["status"]).expect_code(0).out.starts_with(folder));
    is_without_a_project(&project);
}

#[test]
fn a_folder_means_its_files_in_the_queue() {
    let project = with_papers();
    project.write("in/deep/d.pdf", "");
    project.write("inside", "");
    project.ask(["queue", "add", "in"]).expect_code(0);
    project.ask(["queue", "add", "inside"]).expect_code(0);
    assert_eq!(project.ask(["queue", "hold", "in/deep"]).expect_code(0).out, "1 file held\n");
    project.ask(["run", "-qq", "-r", "0", "--shell", "case {/} in b.pdf) true ;; *) false ;; esac"]).expect_code(100);
    project.ask(["queue", "unhold", "in/"]).expect_code(0);
    assert_eq!(project.ask(["cancel", "in"]).expect_code(0).out, "1 file cancelled\n");
    assert_eq!(project.ask(["retry-failed", "in"]).expect_code(0).out, "3 files requeued\n");
    assert_eq!((project.status_of("in/b.pdf"), project.status_of("inside")), ("completed".into(), "failed".into()));
    project
        .ask(["retry-failed", "in"])
        .expect_error(2, "the queue contains 4 files below in, but none is failed or timeout");
    assert_eq!(project.ask(["rm", "in"]).expect_code(0).out, "4 files removed\n");
    assert_eq!(project.names(), ["inside"]);
    project.ask(["rm", "in"]).expect_error(2, "is not in the queue");
}

#[test]
fn a_command_for_one_file_lists_the_files_of_a_folder() {
    let project = TempProject::new();
    for number in 1..=7 {
        project.write(format!("in/{number}"), "");
    }
    project.ask(["queue", "add", "in"]).expect_code(0);
    for words in [&["log", "in"][..], &["queue", "show", "in/"], &["queue", "prioritise", "in", "3"]] {
        let error = project.ask(words).expect_error(2, "/in is a folder with 7 files of the queue; name one of them");
        let hint = error.err.lines().find(|line| line.starts_with("hint: ")).unwrap_or_default();
        assert_eq!(hint.matches("/in/").count(), 5, "{error:#?}");
        assert!(hint.ends_with("/in/5, and 2 more"), "{error:#?}");
    }
}
