use super::database::Database;
use crate::fixture::TempProject;
use crate::json::expect_documented;

const AGE: &str = "
    update autoproc.event set at_us = at_us - 8640000000000;
    update autoproc.past_attempt set at_us = at_us - 8640000000000, started_at_us = started_at_us - 8640000000000;
    update autoproc.past_run set latest_at_us = latest_at_us - 8640000000000,
        last_event_at_us = last_event_at_us - 8640000000000, started_at_us = started_at_us - 8640000000000";

#[test]
fn old_runs_are_counted_and_removed() {
    let Some(database) = Database::with_queue() else { return };
    let project = TempProject::with_files(&["a", "b"]);
    database.ask(&project, ["run", "-qq", "a", "--", "true"]).expect_code(0);
    database.execute(AGE);
    database.ask(&project, ["run", "-qq", "b", "--", "true"]).expect_code(0);
    let prune = ["store", "prune", "--older-than", "90d"];
    let counted = database.ask(&project, [&prune[..], &["--dry-run"]].concat()).expect_code(0);
    assert!(counted.out.starts_with("would remove 4 events and 1 run from the history at postgres:///"), "{counted:?}");
    let removed = database.json(&project, prune);
    expect_documented("store prune", &removed);
    assert_eq!((&removed["events"], &removed["runs"]), (&4.into(), &1.into()), "{removed}");
    let runs = database.json(&project, ["runs"]);
    assert_eq!(runs["runs"].as_array().map(Vec::len), Some(1), "{runs}");
    assert_eq!(database.count(&project, "completed"), 2);
    let again = database.json(&project, prune);
    assert_eq!((&again["events"], &again["runs"]), (&0.into(), &0.into()), "{again}");
}

#[test]
fn the_queue_of_a_folder_has_no_history_to_prune() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["store", "prune", "--older-than", "90d"]).expect_error(2, "no database is named");
}
