use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::database::Database;
use crate::fixture::{Answer, TempProject, end_of, wait_until};
use crate::json::expect_documented;

const PRINTS: &str = "echo of {/}; for n in 1 2 3 4 5 6 7 8 9; do echo $n >&2; done";

const ALL: &str = "of a\n1\n2\n3\n4\n5\n6\n7\n8\n9\n";

/// Creates a project with the completed file `a`, and an empty project.
fn processed(database: &Database, store_output: &[&str]) -> (TempProject, TempProject) {
    let (project, other) = (TempProject::new(), TempProject::new());
    project.write("a", "");
    let words = [&["run", "a"], store_output, &["--shell", PRINTS]].concat();
    database.ask(&project, words).expect_code(0);
    (project, other)
}

fn words(project: &TempProject, words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).chain([project.path("a").into()]).collect()
}

fn log(database: &Database, projects: &(TempProject, TempProject), options: &[&str]) -> Answer {
    let (project, other) = projects;
    database.ask(other, words(project, &[&["log"], options].concat())).expect_code(0)
}

#[test]
fn the_output_of_another_machine_is_shown_with_its_place() {
    let Some(database) = Database::with_queue() else { return };
    let projects = processed(&database, &[]);
    let elsewhere = log(&database, &projects, &[]);
    assert_eq!(elsewhere.out, ALL);
    let (project, other) = &projects;
    let document = database.json(other, words(project, &["log"]));
    expect_documented("log", &document);
    let attempt = &document["attempts"][0];
    let path = attempt["output_path"].as_str().expect("a path");
    assert_eq!(fs::read_to_string(path).expect("the file"), ALL);
    let host = attempt["host"].as_str().expect("a host");
    let expected = format!("attempt 1 ran on {host}, and its output is there in {path}; this is all of it:\n");
    assert!(elsewhere.err.ends_with(&expected), "{elsewhere:?}");
    let here = database.ask(project, words(project, &["log"])).expect_code(0);
    assert_eq!((here.out.as_str(), here.err.contains("ran on")), (ALL, false));
    let document = database.json(project, words(project, &["log"]));
    assert_eq!(document["attempts"][0].get("host"), None, "{document}");
    expect_documented("log", &document);
}

#[test]
fn the_end_of_a_long_output_begins_with_a_line() {
    let Some(database) = Database::with_queue() else { return };
    let projects = processed(&database, &["--store-output", "7"]);
    let elsewhere = log(&database, &projects, &[]);
    assert_eq!(elsewhere.out, "7\n8\n9\n");
    assert!(elsewhere.err.ends_with("; this is the end of its 23 B:\n"), "{elsewhere:?}");
    let streams = log(&database, &projects, &["--stdout"]);
    assert!(streams.err.contains("--stdout has no effect: "), "{streams:?}");
    let (project, _) = &projects;
    let stores = project.path("logs/stores");
    fs::remove_dir_all(stores).expect("the logs");
    let here = database.ask(project, words(project, &["log"])).expect_code(0);
    assert_eq!(here.out, "7\n8\n9\n");
    assert!(here.err.ends_with(".log was removed; this is the end of its 23 B:\n"), "{here:?}");
}

#[test]
fn a_run_that_stores_no_output_says_where_to_look() {
    let Some(database) = Database::with_queue() else { return };
    let projects = processed(&database, &["--store-output", "0"]);
    let elsewhere = log(&database, &projects, &[]);
    let folder = projects.0.path("").canonicalize().expect("the folder");
    let expected = format!(" in {}: it printed nothing, or its output is there", folder.display());
    let is_told = elsewhere.err.contains("attempt 1 ran on ") && elsewhere.err.contains(&expected.replace("/:", ":"));
    assert!(elsewhere.out.is_empty() && is_told, "{elsewhere:?}");
}

#[test]
fn a_running_attempt_is_followed_where_it_runs() {
    let Some(database) = Database::with_queue() else { return };
    let (project, other) = (TempProject::new(), TempProject::new());
    project.write("a", "");
    let patient = "echo begun; until test -e go; do sleep 0.05; done; : {}";
    let run = database.start(&project, ["run", "a", "--shell", patient], "errors");
    wait_until("the file is at work", || database.count(&project, "processing") == 1);
    // Neither command waits for the end of the attempt.
    for options in [&["log", "-f"][..], &["log"]] {
        let told = database.ask(&other, words(&project, options)).expect_code(0);
        assert_eq!(told.out, "");
        assert!(told.err.contains("attempt 1 is running on "), "{told:?}");
        assert!(told.err.contains("; follow it there with: autoproc log -f 1 --project-dir "), "{told:?}");
    }
    project.write("go", "");
    end_of(run).expect_code(0);
}

/// A new or restored database may reuse ids and claim numbers.
#[test]
fn the_output_of_an_earlier_queue_is_not_shown() {
    let Some(database) = Database::with_queue() else { return };
    let projects = processed(&database, &[]);
    let (project, other) = &projects;
    let document = database.json(project, words(project, &["log"]));
    let path = document["attempts"][0]["output_path"].as_str().expect("a path");
    let name = Path::new(path).strip_prefix(project.path("").canonicalize().expect("a folder")).expect("below it");
    other.write(name.to_str().expect("UTF-8"), "of another queue\n");
    assert_eq!(log(&database, &projects, &[]).out, ALL);
    let document = database.json(other, words(project, &["log"]));
    assert_eq!(document["attempts"][0]["output_path"], path);
}

#[test]
fn each_attempt_is_found_where_it_ran() {
    let Some(database) = Database::with_queue() else { return };
    let (project, other) = processed(&database, &[]);
    let again = words(&project, &["run", "--again", "--shell", "echo again {/}"]);
    let (command, file) = again.split_at(again.len() - 1);
    let again: Vec<_> = command[..2].iter().chain(file).chain(&command[2..]).collect();
    database.ask(&other, again).expect_code(0);
    let of = |options: &[&str]| {
        let words = words(&project, &[&["log"], options].concat());
        database.ask(&other, words).expect_code(0).out
    };
    assert_eq!(of(&[]), "again a\n");
    assert_eq!(of(&["--round", "1"]), ALL);
}
