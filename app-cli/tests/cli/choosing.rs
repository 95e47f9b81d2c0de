use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use crate::fixture::{TempProject, wait_until};

#[test]
fn patterns_choose_files_and_leave_folders_out() {
    let project = TempProject::new();
    for name in ["in/a.png", "in/b.PNG", "in/c.txt", "in/draft 1.png", "in/@eaDir/a.png", "in/2026/d.png"] {
        project.write(name, "");
    }
    let words = ["queue", "add", "in", "--include", "*.png", "--exclude", "draft*", "--exclude", "@eaDir"];
    let added = project.ask(words).expect_code(0);
    assert_eq!(project.names(), ["d.png", "a.png"], "{added:?}");
    assert!(added.err.contains("3 files excluded by --include, --exclude or --newer-than"), "{added:?}");
    let words = ["run", "-q", "in", "--include", "2026/*", "--again", "--", "true"];
    project.ask(words).expect_code(0);
    assert_eq!(
        (project.status_of("in/2026/d.png"), project.status_of("in/a.png")),
        ("completed".into(), "pending".into())
    );
    project.ask(["queue", "add", "in", "--include", "[a"]).expect_error(2, "unclosed character class");
}

#[test]
fn old_files_can_be_left_out() {
    let project = TempProject::new();
    let old = File::create(project.write("in/old", "")).expect("a file");
    old.set_modified(SystemTime::now() - Duration::from_secs(3 * 24 * 3600)).expect("its time");
    project.write("in/new", "");
    project.ask(["queue", "add", "in", "--newer-than", "2d"]).expect_code(0);
    assert_eq!(project.names(), ["new"]);
    assert_eq!(project.json(["queue", "add", "in", "--newer-than", "2d"])["left_out"], 1);
}

/// Even root cannot read an overlong path.
#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_added() {
    let project = TempProject::new();
    project.write("in/a", "");
    project.write("in/z", "");
    let mut place = rustix::fs::open(project.path("in"), rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty())
        .expect("the folder");
    for _ in 0..25 {
        let name = "d".repeat(200);
        rustix::fs::mkdirat(&place, &name, rustix::fs::Mode::RWXU).expect("a folder");
        place = rustix::fs::openat(&place, &name, rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty())
            .expect("the folder");
    }
    let added = project.ask(["queue", "add", "in"]).expect_code(0);
    assert!(added.err.contains("warning: skipped, because it cannot be read: "), "{added:?}");
    assert_eq!(project.names(), ["a", "z"]);
    assert_eq!(project.json(["queue", "add", "in"])["unreadable"], 1);
    let before = project.bytes();
    project.ask(["queue", "add", "in", "--strict"]).expect_error(74, "cannot read");
    assert_eq!(project.bytes(), before);
    // rm(1) removes deep folders without their full paths.
    fs::set_permissions(project.path("in"), fs::Permissions::from_mode(0o700)).expect("it is ours");
    let emptied = std::process::Command::new("rm").arg("-rf").arg(project.path("in")).status().expect("rm");
    assert!(emptied.success());
}

#[test]
fn lists_from_elsewhere_are_read_as_meant() {
    let project = TempProject::new();
    for name in ["a.txt", "b.txt", "c\r"] {
        project.write(name, "");
    }
    project.write("list", "\u{feff}a.txt\r\n\r\nb.txt\r\nc\r\n");
    let added = project.ask(["queue", "add", "--from-file", "list"]).expect_code(0);
    assert_eq!(project.names(), ["a.txt", "b.txt", "c\r"], "{added:?}");
    assert!(!added.err.contains("does not exist"), "{added:?}");
    assert_eq!(added.err.matches("CRLF line ends").count(), 1, "{added:?}");
}

#[test]
fn a_path_through_the_parent_of_a_link_is_the_one_that_the_system_opens() {
    let project = TempProject::new();
    project.write("store/2026/sub/deep/x", "");
    project.write("store/2026/page", "right");
    project.write("desk/page", "wrong");
    symlink("../store/2026/sub", project.path("desk/current")).expect("a link");
    project.write("list", "desk/current/../page\n");
    for words in [&["desk/current/../page"][..], &["--from-file", "list"], &["desk/current/deep/../../page"]] {
        project.ask(["queue", "clear"]).expect_code(0);
        project.ask([&["run", "-q"], words, &["--", "cat"]].concat()).expect_code(0);
        assert_eq!(project.ask(["log", "store/2026/page"]).expect_code(0).out, "right");
    }
    let added =
        project.json(["queue", "add", "desk/current/deep/../x", "desk/gone/../y", "desk/../../../../../../../z"]);
    let path = |index: usize| added["files"][index]["file_path"].as_str().expect("a path").to_owned();
    assert_eq!(path(0), project.path("desk/current/x").display().to_string());
    assert_eq!(path(1), project.path("desk/y").display().to_string());
    assert_eq!(path(2), "/z");
    let elsewhere = project.ask(["--project-dir", "desk/current/..", "status"]).expect_code(0).out;
    assert!(elsewhere.contains("store/2026;"), "{elsewhere}");
}

/// A list from a Mac may spell names in decomposed form (NFD).
#[test]
fn a_name_in_another_unicode_form_is_recognised() {
    let project = TempProject::new();
    project.write("caf\u{e9}.txt", "");
    let warned = project.ask(["queue", "add", "cafe\u{301}.txt"]).expect_code(0).err;
    assert!(warned.contains("is encoded differently"), "{warned}");
    project.ask(["run", "cafe\u{301}.txt", "--", "true"]).expect_error(66, "does not exist");
    let warned = project.ask(["queue", "add", "caf\u{e9}s.txt"]).expect_code(0).err;
    assert!(!warned.contains("encoded"), "{warned}");
}

#[test]
fn a_list_that_does_not_end_is_waited_for_with_a_word() {
    let project = TempProject::new();
    let mut command = project.command(["queue", "add", "-"]);
    command.stdin(Stdio::piped()).stderr(File::create(project.path("err")).expect("a file"));
    let mut child = command.stdout(Stdio::null()).spawn().expect("the binary");
    let mut pipe = child.stdin.take().expect("a pipe");
    pipe.write_all(b"a\n").expect("it reads");
    let said = || fs::read_to_string(project.path("err")).expect("its output");
    wait_until("it says so", || said().contains("waiting for the end of the list"));
    drop(pipe);
    assert!(child.wait().expect("it ends").success());
    assert_eq!(project.names(), ["a"]);
}
