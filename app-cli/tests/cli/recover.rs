use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::fixture::{TempProject, end_of, wait_until};

/// Starts one child in the process group and one outside. The command and both children ignore
/// SIGTERM.
const STAY: &str = "trap '' TERM; sleep 1000 & setsid sleep 1000 & echo $! >{//}/escaped; echo $$ >{//}/leader; wait";

fn place_of_a_death() -> TempProject {
    let project = TempProject::with_queue(&["a", "b"]);
    let mut run = project.start(["run", "-q", "--shell", STAY]);
    wait_until("the file is begun", || {
        fs::read_to_string(project.path("leader")).is_ok_and(|text| text.ends_with('\n'))
    });
    run.kill().expect("a child");
    run.wait().expect("it ends");
    project
}

fn is_at_work(project: &TempProject, name: &str) -> bool {
    let number = fs::read_to_string(project.path(name)).expect("the command wrote it");
    let stat = fs::read_to_string(format!("/proc/{}/stat", number.trim())).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

/// Writes a guard record from another pid namespace. Its processes are invisible.
fn blind_the_sweep(project: &TempProject) -> PathBuf {
    let runs = fs::read_dir(project.state("runs")).expect("the folder of the runs");
    let mut names = runs.map(|entry| entry.expect("an entry").file_name().into_string().expect("text"));
    let run = names.find_map(|name| name.strip_suffix(".lock").map(str::to_owned)).expect("a dead run");
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("a boot");
    let path = project.state("runs").join(format!("{run}.guard-77"));
    let text = format!(
        "{{\"version\":1,\"boot_id\":\"{}\",\"pid_namespace\":\"pid:[7]\",\"guard\":{{\"pid\":5,\"started\":6}},\
         \"session\":0,\"leader\":{{\"pid\":7,\"started\":8}}}}\n",
        boot.trim()
    );
    fs::write(&path, text).expect("written");
    path
}

#[test]
fn where_no_run_died_there_is_nothing_to_take_back() {
    let project = TempProject::with_queue(&["a"]);
    let answer = project.ask(["queue", "recover"]).expect_code(0);
    assert_eq!(answer.out, "no dead runs to recover\n");
    let mut answer = project.json_of(0, ["queue", "recover", "--force"]);
    assert!(answer["project_dir"].take().is_string());
    let nothing = serde_json::json!({"recovered": [], "kept": [], "unproven": [], "forced": true, "project_dir": null});
    assert_eq!(answer, nothing);
}

#[test]
fn what_a_dead_run_left_is_ended_and_its_file_waits_again() {
    let project = place_of_a_death();
    let answer = project.ask(["queue", "recover"]).expect_code(0);
    assert!(!is_at_work(&project, "leader") && !is_at_work(&project, "escaped"));
    assert!(
        answer.out.contains("returned to pending:") && answer.out.contains("/a (attempt 1 died with run "),
        "{answer:?}"
    );
    assert_eq!((project.status_of("a"), project.status_of("b")), ("pending".into(), "pending".into()));
    assert_eq!(project.json(["queue", "show", "a"])["attempts"], 1, "the attempt stays counted");
    let log = fs::read_to_string(project.path("logs/autonomous-processing.jsonl")).expect("the event log");
    let last: serde_json::Value = serde_json::from_str(log.lines().last().expect("a line")).expect("JSON");
    assert_eq!((&last["event"], &last["requeued"]), (&"file_recovered".into(), &true.into()), "{last}");
    let shown = project.ask(["queue", "show", "a"]).expect_code(0);
    assert!(shown.out.lines().any(|line| line.trim_start().starts_with("1 ") && line.ends_with("died")), "{shown:?}");
    assert_eq!(fs::read_dir(project.state("runs")).expect("a folder").count(), 0, "no file of it is left");
}

#[test]
fn a_file_without_attempts_left_has_failed() {
    let project = place_of_a_death();
    let answer = project.json_of(0, ["queue", "recover", "--retries", "0"]);
    assert_eq!(answer["recovered"][0]["status"], "failed");
    assert!(answer["recovered"][0]["dead_run"].is_string(), "{answer}");
    assert_eq!(project.status_of("a"), "failed");
}

#[test]
fn a_new_run_ends_what_a_dead_one_left() {
    let project = place_of_a_death();
    // The command fails if processes of the dead run are still running.
    let script =
        "for n in $(cat {//}/leader {//}/escaped); do ! grep -q '^State:.[^Z]' /proc/$n/status || exit 9; done";
    project.ask(["run", "-q", "--retries", "1", "--shell", &format!("{script} 2>/dev/null; : {{}}")]).expect_code(0);
    assert_eq!((project.status_of("a"), project.status_of("b")), ("completed".into(), "completed".into()));
}

#[test]
fn what_cannot_be_proven_to_have_ended_stays_until_it_is_forced() {
    let project = place_of_a_death();
    let record = blind_the_sweep(&project);
    let report = project.ask(["doctor"]).expect_code(0).out;
    assert!(report.contains("pid namespace (pid:[7])") && report.contains("queue recover --force"), "{report}");
    assert!(!report.contains("the next `run`"), "no run takes the file back: {report}");
    let status = project.ask(["status"]).expect_code(0).out;
    assert!(status.contains("its run is dead") && status.contains("pid namespace"), "before any run: {status}");
    let answer = project.ask(["queue", "recover"]).expect_code(75);
    assert!(answer.out.contains("stays processing:") && answer.out.contains("/a\n"), "{answer:?}");
    assert!(answer.out.contains("pid namespace (pid:[7])"), "it says why: {answer:?}");
    assert!(answer.out.contains("autoproc queue recover --force"), "it says what to do: {answer:?}");
    assert!(!is_at_work(&project, "leader"), "what can be ended is");
    let told = project.json_of(75, ["queue", "recover"]);
    assert_eq!((told["kept"][0]["status"].as_str(), &told["forced"]), (Some("processing"), &false.into()));
    assert!(told["unproven"][0]["reason"].as_str().expect("a reason").contains("pid namespace"), "{told}");

    let run = project.ask(["run", "-q", "--", "true"]).expect_code(75);
    assert!(run.err.contains("stay `processing`") && run.err.contains("pid namespace"), "{run:?}");
    assert_eq!((project.status_of("a"), project.status_of("b")), ("processing".into(), "completed".into()));

    let status = project.ask(["status"]).expect_code(0);
    assert!(status.out.contains("its run is dead") && status.out.contains("pid namespace"), "{status:?}");
    assert!(project.json(["status"])["latest_run"]["withheld"][0]["reason"].is_string());
    let log = fs::read_to_string(project.path("logs/autonomous-processing.jsonl")).expect("a log");
    assert_eq!(log.matches("recovery_withheld").count(), 1, "once a run: {log}");

    let forced = project.ask(["queue", "recover", "--force"]).expect_code(0);
    assert!(
        forced.out.contains("returned to pending:") && forced.out.contains("may still have processes"),
        "{forced:?}"
    );
    assert_eq!(project.status_of("a"), "pending");
    assert!(!record.exists(), "no prompt follows");
    project.ask(["queue", "recover"]).expect_code(0);
}

/// One by one, the recovery of 1,000 runs took 28 s.
#[test]
fn a_thousand_dead_runs_are_recovered_together() {
    let project = TempProject::with_queue(&["a"]);
    for number in 0..1000 {
        project.write(format!(".claude/mission-control/runs/dead-{number}.lock"), "{}");
    }
    project.ask(["run", "-q", "--", "true"]).expect_code(0);
    assert_eq!(project.status_of("a"), "completed");
    assert_eq!(fs::read_dir(project.state("runs")).expect("a folder").count(), 0);
}

#[test]
fn a_run_that_lives_is_left_alone() {
    let project = TempProject::with_queue(&["a"]);
    let mut run = project.start(["run", "-q", "--shell", STAY]);
    wait_until("the file is begun", || {
        fs::read_to_string(project.path("leader")).is_ok_and(|text| text.ends_with('\n'))
    });
    project.ask(["queue", "recover", "--force"]).expect_code(0);
    assert!(is_at_work(&project, "leader") && is_at_work(&project, "escaped"));
    assert_eq!(project.status_of("a"), "processing");
    run.kill().expect("a child");
    run.wait().expect("it ends");
    project.ask(["queue", "recover"]).expect_code(0);
    assert!(!is_at_work(&project, "leader") && !is_at_work(&project, "escaped"));
}

/// In a copy of the folder, the live run of the original looks dead.
#[test]
fn a_run_in_a_copy_touches_no_process_of_the_original() {
    let original = TempProject::with_queue(&["a", "b"]);
    let wait = original.path("go").display().to_string();
    let hang = format!("touch {{}}.begun; until test -e '{wait}'; do sleep 0.02; done");
    let run = original.start(["run", "-q", "-r", "0", "-j", "2", "--shell", &hang]);
    wait_until("both files are begun", || original.path("a.begun").exists() && original.path("b.begun").exists());
    let copy = TempProject::new();
    let status = Command::new("cp").args(["-a", "."]).arg(copy.path("")).current_dir(original.path("")).status();
    assert!(status.expect("cp(1)").success());
    let recovered = copy.ask(["queue", "recover"]).expect_code(0).out;
    assert_eq!(recovered.matches("returned to pending").count(), 2, "{recovered}");
    copy.ask(["run", "-q", "--", "true"]).expect_code(0);
    original.write("go", "");
    end_of(run).expect_code(0);
    assert_eq!(original.json(["status"])["counts"]["completed"], 2);
}
