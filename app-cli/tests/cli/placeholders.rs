use std::fs;

use crate::fixture::TempProject;

const RECORD: [&str; 3] = ["--shell", "echo {rel} >> \"$HOME_OF_TEST/seen\"", "-q"];

impl TempProject {
    fn relative_paths(&self, code: i32, words: &[&str], script: &[&str]) -> Vec<String> {
        let seen = self.path("seen");
        let _ = fs::remove_file(&seen);
        let mut command = self.command(["run"].iter().chain(words).chain(script));
        command.env("HOME_OF_TEST", self.path(""));
        let status = command.output().expect("the binary").status;
        assert_eq!(status.code(), Some(code));
        fs::read_to_string(seen).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

#[test]
fn a_tree_is_mirrored() {
    let project = TempProject::new();
    for name in ["scans/a.txt", "scans/x y/2026/b\n.txt"] {
        project.write(name, name);
    }
    let words = ["run", "scans/", "-q", "--", "sh", "-c", r#"mkdir -p "${2%/*}" && cp "$1" "$2""#, "sh"];
    project.ask(words.into_iter().chain(["{}", "out/{rel}"])).expect_code(0);
    for name in ["a.txt", "x y/2026/b\n.txt"] {
        let copied = fs::read_to_string(project.path("out").join(name)).expect("a copy");
        assert_eq!(copied, format!("scans/{name}"));
    }
}

#[test]
fn the_folder_is_known_to_later_runs_and_rounds() {
    let project = TempProject::new();
    project.write("scans/2026/a", "");
    project.ask(["queue", "add", "scans"]).expect_code(0);
    let failing = ["--shell", "echo {rel} >> \"$HOME_OF_TEST/seen\"; false", "-q"];
    let all = project.relative_paths(100, &["-r1", "--backoff-base", "0"], &failing);
    assert_eq!(all, ["2026/a", "2026/a"], "a retry");
    project.ask(["retry-failed"]).expect_code(0);
    assert_eq!(project.relative_paths(0, &[], &RECORD), ["2026/a"], "a new round");
    assert_eq!(project.relative_paths(0, &["scans/2026/a", "--again"], &RECORD), ["2026/a"], "added by itself");
    assert_eq!(project.relative_paths(0, &["scans/2026", "--again"], &RECORD), ["a"], "added from another folder");
}

#[test]
fn a_waiting_file_takes_the_folder_named_last() {
    let project = TempProject::with_queue(&["scans/2026/a"]);
    project.ask(["queue", "add", "scans"]).expect_code(0);
    assert_eq!(project.items()[0]["status"], "pending");
    assert_eq!(project.relative_paths(0, &[], &RECORD), ["2026/a"]);
}

#[test]
fn a_file_added_by_itself_is_below_the_project_folder() {
    let project = TempProject::with_queue(&["scans/2026/a"]);
    let elsewhere = TempProject::new();
    let outside = elsewhere.write("folder/b", "");
    project.ask(["queue", "add", outside.to_str().expect("text")]).expect_code(0);
    assert_eq!(project.relative_paths(0, &[], &RECORD), ["scans/2026/a", "b"]);
}

#[test]
fn attempts_at_the_same_time_have_different_slots() {
    let project = TempProject::new();
    for number in 0..60 {
        project.write(format!("in/{number}"), "");
    }
    let script =
        ": {}; mkdir slot-{%} && test $AUTOPROC_SLOT = {%} && echo {%} >> slots; rmdir slot-{%}; echo {#} >> numbers";
    for limit in [&["--max-fail", "1"][..], &[]] {
        let words = ["run", "in", "-q", "-r0", "-j3", "--again", "--shell", script];
        project.ask(words.iter().chain(limit)).expect_code(0);
    }
    let slots = fs::read_to_string(project.path("slots")).expect("the slots");
    assert_eq!(slots.lines().count(), 120);
    assert!(slots.lines().all(|slot| ["1", "2", "3"].contains(&slot)), "{slots}");
    let mut numbers: Vec<u64> = fs::read_to_string(project.path("numbers"))
        .expect("the numbers")
        .lines()
        .map(|line| line.parse().expect("a number"))
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    let ids: Vec<_> = project.items().iter().map(|item| item["id"].as_u64().expect("an id")).collect();
    assert_eq!((numbers.len(), numbers.first(), numbers.last()), (60, ids.iter().min(), ids.iter().max()));
}

#[test]
fn a_dry_run_fills_them_in() {
    let project = TempProject::new();
    project.write("scans/2026/a", "");
    let words = ["run", "--dry-run", "scans", "--", "echo", "{rel}", "{%}", "{#}"];
    let answer = project.ask(words).expect_code(0);
    assert!(answer.out.ends_with("echo 2026/a 1 '{#}'\n"), "{answer:?}");
    project.ask(["queue", "add", "scans"]).expect_code(0);
    let answer = project.ask(words).expect_code(0);
    assert!(answer.out.ends_with("echo 2026/a 1 1\n"), "{answer:?}");
}
