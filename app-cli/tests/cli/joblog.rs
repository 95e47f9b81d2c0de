use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::fixture::TempProject;

const HEADING: &str = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand";

fn lines(project: &TempProject) -> Vec<Vec<String>> {
    let text = fs::read_to_string(project.path("jobs")).expect("the job log");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(HEADING));
    lines.map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

#[test]
fn each_attempt_has_a_line() {
    let project = TempProject::with_queue(&["fine", "failed", "killed", "late"]);
    let script = "case {/} in fine) echo words;; failed) exit 3;; killed) kill -9 $$;; *) sleep 600; esac";
    let options = ["-r1", "--backoff-base", "0", "--no-retry-timeouts", "--timeout", "0.5", "--joblog", "jobs"];
    let words = ["run"].into_iter().chain(options).chain(["--shell", script]);
    project.ask(words).expect_code(100);
    let lines = lines(&project);
    let ends: Vec<_> = lines.iter().map(|line| [0, 1, 4, 5, 6, 7].map(|column| line[column].as_str())).collect();
    let mut sorted = ends.clone();
    sorted.sort_unstable();
    let expected = [
        ["1", ":", "0", "6", "0", "0"],
        ["2", ":", "0", "0", "3", "0"],
        ["2", ":", "0", "0", "3", "0"],
        ["3", ":", "0", "0", "0", "9"],
        ["3", ":", "0", "0", "0", "9"],
        ["4", ":", "0", "0", "-1", "15"],
    ];
    assert_eq!(sorted, expected);
    for line in &lines {
        let (seconds, thousandths) = line[2].split_once('.').expect("a decimal point");
        assert!(seconds.len() == 10 && thousandths.len() == 3, "{line:?}");
        let (_, thousandths) = line[3].split_once('.').expect("a decimal point");
        assert!(line[3].len() == 10 && thousandths.len() == 3, "{line:?}");
        assert!(line[8].starts_with("AUTOPROC_FILE=/"), "{line:?}");
    }
}

#[test]
fn a_later_run_appends() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-r0", "--joblog", "jobs", "--", "cat", "{}", "x y"]).expect_code(100);
    let jobs = project.path("jobs");
    let first = fs::read_to_string(&jobs).expect("the job log");
    // Simulates a crash that cut off the end of the last line.
    fs::write(&jobs, first.trim_end()).expect("written");
    project.write("b", "");
    project.ask(["run", "b", "--joblog", "jobs", "--", "test", "-e", "{}"]).expect_code(0);
    let lines = lines(&project);
    let command = |name: &str| project.path(name).canonicalize().expect("a path").display().to_string();
    assert_eq!(lines.first().map(|line| line[8].clone()), Some(format!("cat {} 'x y'", command("a"))));
    assert_eq!(lines.last().map(|line| line[8].clone()), Some(format!("test -e {}", command("b"))));
    assert!(lines.iter().all(|line| line.len() == 9), "{lines:?}");
}

#[test]
fn a_file_with_other_contents_is_refused_and_nothing_changes() {
    let project = TempProject::new();
    project.write("a", "");
    let run = ["run", "a", "--joblog", "jobs", "--", "true"];
    for text in ["words\n", "Seq\tHost", &HEADING.replace("Send", "send")] {
        let jobs = project.write("jobs", text);
        project.ask(run).expect_error(2, "jobs is not a job log");
        assert_eq!(fs::read_to_string(jobs).expect("the file"), *text);
    }
    fs::remove_file(project.path("jobs")).expect("removed");
    symlink("elsewhere", project.path("jobs")).expect("a link");
    project.ask(run).expect_error(73, "symbolic link");
    fs::remove_file(project.path("jobs")).expect("removed");
    assert!(Command::new("mkfifo").arg(project.path("jobs")).status().expect("mkfifo(1)").success());
    project.ask(run).expect_error(73, "not a regular file");
    project.ask(["run", "a", "--joblog", "no/jobs", "--", "true"]).expect_error(66, "the folder no does not exist");
    assert!(!project.path(".claude").exists() && !project.path("elsewhere").exists());
    project.write("jobs2", "");
    project.ask(["run", "a", "--joblog", "jobs2", "--", "true"]).expect_code(0);
    assert!(fs::read_to_string(project.path("jobs2")).expect("the file").starts_with(HEADING));
}

#[test]
fn a_refused_run_leaves_no_job_log() {
    let project = TempProject::with_files(&["a"]);
    let run = ["run", "a", "--joblog", "jobs", "--", "true"];
    project.write(".claude/mission-control/QUEUE-STATE.json", "no queue");
    project.ask(run).expect_error(65, "QUEUE-STATE.json");
    assert!(!project.path("jobs").exists());
    fs::remove_file(project.state("QUEUE-STATE.json")).expect("removed");
    project.ask(run).expect_code(0);
    assert_eq!(lines(&project).len(), 1);
}

#[test]
fn a_hostile_name_stays_on_one_line_and_can_be_pasted() {
    let project = TempProject::new();
    let name = OsStr::from_bytes(b"a\n\tb'$(touch pwned)\\\xff");
    project.write(name, "");
    let words = ["run", "--joblog", "jobs"].map(OsStr::new);
    let command = ["--shell", "printf %s \"$AUTOPROC_FILE\" >> out"].map(OsStr::new);
    project.ask(words.into_iter().chain([name]).chain(command)).expect_code(0);
    let text = fs::read(project.path("jobs")).expect("the job log");
    let lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 3, "{}", text.escape_ascii());
    let columns: Vec<_> = lines[1].split(|byte| *byte == b'\t').collect();
    assert_eq!(columns.len(), 9, "{}", text.escape_ascii());
    let pasted = project.program("bash").arg("-c").arg(OsStr::from_bytes(columns[8])).status().expect("bash");
    assert!(pasted.success());
    let path = project.path(name).canonicalize().expect("a path");
    let written = fs::read(project.path("out")).expect("the file");
    assert_eq!(written, path.as_os_str().as_bytes().repeat(2));
    assert!(!project.path("pwned").exists());
}

#[test]
fn a_workflow_is_logged_with_the_command_that_repeats_it() {
    let project = TempProject::new();
    project.write("a", "");
    let workflow = "workflow: {id: w, name: W, version: 1.0.0, inputs: [{name: word, type: string}], \
                    phases: [{id: p, name: P, steps: [{run: ['true']}]}]}\n";
    project.write("core/workflows/w.yaml", workflow);
    project.ask(["run", "a", "-r0", "--workflow", "w", "--input", "word=it's", "--joblog", "jobs"]).expect_code(0);
    let path = project.path("a").canonicalize().expect("a path");
    let expected = format!("autoproc run {} --workflow w --input 'word=it'\\''s'", path.display());
    assert_eq!(lines(&project).first().map(|line| line[8].clone()), Some(expected));
}

#[test]
fn a_run_over_a_folder_leaves_its_log_out() {
    let project = TempProject::new();
    project.write("a", "");
    for _ in 0..2 {
        project.ask(["run", "-q", ".", "--joblog", "jobs", "--", "true"]).expect_code(0);
    }
    let list = project.json(["queue", "list"]);
    let paths: Vec<_> = list["items"].as_array().expect("a list").iter().map(|item| &item["file_path"]).collect();
    assert_eq!(paths, [&serde_json::Value::from(project.path("a").display().to_string())]);
    project.ask(["run", "a", "--joblog", "-", "--", "true"]).expect_error(2, "cannot write to standard output");
}
