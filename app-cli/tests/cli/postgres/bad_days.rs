use super::database::Database;
use crate::fixture::{Answer, TempProject};

#[track_caller]
fn expect(answer: Answer, code: i32, words: &str) {
    let answer = answer.expect_error(code, words);
    assert_eq!(answer.err.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{answer:#?}");
    assert!(!answer.err.contains("--project-dir"), "{answer:#?}");
}

#[test]
fn an_absent_database_must_be_created() {
    let Some(database) = Database::create() else { return };
    let url = database.url_in("postgres", "absent");
    let project = TempProject::new();
    expect(project.ask(["--store", &url, "queue", "list"]), 78, "/absent does not exist: create the database");
    expect(project.ask(["--store", &url, "store", "init"]), 78, "/absent does not exist: create the database");
}

#[test]
fn a_database_without_a_schema_names_the_command_that_creates_it() {
    let Some(database) = Database::create() else { return };
    let project = TempProject::new();
    project.write("a", "");
    for words in
        [&["queue", "add", "a"][..], &["status"], &["run", "a", "--", "true"], &["stop"], &["queue", "recover"]]
    {
        let answer = database.ask(&project, words);
        let hint = format!("hint: create it with: autoproc store init --store {}", database.url());
        assert!(answer.err.contains(&hint), "{answer:#?}");
        expect(answer, 78, "there is no queue at postgres:///");
    }
    let checked = database.ask(&project, ["store", "check"]).expect_code(78);
    assert!(checked.out.contains("problem  schema       autoproc does not exist"), "{checked:#?}");
    assert!(!project.path(".claude").exists() && !project.path("logs").exists());
}

#[test]
fn another_version_of_the_schema_is_refused() {
    let Some(database) = Database::with_queue() else { return };
    let project = TempProject::new();
    database.execute("update autoproc.schema_version set version = 1");
    let older = database.ask(&project, ["queue", "size"]);
    assert!(older.err.contains("hint: update it with: autoproc store init"), "{older:#?}");
    expect(older, 78, "must be updated");
    database.execute("update autoproc.schema_version set version = 99");
    for words in [["queue", "size"], ["store", "init"]] {
        expect(database.ask(&project, words), 78, "has format version 99");
    }
    let checked = database.ask(&project, ["store", "check"]).expect_code(78);
    assert!(checked.out.contains("use the version of autoproc that made it"), "{checked:#?}");
}

#[test]
fn a_user_without_rights_and_a_read_only_server_change_nothing() {
    let Some(database) = Database::with_queue() else { return };
    let project = TempProject::new();
    project.write("a", "");
    database.execute("create role stranger login; create role reader login superuser");
    database.execute("alter role reader set default_transaction_read_only to on");
    let stranger = database.url_of("stranger");
    expect(project.ask(["--store", &stranger, "queue", "add", "a"]), 73, "grant this user the rights");
    project.ask(["--store", &stranger, "store", "check"]).expect_code(73);
    let reader = database.url_of("reader");
    expect(project.ask(["--store", &reader, "queue", "add", "a"]), 73, "connect to the primary server");
    expect(project.ask(["--store", &reader, "run", "a", "--", "true"]), 73, "connect to the primary server");
    project.ask(["--store", &reader, "queue", "size"]).expect_code(0);
    let checked = project.ask(["--store", &reader, "store", "check"]).expect_code(78);
    assert!(checked.out.contains("the server is read-only"), "{checked:#?}");
    assert_eq!(database.ask(&project, ["queue", "size"]).out, "0\n");
}

#[test]
fn commands_about_the_json_store_say_so() {
    let Some(database) = Database::with_queue() else { return };
    let project = TempProject::new();
    for words in [&["doctor"][..], &["doctor", "--torture"], &["queue", "repair"], &["queue", "export"]] {
        expect(database.ask(&project, words), 2, "works only on a queue in a folder");
    }
}
