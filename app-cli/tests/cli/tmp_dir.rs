use std::fs;
use std::path::PathBuf;

use crate::fixture::{Answer, TempProject, end_of, wait_until};
use crate::surroundings::unshared;

const SCRIPT: &str = r#"echo x >"$TMPDIR/file"; case "$1" in */bad) echo reason >&2; exit 3;; esac"#;

fn project(files: &[&str]) -> TempProject {
    let project = TempProject::with_queue(files);
    fs::create_dir(project.path("tmp")).expect("a folder");
    project
}

fn run(project: &TempProject, words: &[&str]) -> std::process::Command {
    let mut command = project.command(["run", "--retries", "0"].iter().chain(words));
    command.env("TMPDIR", project.path("tmp"));
    command
}

fn folders(project: &TempProject) -> Vec<PathBuf> {
    fs::read_dir(project.path("tmp")).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn temporary_files_are_removed_or_kept_after_failures() {
    let project = project(&["good", "bad"]);
    Answer::from(run(&project, &["--", "sh", "-c", SCRIPT, "sh"]).output().expect("a run")).expect_code(100);
    assert_eq!(folders(&project), Vec::<PathBuf>::new());

    let words = ["--again", "good", "bad", "--keep-tmp", "--", "sh", "-c", SCRIPT, "sh"];
    Answer::from(run(&project, &words).output().expect("a run")).expect_code(100);
    let kept = folders(&project);
    assert_eq!(kept.len(), 1, "{kept:?}");
    let log = project.ask(["log", "bad"]).expect_code(0).out;
    assert_eq!(log, format!("reason\n[autoproc: the temporary files are kept in {}]\n", kept[0].display()));
    assert!(kept[0].join("file").exists());
}

#[test]
fn steps_of_a_workflow_have_temporary_folders() {
    let project = project(&["a"]);
    let workflow = r#"
workflow:
  id: steps
  phases:
    - id: one
      steps:
        - {id: write, shell: 'echo x >"$TMPDIR/file"'}
        - {id: look, shell: '[ -d "$TMPDIR" ] && ! [ -e "$TMPDIR/file" ] && dirname "$TMPDIR" >parent'}
"#;
    project.write("core/workflows/steps.yaml", workflow);
    Answer::from(run(&project, &["--workflow", "steps"]).output().expect("a run")).expect_code(0);
    let parent = fs::read_to_string(project.path("parent")).expect("the second step");
    assert_eq!(parent.trim_end(), project.path("tmp").to_str().expect("text"));
    assert_eq!(folders(&project), Vec::<PathBuf>::new());
}

#[test]
fn without_room_for_temporary_folders_a_run_warns_once_and_continues() {
    let project = project(&["a", "b"]);
    fs::remove_dir(project.path("tmp")).expect("removed");
    let answer = Answer::from(run(&project, &["--", "true"]).output().expect("a run")).expect_code(0);
    let warning = "a command had no temporary folder of its own: no folder can be created in ";
    assert_eq!(answer.err.matches(warning).count(), 1, "{answer:#?}");
}

#[test]
fn the_next_run_removes_what_a_killed_run_left() {
    let project = project(&["a"]);
    let script = r#": {}; echo x >"$TMPDIR/file"; echo $PPID >guard; exec sleep 1000"#;
    let mut run_of_death = run(&project, &["-qq", "--shell", script]).spawn().expect("a run");
    wait_until("the file is begun", || {
        fs::read_to_string(project.path("guard")).is_ok_and(|guard| guard.ends_with('\n'))
    });
    let guard = fs::read_to_string(project.path("guard")).expect("a number");
    // Suspends both processes first, so that neither acts on the death of the other.
    let script = "kill -STOP $0 $1 && kill -KILL $0 $1";
    let pid = run_of_death.id().to_string();
    assert!(project.program("sh").args(["-c", script, &pid, guard.trim()]).status().expect("sh(1)").success());
    run_of_death.wait().expect("it ended");
    assert_eq!(folders(&project).len(), 1);
    let next = end_of(project.start(["run", "-q", "--", "true"]));
    next.expect_code(0);
    assert_eq!(folders(&project), Vec::<PathBuf>::new());
}

/// Removing the folder would also remove the mounted files.
#[test]
fn a_folder_with_a_mount_is_left_alone_and_named() {
    let project = project(&["a"]);
    let script = r#": {}; mkdir precious "$TMPDIR/root" && : >precious/file && mount --bind precious "$TMPDIR/root""#;
    let script = format!("export TMPDIR=$PWD/tmp; \"$AUTOPROC\" run -r 0 --shell '{script}'");
    let Some(answer) = unshared(&project, &[], &script) else { return };
    let answer = answer.expect_code(0);
    assert!(project.path("precious/file").exists(), "{answer:#?}");
    let log = project.ask(["log", "a"]).expect_code(0).out;
    assert!(log.starts_with("[autoproc: the temporary files in ") && log.contains("is mounted on "), "{log}");
    assert_eq!(folders(&project).len(), 1);
}
