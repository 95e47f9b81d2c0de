use std::process::Child;

use serde_json::Value;

use super::database::Database;
use crate::fixture::{TempProject, end_of, wait_until};
use crate::json::expect_documented;

const PATIENT: &str = "until test -e go; do sleep 0.05; done; : {}";

fn two_runs(database: &Database, projects: [&TempProject; 2]) -> [Child; 2] {
    let runs = projects.map(|project| {
        project.write("a", "");
        database.start(project, ["run", "a", "--shell", PATIENT], "errors")
    });
    wait_until("both files are at work", || database.count(projects[0], "processing") == 2);
    runs
}

fn live_runs(database: &Database, project: &TempProject) -> Vec<Value> {
    database.json(project, ["status"])["live_runs"].as_array().expect("a list").clone()
}

fn run_of(database: &Database, project: &TempProject) -> String {
    let shown = database.json(project, ["queue", "show", "a"]);
    shown["run_id"].as_str().expect("a claim").to_owned()
}

#[test]
fn status_has_a_line_for_each_live_run() {
    let Some(database) = Database::with_queue() else { return };
    let (one, other) = (TempProject::new(), TempProject::new());
    let runs = two_runs(&database, [&one, &other]);
    let status = database.ask(&one, ["status"]).expect_code(0);
    let lines: Vec<_> = status.out.lines().collect();
    let header = lines.iter().position(|line| line.starts_with("HOST")).expect("a table");
    assert_eq!(
        lines[header].split_whitespace().collect::<Vec<_>>(),
        ["HOST", "RUN", "JOBS", "DONE", "FAILED", "RATE", "NOW", "HEARD", "OF"]
    );
    for project in [&one, &other] {
        let id = run_of(&database, project);
        let line = lines[header..].iter().find(|line| line.contains(&id)).expect("a line for the run");
        let columns: Vec<_> = line.split_whitespace().collect();
        let file = project.path("a").canonicalize().expect("the file");
        assert_eq!(columns[2..7], ["1", "0", "0", "0.00/s", file.to_str().expect("text")], "{line}");
    }
    let document = database.json(&one, ["status"]);
    expect_documented("status", &document);
    for run in document["live_runs"].as_array().expect("a list") {
        assert!(run["heard_of_s"].is_number(), "{run}");
        assert_eq!(run["current_files"].as_array().map(Vec::len), Some(1), "{run}");
    }
    for (project, run) in [&one, &other].into_iter().zip(runs) {
        project.write("go", "");
        end_of(run).expect_code(0);
    }
    assert!(!database.ask(&one, ["status"]).expect_code(0).out.contains("HOST"));
}

#[test]
fn a_stop_request_names_a_run_or_a_host() {
    let Some(database) = Database::with_queue() else { return };
    let (one, other) = (TempProject::new(), TempProject::new());
    let runs = two_runs(&database, [&one, &other]);
    let (stopped, spared) = (run_of(&database, &one), run_of(&database, &other));
    database.ask(&one, ["stop", "--run", "0000"]).expect_error(2, "no live run is named 0000");
    database.ask(&one, ["stop", "--run", ""]).expect_error(2, "a value is required for");
    let host = live_runs(&database, &one)[0]["host"].as_str().expect("a name").to_owned();
    let nowhere = database.ask(&one, ["stop", "--host", "nowhere"]);
    assert!(nowhere.err.contains(&format!("hint: live runs are on: {host}\n")), "{nowhere:?}");
    nowhere.expect_error(2, "no live run is on the host nowhere");
    database.execute("select 1 / (case when exists (select from autoproc.stop_request) then 0 else 1 end)");
    let asked = database.json(&one, ["stop", "--run", &stopped]);
    expect_documented("stop", &asked);
    assert_eq!(asked["live_runs"].as_array().map(Vec::len), Some(1), "{asked}");
    let obeys = |id: &str| live_runs(&database, &one).iter().any(|run| run["run_id"] == id && run["stop"].is_object());
    wait_until("the run obeys", || obeys(&stopped));
    assert!(!obeys(&spared));
    let all = database.json(&one, ["stop", "--host", &host]);
    assert_eq!(all["live_runs"].as_array().map(Vec::len), Some(2), "{all}");
    wait_until("the other run obeys", || obeys(&spared));
    for (project, run) in [&one, &other].into_iter().zip(runs) {
        project.write("go", "");
        end_of(run);
    }
    database.ask(&one, ["stop", "--run", &stopped]).expect_error(2, &format!("no live run is named {stopped}"));
    let nobody = database.ask(&one, ["stop", "--host", &host]);
    assert!(nobody.err.contains("hint: no run is live\n"), "{nobody:?}");
    nobody.expect_error(2, &format!("no live run is on the host {host}"));
}

fn completed(database: &Database, project: &TempProject, words: &[&str]) -> Vec<String> {
    let mut command = project.command(["autoproc"].iter().chain(words));
    command.env("AUTOPROC_COMPLETE", "zsh");
    if !words.contains(&"--store") {
        command.env("AUTOPROC_STORE", database.url());
    }
    let output = command.output().expect("the binary");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    text.split_terminator(['\0', '\n']).map(str::to_owned).collect()
}

#[test]
fn hosts_and_runs_that_are_live_are_completed() {
    let Some(database) = Database::with_queue() else { return };
    let (one, other) = (TempProject::new(), TempProject::new());
    let none = completed(&database, &one, &["stop", "--host", ""]);
    assert_eq!(none, ["words"]);
    let runs = two_runs(&database, [&one, &other]);
    let host = live_runs(&database, &one)[0]["host"].as_str().expect("a name").to_owned();
    let mut names = [&one, &other].map(|project| run_of(&database, project));
    names.sort();
    // Completion gives up after half a second, which a busy machine may exceed.
    let offers = |words: &[&str], wanted: &[&str]| {
        let found = completed(&database, &one, words);
        found.len() == wanted.len() + 1
            && found[0] == "words"
            && found[1..].iter().zip(wanted).all(|(found, wanted)| found.split(':').next() == Some(*wanted))
    };
    let both = [names[0].as_str(), &names[1]];
    wait_until("the host is offered", || offers(&["stop", "--host", &host[..1]], &[&host]));
    wait_until("the runs are offered", || offers(&["stop", "--now", "--run", ""], &both));
    wait_until("one run is offered", || offers(&["stop", "--run", &names[1]], &both[1..]));
    wait_until("nothing else is offered", || offers(&["stop", "--host", "/"], &[]));
    let option = ["--store", &database.url(), "stop", "--run", ""];
    wait_until("the option names the database", || offers(&option, &both));
    for (project, run) in [&one, &other].into_iter().zip(runs) {
        project.write("go", "");
        end_of(run).expect_code(0);
    }
}

#[test]
fn the_queue_of_a_folder_has_one_machine() {
    let project = TempProject::with_queue(&["a"]);
    for words in [["stop", "--host", "here"], ["stop", "--run", "0"]] {
        project.ask(words).expect_error(2, "are for a queue in a database");
    }
    assert!(!project.state("STOP-AUTONOMOUS").exists());
}
