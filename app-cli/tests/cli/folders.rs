use std::fs;
use std::path::Path;
use std::process::Child;

use crate::fixture::{Answer, TempProject, end_of, wait_until};

fn begun(home: &TempProject) -> Child {
    let project = home.path("project");
    fs::create_dir(&project).expect("the project");
    let files = ["a", "b", "c"].map(|name| home.write(name, ""));
    let folder = project.to_str().expect("text");
    let mut add = home.command(["--project-dir", folder, "queue", "add"]);
    Answer::from(add.args(files).output().expect("the binary")).expect_code(0);
    let wait = "touch {}.begun; until test -e {//}/go; do sleep 0.02; done; echo done";
    let run = home.start(["--project-dir", folder, "run", "--shell", wait]);
    wait_until("the first file is begun", || home.path("a.begun").exists());
    run
}

fn expect_lost(home: &TempProject, run: Child) {
    home.write("go", "");
    let over = end_of(run).expect_code(74);
    assert!(over.err.contains("error: the queue is no longer in"), "{over:#?}");
    assert!(over.err.contains("the folder was removed, renamed or replaced"), "{over:#?}");
    assert!(!home.path("b.begun").exists(), "{over:#?}");
}

fn below(folder: &Path) -> Vec<String> {
    let names = walkdir::WalkDir::new(folder).min_depth(1).into_iter();
    names.map(|entry| entry.expect("readable").path().display().to_string()).collect()
}

#[test]
fn a_removed_project_is_not_made_again() {
    let home = TempProject::new();
    let run = begun(&home);
    fs::remove_dir_all(home.path("project")).expect("removed");
    expect_lost(&home, run);
    assert!(!home.path("project").exists(), "{:?}", below(&home.path("project")));
}

#[test]
fn a_renamed_project_keeps_its_queue() {
    let home = TempProject::new();
    let run = begun(&home);
    fs::rename(home.path("project"), home.path("renamed")).expect("renamed");
    expect_lost(&home, run);
    assert!(!home.path("project").exists(), "{:?}", below(&home.path("project")));
    let moved = home.path("renamed").display().to_string();
    let run = home.json_of(0, ["--project-dir", &moved, "run", "-q", "--shell", "true"]);
    assert_eq!(run["processed"], 3, "{run}");
}

#[test]
fn a_project_in_the_place_of_another_one_is_not_touched() {
    let home = TempProject::new();
    let run = begun(&home);
    fs::rename(home.path("project"), home.path("renamed")).expect("renamed");
    fs::create_dir_all(home.path("project/.claude/mission-control")).expect("another project");
    expect_lost(&home, run);
    let state = home.path("project/.claude/mission-control");
    assert_eq!(below(&state), Vec::<String>::new());
}

#[test]
fn a_run_whose_lock_file_is_lost_is_not_taken_for_dead() {
    expect_unharmed(|runs| fs::remove_dir_all(runs).expect("removed"));
    // A copy of the lock file is not locked.
    expect_unharmed(|runs| {
        for lock in fs::read_dir(runs).expect("the folder").map(|entry| entry.expect("a lock file").path()) {
            let text = fs::read(&lock).expect("a lock file");
            fs::remove_file(&lock).expect("removed");
            fs::write(&lock, text).expect("a copy");
        }
    });
}

fn expect_unharmed(lose: impl FnOnce(&Path)) {
    let project = TempProject::with_queue(&["a", "b", "c"]);
    let wait = "touch {}.begun; until test -e {}.go; do sleep 0.02; done";
    let run = project.start(["run", "a", "b", "-r", "0", "--shell", wait]);
    wait_until("the first file is begun", || project.path("a.begun").exists());
    lose(&project.state("runs"));
    let other = project.ask(["run", "c", "-q", "--", "true"]);
    assert!(other.err.contains("the run is alive as process "), "{other:#?}");
    assert_eq!(project.status_of("a"), "processing");
    project.write("a.go", "");
    wait_until("the run is registered again", || {
        project.json(["status"])["live_runs"].as_array().is_some_and(|runs| runs.len() == 1)
    });
    project.write("b.go", "");
    let over = end_of(run);
    let items = project.items();
    let attempts: Vec<_> = items.iter().map(|item| (&item["attempts"], &item["status"])).collect();
    assert!(attempts.iter().all(|item| *item == (&1.into(), &"completed".into())), "{attempts:?} {over:#?}");
    assert_eq!((over.code, other.code), (0, 0));
}
