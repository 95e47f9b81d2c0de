use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio_postgres::NoTls;

use super::database::Database;
use crate::fixture::{Answer, TempProject, end_of, wait_until};
use crate::json::expect_documented;

fn full_project() -> TempProject {
    let project = TempProject::with_queue(&["done", "bad", "slow", "later", "held"]);
    let picky = "case {/} in bad) echo it is bad >&2; exit 3 ;; slow) sleep 60 ;; esac";
    project.ask(["run", "-qq", "-r", "0", "done", "bad", "slow", "--timeout", "0.3", "--shell", picky]);
    project.ask(["run", "-qq", "-r", "1", "--no-wait", "--backoff-base", "1h", "later", "--shell", "exit 5 {}"]);
    project.ask(["queue", "hold", "held"]).expect_code(0);
    project.write("new", "");
    project.ask(["queue", "add", "new", "7"]).expect_code(0);
    let status = project.json(["status"]);
    for (word, count) in [("pending", 3), ("completed", 1), ("failed", 1), ("timeout", 1), ("held", 1)] {
        assert_eq!(status["counts"][word], count, "{status}");
    }
    project
}

fn copy(project: &TempProject, from: &str, to: &str) -> Answer {
    project.ask(["migrate", "--from", from, "--to", to])
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

fn log(project: &TempProject) -> PathBuf {
    project.path("logs/autonomous-processing.jsonl")
}

fn contents(project: &TempProject) -> (String, String) {
    let export = project.ask(["queue", "export"]).expect_code(0).out;
    let mut report = project.json(["report", "--since", "1d"]);
    let report = report.as_object_mut().expect("an object");
    for of_the_folder in ["project_dir", "command", "since"] {
        report.remove(of_the_folder);
    }
    (export, serde_json::to_string_pretty(&report).expect("a document"))
}

#[test]
fn a_round_trip_over_a_database_is_equal() {
    let Some(database) = Database::with_queue() else { return };
    let (project, back) = (full_project(), TempProject::new());
    let before = project.bytes();
    let there = project.json(["migrate", "--from", ".", "--to", &database.url()]);
    expect_documented("migrate", &there);
    assert_eq!((&there["counts"]["pending"], &there["skipped_lines"]), (&3.into(), &0.into()), "{there}");
    assert_eq!(project.bytes(), before, "the source is as it was");

    // The database has the same files in the same order, and the same history.
    let names = |answer: Answer| answer.expect_code(0).out;
    let list = ["queue", "list", "--json"];
    assert_eq!(
        names(database.ask(&project, list)).replace(&store_field(&database, &project), ""),
        names(project.ask(list))
    );
    let runs = |answer: serde_json::Value| answer["runs"].clone();
    assert_eq!(runs(database.json(&project, ["runs"])), runs(project.json(["runs"])));
    assert!(database.ask(&project, ["failures"]).expect_code(0).out.contains("it is bad"));

    let answer = copy(&project, &database.url(), text(&back.path(""))).expect_code(0);
    assert!(answer.out.starts_with("copied 6 files and "), "{answer:?}");
    assert_eq!(contents(&back), contents(&project));
    assert_eq!(fs::read(log(&back)).expect("a log"), fs::read(log(&project)).expect("a log"));
    assert_eq!(outputs(&back), outputs(&project));
    assert_eq!(there["outputs"], outputs(&project).len(), "{there}");
}

fn outputs(project: &TempProject) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(project.path("logs/attempts")).expect("the folder");
    let files = entries.map(|entry| entry.expect("an entry").path());
    let outputs = files.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    let mut outputs: Vec<_> = outputs
        .map(|path| (path.file_name().expect("a name").display().to_string(), fs::read(&path).expect("a file")))
        .collect();
    outputs.sort();
    assert!(!outputs.is_empty());
    outputs
}

#[test]
fn a_copied_output_names_its_missing_part() {
    let Some(database) = Database::with_queue() else { return };
    let (project, back) = (TempProject::with_queue(&["a"]), TempProject::new());
    project.ask(["run", "-qq", "--shell", "seq 100000; : {}"]).expect_code(0);
    let there = copy(&project, ".", &database.url()).expect_code(0);
    assert!(there.out.contains("copied 1 output of attempts, only the end of 1\n"), "{there:?}");
    let file = project.path("a").canonicalize().expect("the file");
    let shown = database.ask(&back, [OsStr::new("log"), file.as_os_str()]).expect_code(0);
    assert!(shown.out.ends_with("\n100000\n") && shown.err.contains(", and its output is there in "), "{shown:?}");
    copy(&project, &database.url(), text(&back.path(""))).expect_code(0);
    let shown = back.ask([OsStr::new("log"), file.as_os_str()]).expect_code(0);
    assert!(shown.out.starts_with("\n[autoproc: 523359 bytes left out]\n"), "{shown:?}");
    assert!(shown.out.ends_with("\n100000\n"), "{shown:?}");
}

#[test]
fn an_output_that_is_left_out_is_not_copied_in_part() {
    let Some(database) = Database::with_queue() else { return };
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-qq", "--shell", "seq 100000; : {}"]).expect_code(0);
    fs::write(log(&project), "no event\n").expect("written");
    let there = copy(&project, ".", &database.url()).expect_code(0);
    for line in [
        "copied 1 file and 0 events of the history from ",
        "\nleft out 1 line of the event log without an event of a run\n",
        "\ncopied 0 outputs of attempts\n",
        "\nleft out 1 output of attempts that are not in the history\n",
    ] {
        assert!(format!("\n{}", there.out).contains(line), "{line} in {there:?}");
    }
}

#[test]
fn a_copied_attempt_without_output_names_its_place() {
    let Some(database) = Database::with_queue() else { return };
    let (project, back) = (TempProject::with_files(&["a"]), TempProject::new());
    let words = ["run", "-qq", "a", "--store-output", "0", "--shell", "echo {}"];
    database.ask(&project, words).expect_code(0);
    copy(&project, &database.url(), text(&back.path(""))).expect_code(0);
    let file = project.path("a").canonicalize().expect("the file");
    let shown = back.ask([OsStr::new("log"), file.as_os_str()]).expect_code(0);
    let folder = project.path("").canonicalize().expect("the folder");
    let place = format!(" in {}: it printed nothing, or its output is there", folder.display());
    let place = place.replace("/:", ":");
    assert!(shown.err.contains("attempt 1 ran on ") && shown.err.contains(&place), "{shown:?}");
    // For an attempt in this folder, the message names no place.
    back.ask([OsStr::new("run"), "-qq".as_ref(), "--again".as_ref(), file.as_os_str(), "--".as_ref(), "true".as_ref()])
        .expect_code(0);
    let shown = back.ask([OsStr::new("log"), file.as_os_str()]).expect_code(0);
    assert!(shown.err.contains("attempt 1 of round 2 printed nothing\n"), "{shown:?}");
}

const WORKFLOW: &str = "\
workflow:
  id: pair
  resume: anywhere
  phases:
    - id: p
      steps:
        - {id: one, shell: 'echo one >> ${file}.steps'}
        - {id: two, shell: 'echo two >> ${file}.steps; test -e fixed'}
";

/// Copies an unfinished workflow to a database and then to another folder. Returns the executed
/// steps, and the answer of the last run.
fn steps_of_round_trip(database: &Database, workflow: &str) -> (String, Answer) {
    let (project, back) = (TempProject::with_files(&["a"]), TempProject::new());
    for folder in [&project, &back] {
        folder.write("core/workflows/pair.yaml", workflow);
    }
    project.ask(["run", "-qq", "a", "--workflow", "pair", "-r", "0"]).expect_code(100);
    project.ask(["retry-failed"]).expect_code(0);
    let there = copy(&project, ".", &database.url()).expect_code(0);
    assert!(there.out.ends_with("copied 1 workflow execution, 1 of them unfinished\n"), "{there:?}");
    // The database knows that the first step is finished.
    let previewed = database.ask(&project, ["run", "--dry-run", "--workflow", "pair"]).expect_code(0);
    assert!(previewed.out.contains("1 of 2 steps"), "{previewed:?}");
    copy(&project, &database.url(), text(&back.path(""))).expect_code(0);
    let journal = ".claude/mission-control/executions/1.jsonl";
    assert_eq!(fs::read(back.path(journal)).expect("a journal"), fs::read(project.path(journal)).expect("a journal"));
    back.write("fixed", "");
    let run = back.ask(["run", "--workflow", "pair"]).expect_code(0);
    (fs::read_to_string(project.path("a.steps")).expect("the trace"), run)
}

#[test]
fn a_copied_workflow_continues_where_it_stood() {
    let Some(database) = Database::with_queue() else { return };
    let (steps, _) = steps_of_round_trip(&database, WORKFLOW);
    assert_eq!(steps, "one\ntwo\ntwo\n");
}

#[test]
fn a_copied_workflow_that_resumes_here_begins_anew_elsewhere() {
    let Some(database) = Database::with_queue() else { return };
    let (steps, run) = steps_of_round_trip(&database, &WORKFLOW.replace("anywhere", "here"));
    assert_eq!(steps, "one\ntwo\none\ntwo\n");
    assert!(run.err.contains("/a: the workflow begins anew here: its earlier steps ran on "), "{run:?}");
}

fn store_field(database: &Database, project: &TempProject) -> String {
    let store = database.json(project, ["status"])["store"].as_str().expect("an address").to_owned();
    format!(",\"store\":\"{store}\"")
}

#[test]
fn the_work_of_a_database_returns_to_a_folder() {
    let Some(database) = Database::with_queue() else { return };
    let (project, back) = (full_project(), TempProject::new());
    copy(&project, ".", &database.url()).expect_code(0);
    database.ask(&project, ["run", "-qq", "new", "--shell", "true"]).expect_code(0);
    copy(&project, &database.url(), text(&back.path(""))).expect_code(0);
    let runs = back.json(["runs"]);
    let runs = runs["runs"].as_array().expect("a list");
    assert_eq!(runs.len(), 3);
    assert_eq!((&runs[2]["processed"], &runs[2]["status"]), (&1.into(), &"completed".into()));
    assert_eq!(back.json(["status"])["counts"]["completed"], 2);
    let file = project.path("new").canonicalize().expect("the file");
    let shown = back.json(["queue", "show", text(&file)]);
    assert_eq!(shown["status"], "completed", "{shown}");
    // A new file must get an unused id.
    back.write("more", "");
    back.ask(["queue", "add", "more"]).expect_code(0);
    let id = back.json(["queue", "show", "more"])["id"].as_u64();
    assert!(id.is_some_and(|id| id > 6), "{id:?}");
}

#[test]
fn a_target_must_be_empty_and_a_source_must_exist() {
    let Some(database) = Database::with_queue() else { return };
    let (project, other, empty) =
        (TempProject::with_queue(&["a"]), TempProject::with_queue(&["b"]), TempProject::new());
    let url = database.url();
    let (folder, nothing) = (other.path(""), empty.path(""));
    copy(&project, ".", text(&folder)).expect_error(2, "is not empty");
    copy(&project, ".", ".").expect_error(2, "name the same queue");
    copy(&project, &url, &url).expect_error(2, "name the same queue");
    copy(&project, text(&nothing), &url).expect_error(2, "there is no queue of");
    copy(&project, "/nonexistent", &url).expect_error(73, "is not a folder (given by --from)");
    copy(&project, ".", "").expect_error(2, "a value is required for '--to <PLACE>'");
    copy(&project, ".", "postgres://").expect_error(2, "--to: ");
    let named = project.ask(["--store", &url, "migrate", "--from", ".", "--to", &url]);
    named.expect_error(2, "and not from --store");
    let absent = database.url_in("postgres", "absent");
    copy(&project, ".", &absent).expect_error(78, "create the database");
    // Outputs of an earlier queue could be taken for outputs of the copied files.
    empty.write("logs/attempts/1.1.1.log", "of another file");
    copy(&project, ".", text(&nothing)).expect_error(2, "it has files of attempts in ");
    std::fs::remove_dir_all(empty.path("logs/attempts")).expect("it exists");
    // A folder whose event log is not empty already has a history.
    empty.write("logs/autonomous-processing.jsonl", "{}\n");
    copy(&project, ".", text(&nothing)).expect_error(2, "the history of the target is not empty");
    copy(&project, ".", &url).expect_code(0);
    copy(&project, text(&folder), &url).expect_error(2, "is not empty");
    assert_eq!([project.names(), other.names()], [["a"], ["b"]]);
    assert_eq!(database.ask(&project, ["queue", "size"]).out, "1\n");
}

#[test]
fn a_live_run_on_either_side_is_an_error() {
    let Some(database) = Database::with_queue() else { return };
    let (project, other) = (TempProject::with_queue(&["a"]), TempProject::new());
    let patient = "until test -e go; do sleep 0.05; done; : {}";
    let run = project.start(["run", "-qq", "--shell", patient]);
    wait_until("the file is at work", || project.status_of("a") == "processing");
    let folder = project.path("");
    let refused = other.ask(["migrate", "--from", text(&folder), "--to", &database.url(), "--lock-timeout", "1"]);
    assert!(refused.err.contains("hint: stop it with: autoproc stop --wait --project-dir "), "{refused:?}");
    refused.expect_error(75, "locked by the run ");
    project.write("go", "");
    end_of(run).expect_code(0);

    other.write("b", "");
    let run = database.start(&other, ["run", "b", "--shell", patient], "errors");
    wait_until("the file is at work", || database.count(&other, "processing") == 1);
    for (from, to) in [(".", &*database.url()), (&*database.url(), ".")] {
        let refused = copy(&project, from, to);
        assert!(refused.err.contains("hint: stop it with: autoproc stop --wait --store "), "{refused:?}");
        refused.expect_error(75, "locked by the run ");
    }
    // Without its lease, the run counts as dead, but its file is still processing.
    database.execute("delete from autoproc.lease");
    other.write("go", "");
    end_of(run);
    let target = TempProject::new();
    let left = copy(&project, &database.url(), text(&target.path("")));
    assert!(left.err.contains("hint: return them to pending with: autoproc queue recover --store "), "{left:?}");
    left.expect_error(2, "1 file is in the queue at postgres:///");
}

#[test]
fn a_killed_copy_leaves_an_empty_target() {
    let Some(database) = Database::with_queue() else { return };
    let project = full_project();
    let before = project.bytes();
    let blocker = locked_history(&database);
    let mut command = project.command(["migrate", "--from", ".", "--to", &database.url(), "--lock-timeout", "50"]);
    let mut copy_under_way = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary");
    let waiting = "select count(*) from pg_locks where not granted and relation = 'autoproc.past_run'::regclass";
    wait_until("the copy has added the files", || blocker(waiting) == 1);
    copy_under_way.kill().expect("a child");
    copy_under_way.wait().expect("it ends");
    drop(blocker);
    assert_eq!(project.bytes(), before);
    assert_eq!(database.ask(&project, ["queue", "size"]).out, "0\n");
    copy(&project, ".", &database.url()).expect_code(0);
    assert_eq!([database.count(&project, "pending"), database.count(&project, "failed")], [3, 1]);
}

/// Locks the history. Dropping the returned query function unlocks the history.
fn locked_history(database: &Database) -> impl Fn(&str) -> i64 + use<> {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let config = database.config();
    let client = runtime.block_on(async {
        let (client, connection) = config.connect(NoTls).await.expect("a connection");
        tokio::spawn(connection);
        client.batch_execute("begin; lock table autoproc.past_run in exclusive mode").await.expect("a lock");
        client
    });
    move |query: &str| runtime.block_on(client.query_one(query, &[])).expect("a row").get(0)
}

/// The earlier copy installed the event log, but not the queue.
#[test]
fn a_copy_to_a_folder_continues_after_a_crash() {
    let (project, target) = (full_project(), TempProject::new());
    fs::create_dir(target.path("logs")).expect("a folder");
    fs::copy(log(&project), log(&target)).expect("the log");
    assert_eq!(target.json(["queue", "size"])["size"], 0);
    copy(&project, ".", text(&target.path(""))).expect_code(0);
    assert_eq!(contents(&target), contents(&project));
}

/// The earlier copy installed the outputs, but not the queue.
#[test]
fn parts_of_an_interrupted_copy_are_replaced() {
    let (project, target) = (full_project(), TempProject::new());
    target.write("logs/attempts/1.1.1.log", "of the interrupted copy");
    target.write("logs/autonomous-processing.jsonl", "{}\n");
    let note = target.write(".claude/mission-control/COPY-BEGUN", "");
    let begun = fs::metadata(&note).and_then(|note| note.modified()).expect("a time");
    let set = |modified| File::open(&note).and_then(|note| note.set_modified(modified)).expect("it is set");
    // Makes the files look newer than the interrupted copy.
    set(begun - Duration::from_secs(3600));
    copy(&project, ".", text(&target.path(""))).expect_error(2, "it has files of attempts in ");
    set(begun);
    copy(&project, ".", text(&target.path(""))).expect_code(0);
    assert_eq!(contents(&target), contents(&project));
    assert!(!target.path(".claude/mission-control/COPY-BEGUN").exists());
}

#[test]
fn a_copy_shows_no_password() {
    let Some(database) = Database::create() else { return };
    let project = TempProject::with_queue(&["a"]);
    let secret = database.url_of("postgres:correct-horse");
    let without_schema = copy(&project, ".", &secret);
    let malformed = copy(&project, ".", "postgres://anna:correct-horse@h:port/d");
    database.initialise();
    let there = copy(&project, ".", &secret);
    let again = copy(&project, ".", &secret);
    let back = copy(&project, &secret, ".");
    for (answer, code) in [(without_schema, 78), (malformed, 2), (there, 0), (again, 2), (back, 2)] {
        assert!(!answer.out.contains("correct-horse") && !answer.err.contains("correct-horse"), "{answer:#?}");
        answer.expect_code(code);
    }
}
