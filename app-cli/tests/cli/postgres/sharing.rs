use std::fs;
use std::process::Command;

use super::database::Database;
use crate::fixture::{TempProject, end_of, wait_until};

const WITNESS: &str = "until test -e {//}/go; do sleep 0.05; done; mkdir {//}/ran/{/}";

#[test]
fn two_runs_share_a_queue_and_no_file_runs_twice() {
    let Some(database) = Database::with_queue() else { return };
    let (files, one, other) = (TempProject::new(), TempProject::new(), TempProject::new());
    fs::create_dir(files.path("ran")).expect("a folder");
    let names: Vec<_> = (0..40).map(|number| format!("f{number}")).collect();
    let paths: Vec<_> = names.iter().map(|name| files.write(name, "")).collect();
    let add = ["queue", "add"].map(std::ffi::OsString::from).into_iter();
    database.ask(&files, add.chain(paths.into_iter().map(Into::into))).expect_code(0);
    let runs = [&one, &other]
        .map(|project| database.start(project, ["run", "-j", "3", "-r", "0", "--shell", WITNESS], "errors"));
    wait_until("both runs are live", || database.live_runs(&files) == 2);
    files.write("go", "");
    for run in runs {
        let ended = end_of(run);
        // A run does not wait for the last files of the other run.
        assert!([0, 75].contains(&ended.code), "{ended:?}");
    }
    assert_eq!(database.count(&files, "completed"), 40);
    assert_eq!(fs::read_dir(files.path("ran")).expect("the folder").count(), 40);
}

#[test]
fn a_run_that_lost_its_lease_ends_and_settles_nothing() {
    let Some(database) = Database::with_queue() else { return };
    let project = TempProject::new();
    project.write("a", "");
    let patient = "until test -e go; do sleep 0.05; done; : {}";
    let run = database.start(&project, ["run", "a", "--shell", patient], "errors");
    wait_until("a file is at work", || database.count(&project, "processing") == 1);
    database.execute("update autoproc.lease set until_us = 0");
    project.write("go", "");
    end_of(run).expect_code(75);
    let errors = fs::read_to_string(project.path("errors")).expect("the file");
    assert!(errors.contains("error: ") && errors.contains("no longer holds its claims"), "{errors}");
    assert_eq!(database.count(&project, "completed"), 0);
}

#[test]
fn a_run_ends_what_a_killed_run_of_another_folder_left() {
    let Some(database) = Database::with_queue() else { return };
    let (one, other) = (TempProject::new(), TempProject::new());
    let file = one.write("a", "");
    let lingers = "echo $$ > pid.new; echo $PPID > guard; mv pid.new pid; while :; do sleep 1; done; : {}";
    let mut run = database.start(&one, ["run", "a", "--shell", lingers], "errors");
    wait_until("the command has begun", || one.path("pid").exists());
    let read = |name: &str| fs::read_to_string(one.path(name)).expect("a number").trim().to_owned();
    let (command, guard) = (read("pid"), read("guard"));
    kill("STOP", &guard);
    run.kill().expect("a child");
    run.wait().expect("it ends");
    kill("KILL", &guard);
    database.execute("update autoproc.lease set until_us = autoproc.clock_us() - 1000000");
    // A zombie counts as ended: its parent may never reap it.
    let is_gone = format!("if grep -qs '^State:.[^ZX]' /proc/{command}/status; then exit 1; fi; : {{}}");
    let words = ["run", "-r", "1", "--backoff-base", "0", "--shell", &is_gone];
    database.ask(&other, words).expect_code(0);
    let shown = database.json(&other, [std::ffi::OsStr::new("queue"), "show".as_ref(), file.as_os_str()]);
    assert_eq!((&shown["status"], &shown["attempts"]), (&"completed".into(), &2.into()), "{shown}");
}

/// Another run may take the files 15 s after the end of the lease.
#[test]
fn the_commands_of_a_stopped_run_end_before_another_run_may_take_their_files() {
    let Some(database) = Database::with_queue() else { return };
    let project = TempProject::new();
    project.write("a", "");
    let lingers = "trap '' TERM; echo $$ > pid.new; mv pid.new pid; while :; do sleep 0.1; done; : {}";
    let words = ["run", "a", "--unreachable-timeout", "5", "--grace", "1h", "--shell", lingers];
    let run = database.start(&project, words, "errors");
    wait_until("the command has begun", || project.path("pid").exists());
    let command = fs::read_to_string(project.path("pid")).expect("a number").trim().to_owned();
    kill("STOP", &run.id().to_string());
    // A zombie counts as ended.
    let is_at_work = || {
        let status = fs::read_to_string(format!("/proc/{command}/status")).unwrap_or_default();
        status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
    };
    wait_until("the command has ended", || !is_at_work());
    // Fails with a division by 0 if the lease ended more than 15 s ago.
    let recent = "select count(*)::int from autoproc.lease where until_us > autoproc.clock_us() - 15000000";
    database.execute(&format!("select 1 / ({recent})"));
    kill("CONT", &run.id().to_string());
    end_of(run).expect_code(75);
}

fn kill(signal: &str, process: &str) {
    let sent = Command::new("kill").args([&format!("-{signal}"), process]).status();
    assert!(sent.expect("kill(1)").success());
}

#[test]
fn a_run_without_its_server_ends_in_time() {
    let Some(database) = Database::on_own_server() else { return };
    let project = TempProject::new();
    project.write("a", "");
    let lingers = "touch begun; while :; do sleep 0.1; done; : {}";
    let words = ["run", "a", "--grace", "1", "--unreachable-timeout", "5", "--shell", lingers];
    let run = database.start(&project, words, "errors");
    wait_until("the command has begun", || project.path("begun").exists());
    database.server().control(&["stop", "-w", "-m", "fast"]);
    end_of(run).expect_code(75);
    let errors = fs::read_to_string(project.path("errors")).expect("the file");
    assert!(errors.contains("no longer holds its claims"), "{errors}");
}

#[test]
fn results_are_written_when_the_server_is_back() {
    let Some(database) = Database::on_own_server() else { return };
    let project = TempProject::new();
    project.write("a", "");
    let patient = "until test -e go; do sleep 0.05; done; echo did {}";
    let run = database.start(&project, ["run", "a", "--shell", patient], "errors");
    wait_until("a file is at work", || database.count(&project, "processing") == 1);
    database.server().control(&["stop", "-w", "-m", "fast"]);
    project.write("go", "");
    let errors = project.path("errors");
    wait_until("the run has tried a few times", || event_log(&project).matches("storage_trouble").count() > 2);
    database.server().control(&["start", "-w"]);
    end_of(run).expect_code(0);
    let errors = fs::read_to_string(&errors).expect("the file");
    assert_eq!(errors.matches("cannot be reached").count(), 1, "{errors}");
    assert!(errors.contains("the queue answers again"), "{errors}");
    assert_eq!(database.count(&project, "completed"), 1);
}

fn event_log(project: &TempProject) -> String {
    let folders = fs::read_dir(project.path("logs/stores")).expect("the folder");
    let logs = folders.map(|folder| folder.expect("an entry").path().join("autonomous-processing.jsonl"));
    logs.map(|log| fs::read_to_string(log).unwrap_or_default()).collect()
}
