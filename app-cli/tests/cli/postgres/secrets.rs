use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::database::Database;
use crate::fixture::{Answer, TempProject, end_of};

const PASSWORD: &str = "correct-horse";
const WRONG_PASSWORD: &str = "battery-staple";

/// Creates a database, and a role with a password. A second call panics, because the role already
/// exists.
fn locked() -> Option<(Database, TempProject)> {
    let database = Database::create()?;
    database.execute(&format!("create role locked login superuser password '{PASSWORD}'"));
    Some((database, TempProject::new()))
}

fn exposing(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(exposing(&path));
        } else if let Ok(bytes) = fs::read(&path) {
            let has = |word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
            if path.file_name().is_some_and(|name| name != "pgpass") && (has(PASSWORD) || has(WRONG_PASSWORD)) {
                found.push(path);
            }
        }
    }
    found
}

#[track_caller]
fn checked(answer: Answer, code: i32) -> Answer {
    for secret in [PASSWORD, WRONG_PASSWORD] {
        assert!(!answer.out.contains(secret) && !answer.err.contains(secret), "{answer:#?}");
    }
    answer.expect_code(code)
}

#[test]
fn a_password_is_found_and_shown_nowhere() {
    let Some((database, project)) = locked() else { return };
    let with_password = database.url_of(&format!("locked:{PASSWORD}"));
    let without = database.url_of("locked");
    let ask = |url: &str, words: &[&str], environment: &[(&str, &Path)], code: i32| {
        let mut command = project.command(["--store", url].iter().chain(words));
        command.envs(environment.iter().copied());
        checked(command.output().expect("the binary").into(), code)
    };
    let wrong = database.url_of(&format!("locked:{WRONG_PASSWORD}"));
    let refused = ask(&wrong, &["store", "init"], &[], 78);
    assert!(refused.err.contains("error: cannot sign in to postgres:///"), "{refused:?}");
    assert!(refused.err.contains("hint: the password comes from PGPASSWORD"), "{refused:?}");
    ask(&without, &["queue", "list"], &[], 78);
    ask(&without, &["store", "check"], &[], 78);
    ask(&with_password, &["store", "init"], &[], 0);
    ask(&with_password, &["store", "check"], &[], 0);

    // The password comes from the environment, then from the password file.
    ask(&without, &["queue", "size"], &[("PGPASSWORD", Path::new(PASSWORD))], 0);
    let file = project.write("pgpass", format!("*:*:*:locked:{PASSWORD}\n"));
    set_mode(&file, 0o600);
    ask(&without, &["queue", "size"], &[("PGPASSFILE", &file)], 0);
    set_mode(&file, 0o640);
    let exposed = ask(&without, &["queue", "size"], &[("PGPASSFILE", &file)], 78);
    assert!(exposed.err.contains("warning: ") && exposed.err.contains("chmod 600"), "{exposed:?}");

    // A run writes a record of its command line, a log of events, and the output of commands.
    project.write("a", "");
    project.write("b", "");
    let run = ["run", "-v", "-r", "0", "a", "--shell", "env; echo no; exit 1"];
    ask(&with_password, &run, &[], 100);
    let status = ask(&with_password, &["status", "--json"], &[], 0);
    assert!(status.out.contains("postgres:///"), "{status:?}");
    ask(&with_password, &["queue", "show", "a"], &[], 0);
    ask(&with_password, &["log", "a"], &[], 0);
    ask(&with_password, &["report"], &[], 0);
    set_mode(&file, 0o600);
    let resumed = ask(&with_password, &["resume"], &[("PGPASSFILE", &file)], 100);
    assert!(resumed.err.contains(&without), "{resumed:?}");
    let joined = format!("--store={with_password}");
    let run = project.start([&*joined, "run", "b", "--", "true"]);
    checked(end_of(run), 0);
    checked(project.ask(["--stor", &with_password, "status"]), 2);
    assert_eq!(exposing(&project.path(".")), [] as [PathBuf; 0]);
}

fn set_mode(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("a mode");
}
