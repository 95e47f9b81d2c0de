use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use serde_json::Value;

use crate::fixture::{Answer, TempProject, end_of, wait_until};
use crate::json::expect_documented;
use crate::stop::{begun, signal, signal_again, wait_until_heard};

fn read(project: &TempProject, name: &str) -> String {
    fs::read_to_string(project.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn document(project: &TempProject, name: &str) -> Value {
    serde_json::from_str(&read(project, name)).expect("a document")
}

fn documents(project: &TempProject, name: &str) -> Vec<Value> {
    read(project, name).lines().map(|line| serde_json::from_str(line).expect("a document")).collect()
}

fn path(project: &TempProject, name: &str) -> String {
    project.path(name).canonicalize().expect("a path").display().to_string()
}

#[track_caller]
fn expect_no_warning(answer: &Answer) {
    assert!(!answer.err.contains("warning"), "{answer:#?}");
}

fn is_alive(pid: &str) -> bool {
    Command::new("kill").args(["-0", pid.trim()]).output().expect("kill(1)").status.success()
}

#[test]
fn the_end_of_a_run_is_reported_once_with_its_document() {
    let project = TempProject::with_queue(&["a", "b"]);
    let hook = "cat >> end.json; echo \"$AUTOPROC_EXIT_CODE $AUTOPROC_RUN_ID $AUTOPROC_PROJECT_DIR\" >> env";
    let answer = project.ask(["--json", "run", "--on-finish", hook, "--", "true"]).expect_code(0);
    expect_no_warning(&answer);
    assert_eq!(read(&project, "end.json"), answer.out);
    let run = answer.json()["run_id"].as_str().expect("an id").to_owned();
    assert_eq!(read(&project, "env"), format!("0 {run} {}\n", path(&project, "")));
    // `--json` does not change the document.
    project.write("c", "");
    let hook = "cat > end.json; echo $AUTOPROC_EXIT_CODE > env";
    project.ask(["run", "c", "-qq", "-r0", "--on-finish", hook, "--", "false"]).expect_code(100);
    assert_eq!(document(&project, "end.json")["failures"][0]["error"], "exit status 1");
    assert_eq!(read(&project, "env"), "100\n");
}

#[test]
fn each_file_that_fails_for_good_is_reported_once() {
    let project = TempProject::new();
    for name in ["in/sub/first.pdf", "in/second.pdf", "in/good"] {
        project.write(name, "");
    }
    let script = "test {/} = good && exit; echo \"{/}: it is broken\" >&2; exit 3";
    let hook = "cat >> told; echo \"$AUTOPROC_ITEM_ID $AUTOPROC_REL $AUTOPROC_ATTEMPT/$AUTOPROC_MAX_ATTEMPTS\" >> env; \
                echo \"$AUTOPROC_FILE: $AUTOPROC_ERROR\" >> errors";
    let words = ["run", "in", "-r1", "--backoff-base", "0", "--on-failure", hook, "--shell", script];
    let answer = project.ask(words).expect_code(100);
    expect_no_warning(&answer);
    let mut told = documents(&project, "told");
    told.sort_by_key(|file| file["file_path"].as_str().map(str::to_owned));
    assert_eq!(told.len(), 2, "{told:?}");
    let groups = project.json(["failures"])["groups"].clone();
    for (file, name) in told.iter().zip(["in/second.pdf", "in/sub/first.pdf"]) {
        let item = project.json(["queue", "show", name]);
        assert_eq!(file["file_path"], item["file_path"]);
        assert_eq!(file["item_id"], item["id"]);
        assert_eq!(file["status"], "failed");
        assert_eq!(file["attempts"], 2);
        assert_eq!(file["round"], 1);
        assert_eq!(file["error"], item["last_error"]);
        assert_eq!((&file["exit_code"], &file["signal"]), (&3.into(), &Value::Null));
        expect_documented("failed file", file);
        assert_eq!(file["run_id"], item["history"][0]["run_id"]);
        assert_eq!(file["signature"], groups[0]["signature"]);
        assert_eq!(file["reason"], "exit status 3: {/}: it is broken");
        let id = &item["id"];
        let below = name.strip_prefix("in/").expect("a name");
        assert!(read(&project, "env").contains(&format!("{id} {below} 2/2\n")), "{}", read(&project, "env"));
        let base = name.rsplit('/').next().expect("a name");
        let error = format!("{}: exit status 3: {base}: it is broken\n", file["file_path"].as_str().expect("a path"));
        assert!(read(&project, "errors").contains(&error), "{}", read(&project, "errors"));
    }
}

#[test]
fn signals_and_timeouts_are_reported_too() {
    let project = TempProject::new();
    for name in ["killed", "late", "missing"] {
        project.write(name, "");
    }
    let script = "case {/} in killed) kill -9 $$;; late) sleep 600;; *) exit 127; esac";
    let words = ["run", "killed", "late", "missing", "-r0", "--timeout", "0.5", "--grace", "1"];
    project.ask(words.into_iter().chain(["--on-failure", "cat >> told", "--shell", script])).expect_code(100);
    let told = documents(&project, "told");
    let of = |name: &str| {
        let is_it = |file: &&Value| file["file_path"].as_str().is_some_and(|path| path.ends_with(name));
        let file = told.iter().find(is_it).unwrap_or_else(|| panic!("{name} in {told:?}"));
        [&file["status"], &file["exit_code"], &file["signal"]].map(Value::clone)
    };
    assert_eq!(of("killed"), ["failed".into(), Value::Null, 9.into()]);
    assert_eq!(of("late"), ["timeout".into(), Value::Null, Value::Null]);
    assert_eq!(of("missing"), ["failed".into(), 127.into(), Value::Null]);
}

#[test]
fn a_hook_that_fails_is_one_warning_and_changes_nothing() {
    let project = TempProject::with_queue(&["a"]);
    let answer = project.ask(["run", "--on-finish", "echo said; echo why >&2; exit 4", "--", "true"]).expect_code(0);
    assert!(answer.out.starts_with("processed 1, failed 0"), "{answer:?}");
    assert!(answer.err.contains(" --on-finish: said\n") && answer.err.contains(" --on-finish: why\n"), "{answer:?}");
    assert!(answer.err.contains(" warning: --on-finish failed: exit status 4\n"), "{answer:?}");
    for name in ["b", "c", "d"] {
        project.write(name, "");
    }
    let answer =
        project.ask(["run", "b", "c", "d", "-r0", "--on-failure", "nonsense-1", "--", "false"]).expect_code(100);
    assert_eq!(answer.err.matches("warning: --on-failure failed for ").count(), 2, "{answer:?}");
    let first = format!("warning: --on-failure failed for {}: exit status 127\n", path(&project, "b"));
    assert!(answer.err.contains(&first), "{answer:?}");
    assert!(answer.err.contains("warning: --on-failure failed for 3 files\n"), "{answer:?}");
}

#[test]
fn a_hook_that_hangs_is_ended_with_all_its_processes() {
    let project = TempProject::with_queue(&["a"]);
    let hook = "sleep 600 & echo $! > pid; wait";
    let words =
        ["run", "-r0", "--hook-timeout", "0.3", "--on-failure", hook, "--on-finish", "sleep 600", "--", "false"];
    let answer = project.ask(words).expect_code(100);
    // The time limit ends the first command. On a very slow machine, the end of the run does.
    let late = format!("warning: --on-failure failed for {}: ", path(&project, "a"));
    assert!(answer.err.contains(&late), "{answer:?}");
    assert!(answer.err.contains("warning: --on-finish failed: timed out after 0.3 s\n"), "{answer:?}");
    assert!(!is_alive(&read(&project, "pid")));
}

#[test]
fn the_run_does_not_wait_for_commands_without_end() {
    let project = TempProject::new();
    let names: Vec<_> = (0..40).map(|number| format!("f{number}")).collect();
    for name in &names {
        project.write(name, "");
    }
    let options = ["-r0", "-j4", "--pause-on-same", "0", "--hook-timeout", "0.5", "--on-failure", "sleep 600"];
    let words = ["run"].into_iter().chain(names.iter().map(String::as_str)).chain(options).chain(["--", "false"]);
    let answer = project.ask(words).expect_code(100);
    assert!(answer.err.contains("warning: --on-failure was not executed for "), "{answer:?}");
    assert!(answer.out.starts_with("processed 0, failed 40"), "{answer:?}");
}

#[test]
fn a_hook_may_leave_its_input_unread() {
    let project = TempProject::with_queue(&["a"]);
    let words = ["run", "-r0", "--on-failure", "exec 0<&-", "--on-finish", "true", "--", "false"];
    expect_no_warning(&project.ask(words).expect_code(100));
}

#[test]
fn hostile_names_and_output_stay_data() {
    let project = TempProject::new();
    let name = OsStr::from_bytes(b"a\n'$(touch pwned)\"\xff\x1b[2J");
    project.write(name, "");
    let hook = "cat > told; printf %s \"$AUTOPROC_FILE\" > file; printf 'x\\033[2J\\n'; exit 1";
    let words = ["run", "-r0", "--on-failure", hook].map(OsStr::new);
    let command = ["--", "sh", "-c", "printf 'no \\033[2J\\000\\n'; exit 1", "sh"].map(OsStr::new);
    let answer = project.ask(words.into_iter().chain([name]).chain(command)).expect_code(100);
    assert!(!answer.err.contains('\u{1b}'), "{answer:?}");
    assert!(answer.err.contains(" --on-failure: x\\u{1b}[2J\n"), "{answer:?}");
    let path = project.path(name).canonicalize().expect("a path");
    assert_eq!(fs::read(project.path("file")).expect("the file"), path.as_os_str().as_bytes());
    assert!(document(&project, "told")["file_path_bytes"].is_string());
    assert!(!project.path("pwned").exists());
}

#[test]
fn a_stopped_run_is_reported() {
    let project = TempProject::with_queue(&["a", "b"]);
    let run = begun(&project, &["--on-finish", "cat > end.json"]);
    project.ask(["stop"]).expect_code(0);
    wait_until_heard(&project);
    project.write("go", "");
    end_of(run).expect_code(75);
    let end = document(&project, "end.json");
    assert_eq!((&end["stopped_by"], &end["processed"], &end["remaining"]), (&"stop_file".into(), &1.into(), &1.into()));
}

#[test]
fn an_aborted_run_is_reported() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun(&project, &["--on-finish", "cat > end.json"]);
    signal(&run, "INT");
    wait_until_heard(&project);
    signal_again(&run, "INT");
    end_of(run).expect_code(130);
    assert_eq!(document(&project, "end.json")["stopped_by"], "interrupt");
}

#[test]
fn a_further_ctrl_c_ends_a_hook() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun(&project, &["--on-finish", "echo $$ > pid; touch begun; exec sleep 600"]);
    signal(&run, "INT");
    wait_until_heard(&project);
    project.write("go", "");
    wait_until("the hook runs", || project.path("begun").exists());
    signal_again(&run, "INT");
    let over = end_of(run).expect_code(130);
    assert!(
        over.err.contains("warning: --on-finish failed: the command was ended, because the run ends\n"),
        "{over:?}"
    );
    assert!(!is_alive(&read(&project, "pid")));
}

#[test]
fn no_hook_outlives_a_killed_run() {
    let project = TempProject::with_queue(&["a"]);
    let hook = "echo $$ > pid; touch begun; exec sleep 600";
    let run = project.start(["run", "-r0", "--on-failure", hook, "--", "false"]);
    wait_until("the hook runs", || project.path("begun").exists());
    project.kill(run);
    let pid = read(&project, "pid");
    wait_until("the hook has ended", || !is_alive(&pid));
}

#[test]
fn a_run_that_ends_with_an_error_is_reported() {
    let project = TempProject::with_queue(&["a"]);
    let hook = "cat > end.json; echo $AUTOPROC_EXIT_CODE > env";
    let script = ": {}; rm .claude/mission-control/*.journal.*";
    let answer = project
        .ask(["run", "-r0", "--on-finish", hook, "--shell", script])
        .expect_error(65, "saved changes are missing");
    assert_eq!(read(&project, "env"), format!("{}\n", answer.code));
    assert_eq!(document(&project, "end.json")["stopped_by"], "error");
}

#[test]
fn a_run_that_does_not_start_is_not_reported() {
    let project = TempProject::with_queue(&["a"]);
    let words = |more: &[&'static str]| [&["run", "--on-finish", "touch end"], more, &["--", "true"]].concat();
    project.ask(words(&["missing"])).expect_error(66, "missing");
    project.ask(words(&["--dry-run"])).expect_code(0);
    assert!(!project.path("end").exists());
    project.ask(["run", "--on-finish", " ", "--", "true"]).expect_error(2, "there is no command in it");
    project.ask(["run", "--on-failure", "", "--", "true"]).expect_error(2, "there is no command in it");
}

#[test]
fn a_run_that_is_started_again_reports_again() {
    let project = TempProject::with_queue(&["a", "b"]);
    let run = begun(&project, &["--on-finish", "cat >> told", "--joblog", "jobs"]);
    project.kill(run);
    assert!(!project.path("told").exists());
    project.write("go", "");
    project.ask(["resume"]).expect_code(0);
    assert_eq!(documents(&project, "told").len(), 1);
    assert_eq!(read(&project, "jobs").lines().count(), 3);
}
