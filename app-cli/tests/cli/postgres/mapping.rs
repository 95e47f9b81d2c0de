use std::fs;

use super::database::Database;
use crate::fixture::TempProject;

/// Returns a project, and the `--map` rule for its folder `share`.
fn machine() -> (TempProject, String) {
    let project = TempProject::new();
    project.write("share/in/a", "");
    project.write("share/in/bad", "");
    let share = project.path("share").canonicalize().expect("a folder");
    (project, format!("/data={}", share.to_str().expect("text")))
}

#[test]
fn machines_with_different_folders_share_a_queue() {
    let Some(database) = Database::with_queue() else { return };
    let ((one, map), (other, other_map)) = (machine(), machine());
    let ask = |words: &[&str]| database.ask(&one, [&["--map", &map], words].concat());
    let ask_other = |words: &[&str]| database.ask(&other, [&["--map", &other_map], words].concat());
    ask(&["queue", "add", "share/in"]).expect_code(0);
    // The database stores a path that exists on no machine.
    let stored = database.json(&one, ["queue", "list"]);
    assert_eq!(stored["items"][0]["file_path"], "/data/in/a", "{stored}");
    let listed = ask_other(&["queue", "list", "--json"]).expect_code(0).json();
    let here = other.path("share").canonicalize().expect("a folder").join("in/a");
    assert_eq!(listed["items"][0]["file_path"], here.to_str().expect("text"), "{listed}");
    assert!(ask_other(&["queue", "add", "share/in/a"]).expect_code(0).out.contains("already"));

    // Commands get the path on their machine, and the history has the stored path.
    let picky = "test -e {} && echo {} >> ran && test {/} != bad";
    let ran = ask_other(&["run", "-r", "0", "--shell", picky]).expect_code(100);
    assert!(ran.out.contains(here.with_file_name("bad").to_str().expect("text")), "{ran:?}");
    let ran = fs::read_to_string(other.path("ran")).expect("a list");
    assert!(ran.lines().any(|line| line == here.to_str().expect("text")), "{ran}");
    let bad = one.path("share").canonicalize().expect("a folder").join("in/bad");
    for words in [&["report"][..], &["failures"], &["status"], &["queue", "show", "share/in/bad"]] {
        let seen = ask(words).expect_code(0);
        assert!(seen.out.contains(bad.to_str().expect("text")), "{seen:#?}");
    }
    let common = database.ask(&one, ["report"]).expect_code(0);
    assert!(common.out.contains("/data/in/bad"), "{common:?}");
    ask(&["retry-failed", "share/in/bad"]).expect_code(0);
    ask(&["queue", "hold", "share/in/bad"]).expect_code(0);
    let absent = ask(&["queue", "remove", "share/in/absent"]).expect_code(2);
    assert!(absent.err.contains("share/in/absent is not in the queue"), "{absent:?}");
}

#[test]
fn a_command_of_a_run_has_the_map_of_its_run() {
    let Some(database) = Database::with_queue() else { return };
    let (project, map) = machine();
    project.write("share/in/b", "");
    let ask = |words: &[&str]| database.ask(&project, [&["--map", &map], words].concat());
    let adds = format!("if test {{/}} = a; then '{}' queue add {{//}}/b; fi", env!("CARGO_BIN_EXE_autoproc"));
    ask(&["run", "share/in/a", "--shell", &adds]).expect_code(0);
    let items = database.json(&project, ["queue", "list", "--status", "pending"]);
    assert_eq!(items["items"][0]["file_path"], "/data/in/b", "{items}");
    // A suggested command includes `--map`.
    ask(&["run", "-r", "0", "share/in/bad", "--shell", "exit 1; : {}"]).expect_code(100);
    let suggested = ask(&["report"]).expect_code(0);
    assert!(suggested.out.contains(&format!("--map {map}")), "{suggested:?}");
}

#[test]
fn the_map_of_a_project_stands_in_its_file() {
    let Some(database) = Database::with_queue() else { return };
    let (project, map) = machine();
    let add = |words: &[&str]| database.ask(&project, [words, &["queue", "add", "share/in/a"]].concat());
    for (file, words) in [
        ("[store]\nmap = [\"/data\"]\n", "map in autoproc.toml: /data: write STORED=HERE"),
        (
            "[store]\nmap = [\"/a=/x\", \"/a=/y\"]\n",
            "the path rules of map in autoproc.toml are ambiguous: two rules map /a",
        ),
        ("[store]\nmap = 1\n", "the section [store] has url"),
    ] {
        project.write("autoproc.toml", file);
        add(&[]).expect_error(78, words);
    }
    project.write("autoproc.toml", format!("[store]\nmap = [\"{map}\"]\n"));
    add(&[]).expect_code(0);
    // The options replace the rules of the file.
    add(&["--map", "/other=/nowhere"]).expect_code(0);
    let items = database.json(&project, ["--map", "/unused=/nowhere", "queue", "list"]);
    assert_eq!(items["items"][0]["file_path"], "/data/in/a", "{items}");
    assert_eq!(items["items"].as_array().map(Vec::len), Some(2), "{items}");
}

#[test]
fn an_ambiguous_map_changes_nothing() {
    let Some(database) = Database::with_queue() else { return };
    let (project, map) = machine();
    let add = |words: &[&str]| database.ask(&project, [words, &["queue", "add", "share/in/a"]].concat());
    add(&["--map", "/data"]).expect_error(2, "write STORED=HERE");
    add(&["--map", "data=/mnt"]).expect_error(2, "both sides must be absolute paths");
    add(&["--map", &map, "--map", "/data=/mnt"])
        .expect_error(2, "the path rules of --map are ambiguous: two rules map /data");
    add(&["--map", "/a=/mnt", "--map", "/b=/mnt/b"]).expect_error(2, "and one contains the other");
    add(&["--map", "/a=/mnt", "--map", "/b=/mnt"]).expect_error(2, "two rules map to /mnt");
    let folder = project.path("share/in").canonicalize().expect("a folder");
    let taken = add(&["--map", &format!("{}=/mnt", folder.to_str().expect("text"))]);
    taken.expect_error(2, "has no name in the queue");
    assert_eq!(database.ask(&project, ["queue", "size"]).out, "0\n");
    project.ask(["--map", "/a=/b", "queue", "add", "share/in/a"]).expect_error(2, "--map is for a queue in a database");
}
