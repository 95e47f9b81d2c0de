use std::fs;

use super::database::Database;
use crate::fixture::{TempProject, wait_until};

const WORKFLOW: &str = "\
workflow:
  id: pair
  resume: here
  phases:
    - id: p
      steps:
        - {id: one, shell: 'echo one >> ${file}.steps; echo word=hello >> $AUTOPROC_OUTPUT'}
        - {id: two, shell: 'echo two ${word} >> ${file}.steps; test -e fixed'}
  outputs: [{name: trace, location: '${file}.steps'}]
";

const PATH: &str = "core/workflows/pair.yaml";

/// Creates a project with the pending file `a`, whose second step failed, and another project.
fn failed(database: &Database, workflow: &str) -> (TempProject, TempProject) {
    let (one, other) = (TempProject::new(), TempProject::new());
    one.write("a", "");
    one.write(PATH, workflow);
    other.write(PATH, workflow);
    other.write("fixed", "");
    let run = database.ask(&one, ["run", "a", "--workflow", "pair", "-r", "0"]).expect_code(100);
    assert!(run.err.contains("p/two: exit status 1"), "{run:?}");
    database.ask(&one, ["retry-failed"]).expect_code(0);
    (one, other)
}

fn steps(project: &TempProject) -> String {
    fs::read_to_string(project.path("a.steps")).expect("the trace")
}

fn finish(database: &Database, project: &TempProject) -> String {
    database.ask(project, ["run", "--workflow", "pair"]).expect_code(0).err
}

#[test]
fn a_workflow_begins_anew_on_another_machine() {
    let Some(database) = Database::with_queue() else { return };
    let (one, other) = failed(&database, WORKFLOW);
    let previewed = database.ask(&other, ["run", "--dry-run", "--workflow", "pair"]).expect_code(0);
    assert!(!previewed.out.contains("resumes where"), "{previewed:?}");
    let told = finish(&database, &other);
    assert!(told.contains("warning: ") && told.contains("/a: the workflow begins anew here"), "{told}");
    assert_eq!(steps(&one), "one\ntwo hello\none\ntwo hello\n");
}

#[test]
fn a_workflow_continues_on_its_machine() {
    let Some(database) = Database::with_queue() else { return };
    let (one, _) = failed(&database, WORKFLOW);
    one.write("fixed", "");
    let told = finish(&database, &one);
    assert!(!told.contains("begins anew"), "{told}");
    assert_eq!(steps(&one), "one\ntwo hello\ntwo hello\n");
}

#[test]
fn a_workflow_that_resumes_anywhere_continues_on_another_machine() {
    let Some(database) = Database::with_queue() else { return };
    let (one, other) = failed(&database, &WORKFLOW.replace("here", "anywhere"));
    let progress = database.ask(&other, ["workflow", "progress"]).expect_code(0).out;
    assert!(progress.contains("/a: pair failed, 50.0% (1 of 2 steps)"), "{progress}");
    let folder = one.path("").canonicalize().expect("the folder");
    let place = format!(" in {}\n", folder.display().to_string().trim_end_matches('/'));
    assert!(progress.contains("  its latest attempt ran on ") && progress.contains(&place), "{progress}");
    let previewed = database.ask(&other, ["run", "--dry-run", "--workflow", "pair"]).expect_code(0);
    assert!(previewed.out.contains("resumes an earlier attempt: 1 of 2 steps"), "{previewed:?}");
    let told = finish(&database, &other);
    assert!(!told.contains("begins anew"), "{told}");
    assert_eq!(steps(&one), "one\ntwo hello\ntwo hello\n");
    assert!(database.ask(&one, ["workflow", "progress"]).expect_code(0).err.contains("no unfinished executions"));
    let shown = database.ask(&one, ["queue", "show", "a"]).expect_code(0).out;
    assert!(shown.contains("output trace: ") && shown.contains("a.steps"), "{shown}");
}

#[test]
fn a_workflow_of_a_killed_run_continues_on_another_machine() {
    let Some(database) = Database::with_queue() else { return };
    let (one, other) = (TempProject::new(), TempProject::new());
    one.write("a", "");
    let lasting = "touch begun; until test -e fixed; do sleep 0.05; done";
    let workflow = WORKFLOW.replace("here", "anywhere").replace("test -e fixed", lasting);
    one.write(PATH, &workflow);
    other.write(PATH, &workflow);
    other.write("fixed", "");
    let mut run = database.start(&one, ["run", "a", "--workflow", "pair"], "errors");
    wait_until("the second step has begun", || one.path("begun").exists());
    run.kill().expect("a child");
    run.wait().expect("it ends");
    database.execute("update autoproc.lease set until_us = autoproc.clock_us() - 1000000");
    database.ask(&other, ["run", "--workflow", "pair", "--backoff-base", "0"]).expect_code(0);
    assert_eq!(steps(&one), "one\ntwo hello\ntwo hello\n");
}

#[test]
fn a_removed_file_takes_its_execution_along() {
    let Some(database) = Database::with_queue() else { return };
    let (one, other) = failed(&database, WORKFLOW);
    database.ask(&one, ["queue", "remove", "a"]).expect_code(0);
    assert!(database.ask(&other, ["workflow", "progress"]).expect_code(0).err.contains("no unfinished executions"));
    database.execute("select 1 / (case when exists (select from autoproc.execution_event) then 0 else 1 end)");
}
