use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::fixture::{Done, TempProject};
use crate::namespace::tool;
use crate::skip::{Need, can, is_root};

/// Commands that must work without write permission.
const READING: [&[&str]; 6] = [
    &["status"],
    &["queue", "list"],
    &["queue", "size"],
    &["queue", "peek"],
    &["queue", "show", "/item/0"],
    &["queue", "list", "--json"],
];

/// Commands that must fail without write permission.
const CHANGING: [&[&str]; 6] = [
    &["queue", "add", "/etc/passwd"],
    &["queue", "remove", "/item/0"],
    &["queue", "prioritise", "/item/0", "4"],
    &["queue", "clear"],
    &["run", "--shell", "exit 0"],
    &["stop"],
];

#[test]
fn a_read_only_folder_can_be_read_and_every_change_is_refused() {
    let test = "read_only::a_read_only_folder_can_be_read_and_every_change_is_refused";
    if is_root() && !can(test, &[Need::Tool("setpriv")]) {
        return;
    }
    let project = TempProject::with_items(3);
    let binary = project.path("autoproc");
    // Copies the binary with cp(1). If this process wrote the copy, a process of another test could
    // inherit the open descriptor. Executing the copy would then fail (execve(2), ETXTBSY).
    tool(&["cp", "-p", env!("CARGO_BIN_EXE_autoproc"), binary.to_str().expect("text")]);
    forbid(&project.path(""));
    let before = project.contents();
    for words in READING {
        let done = unprivileged(&project, &binary, words);
        assert!(done.is_acknowledged(), "{words:?}: {}", done.err);
    }
    for words in CHANGING {
        let done = unprivileged(&project, &binary, words);
        assert_eq!(done.status.code(), Some(73), "{words:?}: {}", done.err);
    }
    assert_eq!(project.contents(), before);
    permit(&project.path(""));
}

fn unprivileged(project: &TempProject, binary: &Path, words: &[&str]) -> Done {
    let mut command = if is_root() { Command::new("setpriv") } else { Command::new("env") };
    if is_root() {
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    }
    command.arg(binary).args(words).arg("--project-dir").arg(project.path("")).current_dir("/");
    Done::of(&command.output().expect("setpriv(1)"))
}

fn forbid(path: &Path) {
    each(path, &|path, is_folder| set(path, if is_folder { 0o555 } else { 0o444 | (mode(path) & 0o111) }));
}

fn permit(path: &Path) {
    set(path, 0o755);
    each(path, &|path, is_folder| set(path, if is_folder { 0o755 } else { 0o644 }));
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("metadata").permissions().mode()
}

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

fn each(path: &Path, act: &dyn Fn(&Path, bool)) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && mode(&path) & 0o200 == 0 {
                act(&path, true);
            }
            each(&path, act);
        }
    }
    act(path, path.is_dir());
}
