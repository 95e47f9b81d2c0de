use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fixture::{Answer, TempProject};

const COMMANDS: [&[&str]; 11] = [
    &["queue", "list"],
    &["status"],
    &["monitor"],
    &["queue", "add", "b"],
    &["queue", "recover"],
    &["doctor"],
    &["queue", "show", "1"],
    &["log", "1"],
    &["run", "-q", "--", "true"],
    &["run", "-q", "--workflow", "w"],
    &["resume"],
];

fn project() -> TempProject {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-q", "-r", "0", "--", "sh", "-c", "echo printed; exit 1"]).expect_code(100);
    project.write("core/workflows/w.yaml", "workflow: {id: w, phases: [{id: a, steps: [{shell: \"true\"}]}]}");
    project.write("autoproc.toml", "");
    project
}

fn files(project: &TempProject) -> Vec<PathBuf> {
    let attempts = project.path("logs/attempts");
    vec![
        project.state("QUEUE-STATE.json"),
        project.state("AUTONOMOUS-STATE.json"),
        project.state("AUTONOMOUS-MONITOR.json"),
        project.state("LAST-RUN.json"),
        project.state("STOP-AUTONOMOUS"),
        project.state("queue.lock"),
        project.state("runs/x.lock"),
        project.state("runs/x.guard-0"),
        project.path("logs/autonomous-processing.jsonl"),
        attempts.join("1.1.1.log"),
        attempts.join("1.1.1.log.streams"),
        attempts.join("streams"),
        project.path("core/workflows/w.yaml"),
        project.path("autoproc.toml"),
    ]
}

/// Runs a command. Panics if the command hangs.
fn ask(project: &TempProject, words: &[&str]) -> Answer {
    let mut command = project.program("timeout");
    command.args(["-k", "1", "60", env!("CARGO_BIN_EXE_autoproc")]).args(words);
    let answer = Answer::from(command.output().expect("timeout(1)"));
    assert!(!matches!(answer.code, 124 | 137), "{words:?} hangs");
    answer
}

fn replace(file: &Path, by: impl FnOnce(&Path)) {
    fs::remove_file(file).or_else(|error| if file.exists() { Err(error) } else { Ok(()) }).expect("removed");
    by(file);
}

#[test]
fn a_fifo_in_the_place_of_a_file_blocks_no_command() {
    for index in 0..files(&project()).len() {
        let project = project();
        let file = files(&project).swap_remove(index);
        replace(&file, |file| {
            assert!(Command::new("mkfifo").arg(file).status().expect("mkfifo(1)").success());
        });
        for words in COMMANDS {
            let answer = ask(&project, words);
            assert!(!answer.err.contains("panicked"), "{file:?} {answer:?}");
        }
    }
}

/// An attacker could plant a link to a file of the victim.
#[test]
fn nothing_is_written_through_a_link() {
    for index in 0..files(&project()).len() {
        let project = project();
        let file = files(&project).swap_remove(index);
        let witness = project.write("witness", "{\"precious\": true}\n");
        replace(&file, |file| symlink(&witness, file).expect("a link"));
        for words in COMMANDS {
            ask(&project, words);
            let kept = fs::read_to_string(&witness).expect("the witness");
            assert_eq!(kept, "{\"precious\": true}\n", "{file:?} {words:?}");
        }
    }
}

#[test]
fn a_queue_behind_a_link_is_refused_and_named() {
    let project = project();
    let snapshot = project.state("QUEUE-STATE.json");
    fs::rename(&snapshot, project.path("elsewhere.json")).expect("moved");
    symlink(project.path("elsewhere.json"), &snapshot).expect("a link");
    let error = project.ask(["queue", "add", "b"]);
    assert!(error.code != 0 && error.err.contains("symbolic link"), "{error:?}");
}

/// Otherwise, the next change would lose one of the two values.
#[test]
fn a_key_that_is_given_twice_is_damage() {
    let project = TempProject::with_queue(&["a", "b"]);
    let intact = fs::read_to_string(project.state("QUEUE-STATE.json")).expect("the queue");
    let at_the_end =
        format!("{},\n\"items\": []\n}}\n", intact.trim_end().strip_suffix('}').expect("an object").trim_end());
    let in_an_item = intact.replacen("\"priority\":0", "\"priority\":0,\"priority\":7", 1);
    let below_an_unknown_key = intact.replacen('{', "{\"mine\": {\"x\": 1, \"x\": 2},", 1);
    for damaged in [at_the_end, in_an_item, below_an_unknown_key] {
        assert_ne!(damaged, intact);
        fs::write(project.state("QUEUE-STATE.json"), &damaged).expect("the queue");
        for words in [&["queue", "list"][..], &["queue", "add", "c"], &["run", "--", "true"], &["queue", "repair"]] {
            let answer = project.ask(words.iter().copied()).expect_code(65);
            assert!((answer.out + &answer.err).contains("is given twice"), "{words:?}");
        }
        assert_eq!(fs::read_to_string(project.state("QUEUE-STATE.json")).expect("the queue"), damaged);
    }
}

/// Another user may create a project in a folder like `/tmp`.
#[test]
fn a_project_that_others_can_change_is_used_only_if_it_is_named() {
    let project = project();
    let own = project.path("own");
    fs::create_dir(&own).expect("a folder");
    let workflows = project.path("core/workflows");
    fs::set_permissions(&workflows, fs::Permissions::from_mode(0o777)).expect("a mode");
    let before = project.bytes();
    for words in [&["status"][..], &["queue", "add", "x"], &["run", "-q"], &["stop"], &["queue", "recover"]] {
        let mut command = project.command(words);
        let answer = Answer::from(command.current_dir(&own).output().expect("the binary"));
        let error = answer.expect_error(73, "can be changed by other users");
        assert!(error.err.contains(&workflows.display().to_string()), "{error:?}");
    }
    assert!(before == project.bytes());
    let root = project.path("");
    project.ask(["--project-dir".as_ref(), root.as_os_str(), "status".as_ref()]).expect_code(0);
    project.ask(["--project-dir", "own", "status"]).expect_code(0);
}

#[test]
fn a_command_that_calls_autoproc_works_on_the_queue_of_its_run() {
    let project = TempProject::new();
    for folder in ["proj/core/workflows", "elsewhere"] {
        fs::create_dir_all(project.path(folder)).expect("a folder");
    }
    let binary = env!("CARGO_BIN_EXE_autoproc");
    let workflow =
        format!("workflow: {{id: w, phases: [{{id: a, steps: [{{shell: \"'{binary}' queue add /made/by/step\"}}]}}]}}");
    project.write("proj/core/workflows/w.yaml", workflow);
    let add = format!("'{binary}' queue add /made/by/command");
    for (named, relative, words) in
        [("--project-dir", "../proj", vec!["--shell", &add]), ("", "../proj", vec!["--workflow", "w"])]
    {
        let mut command = project.program(binary);
        command.current_dir(project.path("elsewhere"));
        if named.is_empty() {
            command.env("AUTOPROC_PROJECT_DIR", relative);
        } else {
            command.args([named, relative]);
        }
        project.write("proj/file", words.concat());
        command.args(["run", "-q", "--again", "../proj/file"]).args(words);
        Answer::from(command.output().expect("the binary")).expect_code(0);
    }
    let listed = project.ask(["--project-dir", "proj", "queue", "list"]).expect_code(0).out;
    assert!(listed.contains("/made/by/command") && listed.contains("/made/by/step"), "{listed}");
    assert!(!project.path("elsewhere/.claude").exists());
}

/// Paths and error output may be confidential.
#[test]
fn other_users_can_read_neither_queue_nor_logs() {
    let project = TempProject::new();
    project.write("a", "");
    let binary = env!("CARGO_BIN_EXE_autoproc");
    let mut shell = project.program("sh");
    shell.args(["-c", &format!("umask 000; exec '{binary}' run -q -r 0 a -- sh -c 'echo printed; exit 3'")]);
    Answer::from(shell.output().expect("sh(1)")).expect_code(100);
    let mode = |path: &Path| fs::metadata(path).expect("it exists").permissions().mode() & 0o077;
    let others = |folder: PathBuf| {
        let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        entries.filter(|path| mode(path) != 0).collect::<Vec<_>>()
    };
    assert_eq!(mode(&project.state("")), 0);
    let reports = ["AUTONOMOUS-MONITOR.json", "AUTONOMOUS-STATE.json"].map(|name| project.state(name));
    let mut open = others(project.state(""));
    open.sort_unstable();
    assert_eq!(open, reports, "reports");
    assert_eq!(others(project.path("logs")), [] as [PathBuf; 0]);
    assert_eq!(others(project.path("logs/attempts")), [] as [PathBuf; 0]);
}

#[test]
fn a_command_that_may_execute_names_as_code_is_warned_of() {
    let project = TempProject::new();
    let file = project.write("a;touch ran", "");
    let warning = |words: &[&str]| {
        let run = ["run", "-r", "0", "--again", file.to_str().expect("text")];
        let answer = project.ask(run.iter().chain(words)).expect_code(0);
        answer.err.contains("may execute the name of a file as code")
    };
    for words in [
        &["--shell", "trap \"true {/}\" EXIT; true {}"][..],
        &["--shell", "sh -c 'true {/}'"],
        &["--", "sh", "-c", "true {/}"],
    ] {
        assert!(warning(words), "{words:?}");
        fs::remove_file(project.path("ran")).expect("the name was executed");
    }
    for words in [
        &["--shell", "trap 'true \"$AUTOPROC_FILE\"' EXIT; true {}"][..],
        &["--shell", "sh -c 'true \"$1\"' sh {/}"],
        &["--", "sh", "-c", "true \"$1\"", "sh", "{/}"],
    ] {
        assert!(!warning(words), "{words:?}");
        assert!(!project.path("ran").exists(), "{words:?}");
    }
}

/// Uses dry runs: awk may be missing, and `ssh` would connect.
#[test]
fn awk_and_ssh_are_warned_of_without_a_shell_too() {
    let project = TempProject::new();
    project.write("a", "");
    let says = |words: &[&str], advice: &str| {
        let answer = project.ask(["run", "--dry-run", "a", "--"].iter().chain(words)).expect_code(0);
        answer.err.contains("may execute the name of a file as code; ") && answer.err.contains(advice)
    };
    let environment = "use ENVIRON[\"AUTOPROC_FILE\"] in the script";
    assert!(says(&["awk", "BEGIN { system(\"echo {}\") }"], environment));
    assert!(says(&["nice", "gawk", "-F", ":", "{print \"{/}\"}", "x"], environment));
    assert!(says(&["ssh", "host", "wc"], "send the content instead"));
    for words in [&["awk", "{print $1}"][..], &["awk", "-f", "script", "{}"], &["awk", "-v", "x={}", "{print x}"]] {
        assert!(!says(words, ""), "{words:?}");
    }
}

/// Uses a dry run: not every `sh` executes code in arithmetic.
#[test]
fn a_calculation_with_a_name_is_warned_of_and_one_with_a_slot_is_not() {
    let project = TempProject::new();
    project.write("1", "");
    for (line, is_warned) in [("echo $(({/} + 1))", true), ("echo {}; echo $(({%} - 1))", false)] {
        let answer = project.ask(["run", "--dry-run", "1", "--shell", line]);
        let warning = "`$((` may execute the name of a file as code; calculate with expr(1) instead";
        assert_eq!(answer.err.contains(warning), is_warned, "{line}: {answer:?}");
    }
}

/// Otherwise, one `sudo autoproc queue add` would lock the owner out.
#[test]
fn files_that_root_makes_belong_to_the_owner_of_the_project() {
    const OWNER: u32 = 12_345;
    let project = TempProject::new();
    if std::os::unix::fs::chown(project.path(""), Some(OWNER), Some(OWNER)).is_err() {
        let _ = writeln!(std::io::stderr().lock(), "skipped: trust::files_that_root_makes needs user 0");
        return;
    }
    project.write("a", "");
    let step = "workflow: {phases: [{id: p, steps: [{shell: 'echo ${file}; sleep 0.01'}]}]}\n";
    project.write("core/workflows/w.yaml", step);
    // Root uses another user's project only if the project is named.
    let ask = |words: &[&str]| project.ask(["--project-dir", "."].iter().chain(words));
    ask(&["queue", "add", "-p", "0", "a", "b"]).expect_code(0);
    ask(&["run", "-r", "0", "--shell", "echo {}; echo {} >&2; test -e {}"]).expect_code(100);
    ask(&["run", "--again", "a", "--workflow", "w"]).expect_code(0);
    ask(&["run", "--again", "a", "--stdout-to", "results/new/{/}", "--", "echo", "{}"]).expect_code(0);
    ask(&["stop"]).expect_code(0);
    let mut folders = [".claude", "logs", "results"].map(|name| project.path(name)).to_vec();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let (path, metadata) =
                entry.map(|entry| (entry.path(), entry.metadata().expect("it exists"))).expect("an entry");
            assert_eq!(metadata.uid(), OWNER, "{}", path.display());
            folders.extend(metadata.is_dir().then(|| path.clone()));
            found.push(path);
        }
    }
    assert!(found.len() > 8 && found.iter().any(|path| path.ends_with("results/new/a")), "{found:?}");
}
