use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::fixture::{Answer, TempProject};

/// No server listens on port 1 (tcpmux).
const REFUSING: &str = "postgres://anna@127.0.0.1:1";

/// The error line must not contain "secret". The command must create no state.
#[track_caller]
fn expect(project: &TempProject, answer: Answer, code: i32, words: &str) {
    let answer = answer.expect_error(code, words);
    assert!(!answer.err.contains("secret"), "{answer:#?}");
    assert_eq!(answer.err.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{answer:#?}");
    assert!(!project.path(".claude").exists() && !project.path("logs").exists());
}

#[test]
fn a_malformed_address_is_refused_without_its_text() {
    let project = TempProject::new();
    for address in [
        "mysql://anna:secret@db/queue",
        "postgres:///queue?password=secret",
        "postgres://anna:secret@db:port/queue",
        "postgres://anna:secret@db/queue?unknown=secret",
        "postgres://anna:sec@ret:secret@db/queue",
        "secret",
        "",
    ] {
        let (option, joined) = (project.ask(["queue", "list", "--store", address]), format!("--store={address}"));
        expect(&project, option, 2, "--store: the address of the queue");
        expect(&project, project.ask([&*joined, "run", "a", "--", "true"]), 2, "--store: the address of the queue");
        if !address.is_empty() {
            let mut command = project.command(["status"]);
            let answer = command.env("AUTOPROC_STORE", address).output().expect("the binary").into();
            expect(&project, answer, 78, "AUTOPROC_STORE: the address of the queue");
        }
    }
}

#[test]
fn a_file_with_another_section_is_refused_without_its_text() {
    let project = TempProject::new();
    project.write("autoproc.toml", "[store]\nuri = \"postgres://anna:secret@db/queue\"\n");
    expect(&project, project.ask(["queue", "list"]), 78, "autoproc.toml:1:1: the section [store] has url");
    project.write("autoproc.toml", "[store]\nurl = \"mysql://anna:secret@db/queue\"\n");
    expect(&project, project.ask(["queue", "list"]), 78, "the section [store] of autoproc.toml: the address");
}

/// Otherwise, another user could choose the paths for a run.
#[test]
fn a_file_that_others_may_write_names_no_database() {
    let project = TempProject::new();
    let file = project.write("autoproc.toml", format!("[store]\nurl = \"{REFUSING}/queue\"\n"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("a mode");
    expect(&project, project.ask(["queue", "list"]), 73, "autoproc.toml can be changed by other users");
    let named = project.ask(["queue", "list", "--project-dir", "."]);
    expect(&project, named, 75, "/queue cannot be reached");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let project = TempProject::new();
    project.write("a", "");
    for (address, place) in [
        ("postgres://anna:secret@127.0.0.1:1/queue".to_owned(), "postgres://127.0.0.1:1/queue cannot be reached"),
        ("postgres://anna:secret@%2Fabsent/queue".to_owned(), "postgres:///absent:5432/queue cannot be reached"),
        ("postgres://anna:secret@no..host/queue".to_owned(), "postgres://no..host:5432/queue cannot be reached"),
    ] {
        for words in [&["queue", "add", "a"][..], &["run", "a", "--", "true"], &["status"], &["store", "init"]] {
            let answer = project.ask(["--store", &address].iter().chain(words));
            assert!(answer.err.contains("hint: check the host and the port"), "{answer:#?}");
            expect(&project, answer, 75, place);
        }
    }
    let checked = project.ask(["store", "check", "--store", REFUSING]).expect_code(75);
    assert!(checked.out.starts_with("problem  connection"), "{checked:#?}");
}

#[test]
fn the_option_wins_over_the_variable_and_the_variable_over_the_file() {
    let project = TempProject::new();
    project.write("autoproc.toml", format!("[store]\nurl = \"{REFUSING}/file\"\n"));
    let ask = |words: &[&str], variable: Option<&str>| -> Answer {
        let mut command = project.command(words);
        command.envs(variable.map(|name| ("AUTOPROC_STORE", format!("{REFUSING}/{name}"))));
        command.output().expect("the binary").into()
    };
    let option = format!("{REFUSING}/option");
    expect(&project, ask(&["queue", "size", "--store", &option], Some("variable")), 75, "/option cannot be reached");
    expect(&project, ask(&["queue", "size"], Some("variable")), 75, "/variable cannot be reached");
    expect(&project, ask(&["queue", "size"], None), 75, "/file cannot be reached");
    fs::remove_file(project.path("autoproc.toml")).expect("the file is gone");
    assert_eq!(ask(&["queue", "size"], None).expect_code(0).out, "0\n");
}

#[test]
fn the_time_without_the_database_is_bounded() {
    let project = TempProject::new();
    for time in ["4s", "25h", "soon"] {
        project.ask(["run", "--unreachable-timeout", time, "--", "true"]).expect_code(2);
    }
}

#[test]
fn commands_that_need_no_queue_do_not_connect() {
    let project = TempProject::new();
    project.ask(["workflow", "list", "--store", REFUSING]).expect_code(0);
    project.ask(["doctor", "--store", REFUSING]).expect_error(2, "`doctor` works only on a queue in a folder");
    project.ask(["store", "init"]).expect_error(2, "no database is named");
}

#[test]
fn a_usage_error_does_not_repeat_the_address() {
    let project = TempProject::new();
    for words in [
        &["--store", "postgres://anna:secret@db/queue", "queue", "lst"][..],
        &["queue", "add", "a", "postgres://anna:secret@db/queue"],
        &["--stor", "postgres://anna:secret@db/queue", "status"],
        &["--store", "postgres://anna:secret@db/queue", "run", "a", "cat", "--jbs"],
        &["--store=postgres://anna:secret@db/queue", "run", "--jobs", "none", "--", "true"],
    ] {
        let answer = project.ask(words);
        assert!(answer.code == 2 && !answer.err.contains("secret"), "{answer:#?}");
    }
}
