use std::io::{self, Write};
use std::process::{Command, Stdio};

use crate::fixture::{Answer, TempProject};

/// Runs a script in new namespaces. Returns `None` if namespaces are not allowed.
pub(crate) fn unshared(project: &TempProject, options: &[&str], script: &str) -> Option<Answer> {
    let unshare = |script: &str| {
        let mut command = project.program("unshare");
        command.args(["--user", "--map-root-user", "--mount"]).args(options).args(["sh", "-c", script]);
        command.env("AUTOPROC", env!("CARGO_BIN_EXE_autoproc"));
        command
    };
    let is_allowed = unshare("mount -t tmpfs tmpfs /proc").stderr(Stdio::null()).status();
    if is_allowed.is_ok_and(|status| status.success()) {
        return Some(unshare(script).output().expect("unshare(1)").into());
    }
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    // Writes to standard error directly, because the test harness captures `eprintln!`.
    let _ = writeln!(io::stderr().lock(), "skipped: {test} needs namespaces of users and mounts");
    None
}

fn assert_untouched(project: &TempProject, mut answer: Answer, words: &str) {
    for line in answer.out.lines().filter(|line| line.starts_with("code ")) {
        assert_eq!(line, "code 74", "{answer:#?}");
    }
    answer.err.retain(|char| char != '\r');
    assert_eq!(answer.err.matches(&format!("error: {words}")).count(), 2, "{answer:#?}");
    assert!(answer.err.contains("hint: mount it"), "{answer:#?}");
    assert!(answer.out.contains(&format!("problem  processes    {words}")), "{answer:#?}");
    let item = project.json(["queue", "show", "a"]);
    assert_eq!((&item["status"], &item["attempts"]), (&"pending".into(), &0.into()));
}

const COMMANDS: &str = r#""$AUTOPROC" run -- true; echo code $?
    "$AUTOPROC" queue recover; echo code $?
    "$AUTOPROC" doctor; echo code $?"#;

#[test]
fn without_proc_nothing_is_touched() {
    let project = TempProject::with_queue(&["a"]);
    let script = format!("mount -t tmpfs tmpfs /proc; {COMMANDS}");
    let Some(answer) = unshared(&project, &[], &script) else { return };
    assert_untouched(&project, answer, "/proc is not mounted");
}

#[test]
fn with_the_proc_of_other_processes_nothing_is_touched() {
    let project = TempProject::with_queue(&["a"]);
    let Some(answer) = unshared(&project, &["--pid", "--fork"], COMMANDS) else { return };
    assert_untouched(&project, answer, "/proc belongs to another pid namespace");
}

/// cron(8) or tmux(1) may start a command in a removed folder.
#[test]
fn absolute_paths_need_no_current_folder() {
    let project = TempProject::with_queue(&["a"]);
    let in_removed = |arguments: &str| {
        let mut command: Command = project.program("sh");
        let script =
            format!("mkdir gone && cd gone && rmdir ../gone && {} {arguments}", env!("CARGO_BIN_EXE_autoproc"));
        Answer::from(command.args(["-c", &script]).output().expect("sh(1)"))
    };
    let folder = project.path("").display().to_string();
    in_removed("status").expect_error(73, "the current folder no longer exists");
    in_removed(&format!("--project-dir '{folder}' queue add b"))
        .expect_error(2, "b: the current folder no longer exists");
    project.write("b", "");
    in_removed(&format!("--project-dir '{folder}' queue add '{folder}/b'")).expect_code(0);
    let run = in_removed(&format!("--project-dir '{folder}' run -q -- test -e")).expect_code(0);
    assert_eq!((run.out.as_str(), project.names()), ("", vec!["a".to_owned(), "b".to_owned()]));
    for words in ["status", "queue list", "stop", "doctor"] {
        in_removed(&format!("--project-dir '{folder}' {words}")).expect_code(0);
    }
}
