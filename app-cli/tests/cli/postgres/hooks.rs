use std::fs;

use serde_json::Value;

use super::database::Database;
use crate::fixture::TempProject;

#[test]
fn a_run_on_a_database_is_reported_too() {
    let Some(database) = Database::with_queue() else { return };
    let project = TempProject::new();
    for name in ["good", "bad"] {
        project.write(name, "");
    }
    let counts = format!("cat > end.json; '{}' status --json > status.json", env!("CARGO_BIN_EXE_autoproc"));
    let hooks = ["-r0", "--on-failure", "cat >> failed.json", "--on-finish", &counts, "--joblog", "jobs"];
    let words = [&["run", "good", "bad"], &hooks[..], &["--shell", "test {/} = good"]].concat();
    let answer = database.ask(&project, words).expect_code(100);
    assert!(!answer.err.contains("warning"), "{answer:?}");
    let read = |name: &str| fs::read_to_string(project.path(name)).expect(name);
    let document = |name: &str| serde_json::from_str::<Value>(&read(name)).expect("one document");
    assert_eq!(
        (&document("failed.json")["exit_code"], &document("failed.json")["status"]),
        (&1.into(), &"failed".into())
    );
    assert_eq!((&document("end.json")["processed"], &document("end.json")["failed"]), (&1.into(), &1.into()));
    assert!(document("end.json")["store"].is_string());
    let counts = &document("status.json")["counts"];
    assert_eq!((&counts["completed"], &counts["failed"]), (&1.into(), &1.into()), "the end of the run is recorded");
    assert_eq!(read("jobs").lines().count(), 3);
}
